"""Places that could not be read because this process was short of something: look again, ever less often. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckpt_indexer.ingest.sighting import Place

FIRST_S = 0.5
LONGEST_S = 30.0


class Retries:
    """When to look at which place again; a place is forgotten once it has been read."""

    def __init__(self) -> None:
        self._due: dict[Place, float] = {}
        self._attempts: dict[Place, int] = {}

    def __len__(self) -> int:
        return len(self._attempts)

    def note(self, place: Place, now: float) -> None:
        """Reading this place failed for want of descriptors, memory or processes: look again later than last time."""
        attempt = self._attempts.get(place, 0)
        self._attempts[place] = attempt + 1
        self._due[place] = now + min(LONGEST_S, FIRST_S * 2.0 ** min(attempt, 16))

    def forget(self, place: Place) -> None:
        """The place has been read, or is gone."""
        if self._attempts:
            self._attempts.pop(place, None)
            self._due.pop(place, None)

    def due(self, now: float) -> list[Place]:
        """Return the places to look at now; each is named once per `note`."""
        places = [place for place, when in self._due.items() if when <= now]
        for place in places:
            del self._due[place]
        return places

    def next_due(self) -> float | None:
        """Return when the next place is due, None when nothing waits."""
        return min(self._due.values(), default=None)
