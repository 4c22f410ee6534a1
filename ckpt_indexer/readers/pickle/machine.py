"""The pickle data machine: opcodes to inert nodes. It imports, calls and hashes nothing that a file names.

    run(bytes) -> Pickled -> interpret -> plain data

It knows all opcodes of protocols 0 to 5, bounds everything (`pickle_limits`), never raises for what a file holds, and
keeps what was read before a break. It refuses to know what the names in a pickle mean: `interpret` does.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ckpt_indexer.readers.pickle.limits import Limits
from ckpt_indexer.readers.pickle.nodes import MISSING, Missing, Raw, TensorNode
from ckpt_indexer.readers.pickle.objects import OBJECTS
from ckpt_indexer.readers.pickle.salvage import salvage
from ckpt_indexer.readers.pickle.scalars import SCALARS
from ckpt_indexer.readers.pickle.state import Broken, State, Stopped
from ckpt_indexer.readers.pickle.structures import STRUCTURES
from ckpt_indexer.readers.pickle.tensors import mark

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MISSING", "Limits", "Missing", "Pickled", "run"]

_BATCH = 512
"""Opcodes between two looks at the clock and the size of the stack."""
_ARGUMENT_BYTES = {
    **dict.fromkeys("KhqU\x8c\x8a\x80\x82C", 1),
    **dict.fromkeys("M\x83", 2),
    **dict.fromkeys("JjrXTB\x8b\x84", 4),
    **dict.fromkeys("G\x8d\x8e\x95\x96", 8),
}
"""Opcode -> bytes its argument has at least."""
Table: TypeAlias = "tuple[Callable[[State, int], int], ...]"
"""Code of an opcode -> what does it: (state, position after its code) -> position after its argument."""


@dataclass(frozen=True, slots=True)
class Pickled:
    """What one pickle holds, or held until it broke off."""

    root: Raw
    """`MISSING` when nothing had begun."""
    end: int
    """Position after STOP; position of the opcode where it broke off otherwise."""
    stopped: bool
    """STOP was reached."""
    problems: list[tuple[str, str]]
    """(kind, message); kinds are truncated, malformed and limit."""
    globals_seen: tuple[str, ...]
    """`module.name` of what the pickle wanted imported, in order of appearance. Information, no verdict."""
    opcodes: int
    """Opcodes done."""


def _unknown(state: State, pos: int) -> int:
    raise Broken("malformed", f"an unknown opcode (0x{state.data[pos - 1]:02x})")


def _table(**instead: Callable[[State, int], int]) -> Table:
    known = {**SCALARS, **STRUCTURES, **OBJECTS, **instead}
    return tuple(known.get(chr(code), _unknown) for code in range(256))


ONE_BY_ONE = _table()
"""What every opcode does, by its code."""
IN_STEPS = _table(**{"(": mark})
"""The same; where the opcodes of a tensor follow each other as always, they are done in one step."""


def run(
    data: bytes | memoryview,
    *,
    start: int = 0,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
    table: Table = IN_STEPS,
) -> Pickled:
    """Return what the pickle at `start` holds. Never raises for what the bytes are.

    `table` makes no difference to the result but near a limit, which is looked at less often when steps are longer.
    Bytes beyond `limits.data_bytes` are not looked at; trailing bytes after STOP neither. A memoryview is copied.
    """
    limits = limits or Limits()
    total = len(data)
    bound = start + limits.data_bytes
    buffer = data if type(data) is bytes and total <= bound else bytes(data[:bound])
    state = State(buffer, limits)
    loop = _Loop(state, start, clock, table)
    root: Raw
    try:
        loop.run()
    except Stopped as stopped:
        root, reached = stopped.root, True
        loop.pos += 1
    except Broken as broken:
        cut = broken.kind == "truncated" and total > bound
        why = ("limit", _cut(limits)) if cut else (broken.kind, broken.message)
        state.problems[why] = None
        root, reached = salvage([_in_full(part) for part in (*state.frames, state.stack)]), False
    names = tuple(node.path for node in state.globals.values())
    return Pickled(root, loop.pos, reached, list(state.problems), names, state.opcodes)


def _in_full(values: list[Raw]) -> list[Raw]:
    """Return values with tensors as the calls they are short for: something may wait to be put into them."""
    return [value.call if type(value) is TensorNode else value for value in values]


def _cut(limits: Limits) -> str:
    return f"a pickle longer than {limits.data_bytes} bytes; the rest was not read"


class _Loop:
    """Steps through the opcodes; `pos` is that of the opcode in hand."""

    __slots__ = ("clock", "pos", "state", "table")

    def __init__(self, state: State, pos: int, clock: Callable[[], float], table: Table) -> None:
        self.state = state
        self.pos = pos
        self.table = table
        self.clock = clock

    def run(self) -> None:
        """Go on until STOP or a break.

        Raises:
            Stopped: STOP was reached.
            Broken: anything else; it always ends with one of the two.
        """
        deadline = self.clock() + self.state.limits.wall_s
        while True:
            self._step_batch()
            self._check(deadline)

    def _step_batch(self) -> None:
        state, table, data, pos = self.state, self.table, self.state.data, self.pos
        begun = -1
        try:
            for begun in range(_BATCH):  # noqa: B007  # counts the opcodes begun, also when one raises
                pos = table[data[pos]](state, pos + 1)
        except (IndexError, struct.error) as exc:
            raise self._why(pos) from exc
        except MemoryError as exc:
            raise Broken("limit", "more memory than this process may use") from exc
        finally:
            self.pos = pos
            state.opcodes += begun + 1

    def _check(self, deadline: float) -> None:
        state, limits = self.state, self.state.limits
        if state.opcodes >= limits.opcodes:
            raise Broken("limit", f"more than {limits.opcodes} opcodes")
        if state.held + len(state.stack) > limits.stack:
            raise Broken("limit", f"more than {limits.stack} values on the stack")
        if self.clock() > deadline:
            raise Broken("limit", f"reading took longer than {limits.wall_s:g} s")

    def _why(self, pos: int) -> Broken:
        """Return what an opcode that found too little was missing: bytes, or values on the stack."""
        data = self.state.data
        if pos >= len(data):
            return Broken("truncated", "the pickle ends before its end mark")
        needed = _ARGUMENT_BYTES.get(chr(data[pos]), 0)
        if pos + 1 + needed > len(data):
            return Broken("truncated", "the pickle ends within an opcode")
        return Broken("malformed", "an opcode needs more values than there are on the stack")
