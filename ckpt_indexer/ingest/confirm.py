"""Second looks: a directory in which something happened is listed once more when it has been quiet for a while.

Events are hints, and some never come or come in an order that cannot be understood one by one. The periodic scan would
mend that after minutes; one listing of just the directories concerned does after seconds. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckpt_indexer.ingest.sighting import Place

QUIET_S = 2.5
"""Longer than the grace time of what seems gone."""
LONGEST_S = 30.0
"""A directory that is never quiet is listed this often all the same."""
MOST = 5_000
"""Directories kept in mind; beyond that the periodic scan is left to find what was missed."""


class Confirmations:
    """Which directories to list again, and when."""

    def __init__(self, *, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._due: dict[Place, float] = {}
        self._latest: dict[Place, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def note(self, root: bytes, directory: bytes, now: float) -> None:
        """Something happened directly in a directory."""
        place = (root, directory)
        if place not in self._due and len(self._due) >= MOST:
            return
        latest = self._latest.setdefault(place, now + LONGEST_S)
        self._due.pop(place, None)  # keeps the longest quiet ones first
        self._due[place] = min(now + self._quiet_s, latest)

    def due(self, now: float) -> list[Place]:
        """Return the directories to list now; each once per time of quiet."""
        places = []
        for place, when in self._due.items():
            if when > now:
                break
            places.append(place)
        for place in places:
            del self._due[place], self._latest[place]
        return places

    def next_due(self) -> float | None:
        """Return when the next directory is due, None when none is."""
        return next(iter(self._due.values()), None)
