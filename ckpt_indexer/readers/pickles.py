"""Running the pickle machine over a part of a file and turning what it built into plain data, within one budget."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ckpt_indexer.readers.contents import note
from ckpt_indexer.readers.interpret.plain import interpret
from ckpt_indexer.readers.nodes import Opaque
from ckpt_indexer.readers.pickle import machine as pickle_machine
from ckpt_indexer.readers.pickle.gadgets import gadgets
from ckpt_indexer.readers.pickle.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.readers.header import Header
    from ckpt_indexer.readers.nodes import Plain
    from ckpt_indexer.readers.opening import OpenFile
    from ckpt_indexer.readers.pickle.machine import Pickled

MAX_PICKLE_BYTES = 64 << 20
FIRST_PART_BYTES = 4 << 20
"""Of a pickle that is too large: its first keys (epoch, step) lie here."""
WALL_S = 5.0
"""For all pickles of one checkpoint; the child's own limit is 10 s and kills it."""
_STEPS = (256 << 10, 4 << 20, MAX_PICKLE_BYTES)
"""How much of a stream is read at first, and then, while its pickle has not ended."""


@dataclass(slots=True)
class Budget:
    """Time that is left for the pickles of one checkpoint."""

    clock: Callable[[], float] = time.monotonic
    wall_s: float = WALL_S
    _ends: float = field(init=False)

    def __post_init__(self) -> None:
        self._ends = self.clock() + self.wall_s

    def limits(self) -> Limits:
        """Return the machine's limits for the next run."""
        return replace(Limits(), wall_s=max(0.05, self._ends - self.clock()))

    def spent(self) -> bool:
        """Tell whether there is no time left for what is not essential."""
        return self.clock() >= self._ends


def run(data: bytes, budget: Budget) -> Pickled:
    """Run the machine over one pickle that lies in memory."""
    return pickle_machine.run(data, limits=budget.limits())


def run_first_part(data: bytes, budget: Budget) -> Pickled:
    """Run the machine over the first part of a pickle that is too large: that it does not end there is no damage."""
    pickled = run(data, budget)
    return replace(pickled, problems=_undamaged(pickled))


def _undamaged(pickled: Pickled) -> list[tuple[str, str]]:
    """Return the problems without that of missing bytes: they are in the file and were not read."""
    return [problem for problem in pickled.problems if problem[0] != "truncated"]


def run_stream(file: OpenFile, start: int, budget: Budget) -> Pickled:
    """Run the machine over the pickle that begins at `start` of a file and ends nobody knows where.

    `end` of the result counts from `start`.
    """
    for count in _STEPS:
        data = file.read(start, count)
        pickled = run(data, budget)
        if pickled.stopped or start + len(data) >= file.size or budget.spent():
            break
        if not any(kind == "truncated" for kind, _ in pickled.problems):
            break
    else:
        limit = ("limit", f"a pickle longer than {MAX_PICKLE_BYTES} bytes; only the first are read")
        pickled = replace(pickled, problems=[*_undamaged(pickled), limit])
    return pickled


def plain(
    pickled: Pickled, header: Header, read_scalar: Callable[[str, str, int], bytes | None] | None = None
) -> Plain:
    """Return the plain data of a run; its problems are added to the header."""
    for kind, message in pickled.problems:
        note(header, kind, message)
    asked_for = gadgets(pickled.globals_seen)
    if asked_for:
        note(header, "suspicious", f"its pickle asks for {', '.join(asked_for)}: loading it as usual may run something")
    interpreted = interpret(pickled, read_scalar=read_scalar)
    for kind, message in interpreted.problems:
        note(header, kind, message)
    return interpreted.value


def note_root(header: Header, root: Plain) -> None:
    """Add a problem when the root is no mapping."""
    if isinstance(root, dict):
        return
    what = "nothing" if root is None else type(root).__name__
    if isinstance(root, Opaque):
        what = f"an object of {root.module}.{root.name}"[:200]
    note(header, "not_a_mapping", f"its pickle holds no mapping but {what}; such a file says little of itself")
