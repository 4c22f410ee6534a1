"""Rows whose files seem gone: wait the grace time, look again, and only then say `missing`.

Nothing turns missing because an event said so, and nothing turns missing while its root is gone. A row of a file that
became part of a directory checkpoint turns missing too, for whoever follows the catalog, and then ends.
"""

from __future__ import annotations

import os
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeVar

from ckpt_indexer.discovery.scanner import is_absent, is_member
from ckpt_indexer.metadata.record import Presence
from ckpt_indexer.store.changes import Dissolved, PresenceChanged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.intake import Intake
    from ckpt_indexer.ingest.outbox import Outbox
    from ckpt_indexer.ingest.sighting import Rules
    from ckpt_indexer.store.changes import Known, RootRow

K = TypeVar("K")
AT_ONCE = 500
"""Looks at a time."""


class Absences:
    """Places to look at again before their rows turn missing."""

    def __init__(self, *, outbox: Outbox, intake: Intake, clock: Clock, rules: Rules, grace_s: float) -> None:
        self._outbox = outbox
        self._intake = intake
        self._clock = clock
        self._rules = rules
        self._grace_s = grace_s
        self._due: dict[tuple[int, bytes], float] = {}
        self._members: dict[int, float] = {}
        """Rows of files that belong to a directory checkpoint now, and when they end."""

    def __len__(self) -> int:
        return len(self._due)

    def suspect(self, root: RootRow, path: bytes) -> None:
        """Look at this path again after the grace time."""
        self._due.setdefault((root.id, path), self._clock.monotonic() + self._grace_s)

    def suspect_tree(self, root: RootRow, prefix: bytes) -> None:
        """Look at every present row at or below this path again after the grace time."""
        for row in self._outbox.writer.known_under(root.id, prefix):
            if row.presence == Presence.PRESENT:
                self.suspect(root, row.path)

    def next_due(self) -> float | None:
        """Return the monotonic time of the earliest look, None when nothing waits."""
        firsts = [next(iter(due.values()), None) for due in (self._due, self._members)]  # every wait is equally long
        return min((first for first in firsts if first is not None), default=None)

    def settle(self) -> int:
        """Look at what is due; return how many rows turned missing."""
        now = self._clock.monotonic()
        for row_id in _taken(self._members, now):
            self._outbox.add(Dissolved(row_id))
        found = [self._outbox.writer.known_at(*key) for key in _taken(self._due, now)]
        return self.declare([row for row in found if row is not None])

    def declare(self, rows: Iterable[Known]) -> int:
        """Turn those of the rows missing whose paths lead nowhere while their roots are there; return how many.

        A path that the disk does not let us look at (a closed directory, an input/output error) says nothing.
        """
        count = 0
        for row in rows:
            root = self._intake.roots.get(row.root_id)
            if root is None or row.presence != Presence.PRESENT or not is_in_place(root):
                continue
            if not is_absent(root.path, row.path, options=self._rules(root.path)):
                continue
            self._outbox.add(PresenceChanged(row.id, Presence.MISSING))
            if is_member(root.path, row.path, options=self._rules(root.path)):
                self._members[row.id] = self._clock.monotonic() + self._grace_s
            self._intake.leave((root.path, row.path))
            for alias in self._outbox.writer.aliases_of(row.id):
                self._intake.again[self._intake.roots[alias.root_id].path, alias.path] = True
            count += 1
        return count


def _taken(waiting: dict[K, float], now: float) -> list[K]:
    """Take out what is due of what waits, in order, some at a time: whole trees go at once."""
    due = list(takewhile(lambda key: waiting[key] <= now, islice(waiting, AT_ONCE)))
    for key in due:
        del waiting[key]
    return due


def is_in_place(root: RootRow) -> bool:
    """Tell whether the root's path still leads to the directory we know."""
    try:
        stat = os.stat(root.path)
    except OSError:
        return False
    return root.inode is None or (stat.st_dev, stat.st_ino) == (root.device, root.inode)
