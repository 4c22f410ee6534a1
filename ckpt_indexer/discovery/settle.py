"""When is a file at rest? Pure: fingerprints and the time come in, Ready or Wait comes out.

A file is ready when its writer said it is done with exactly this fingerprint, when it has been still for the whole
delay, or when its own times say it has been still for that long already.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Fingerprint

K = TypeVar("K", bound=Hashable)


class Ready(NamedTuple):
    """Read it now."""

    reason: str
    """finished | still | old: why."""


class Wait(NamedTuple):
    """It may still be written."""

    until: float
    """Look again then, on the clock of `now`."""


Verdict: TypeAlias = Ready | Wait


@dataclass(slots=True)
class _Watched:
    fingerprint: Fingerprint
    since: float
    """When this fingerprint was first seen."""
    until: float
    changes: int = 0


class Settle(Generic[K]):
    """Remembers the files that are not at rest yet, and nothing about the others."""

    def __init__(self, delay_s: float = 0.5, *, max_wait_s: float = 5.0) -> None:
        self._delay_s = delay_s
        self._max_wait_s = max(max_wait_s, delay_s)
        self._watched: dict[K, _Watched] = {}
        self._queue: list[tuple[float, int, K]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._watched)

    def __contains__(self, key: K) -> bool:
        return key in self._watched

    def observe(
        self, key: K, fingerprint: Fingerprint, *, now: float, finished: bool = False, age_s: float | None = None
    ) -> Verdict:
        """Return whether a file seen with this fingerprint can be read; a ready file is forgotten.

        `finished`: its writer closed it or moved it into place. `age_s`: seconds since its newest time stamp, None when
        the clock cannot be trusted.
        """
        if finished:
            self.forget(key)
            return Ready("finished")
        if age_s is not None and age_s >= self._delay_s:
            self.forget(key)
            return Ready("old")
        seen = self._watched.get(key)
        if seen is not None and seen.fingerprint == fingerprint:
            if now - seen.since >= self._delay_s:
                self.forget(key)
                return Ready("still")
            return self._wait(key, seen, seen.since + self._delay_s)
        changes = 0 if seen is None else seen.changes + 1
        pause = min(self._delay_s * 2.0 ** min(changes, 16), self._max_wait_s)
        return self._wait(key, _Watched(fingerprint, now, now, changes), now + pause)

    def due(self, now: float) -> list[K]:
        """Return the keys to look at again, longest due first. Each is named once per `observe`; one that is then
        neither observed nor forgotten comes back after the longest pause."""
        found: dict[K, None] = {}
        while self._queue and self._queue[0][0] <= now:
            until, _, key = heapq.heappop(self._queue)
            seen = self._watched.get(key)
            if seen is not None and seen.until == until:
                found[key] = None
        keys = list(found)
        for key in keys:
            self._wait(key, self._watched[key], now + self._max_wait_s)
        return keys

    def next_due(self) -> float | None:
        """Return when the next key is due, None when nothing waits."""
        while self._queue:
            until, _, key = self._queue[0]
            seen = self._watched.get(key)
            if seen is not None and seen.until == until:
                return until
            heapq.heappop(self._queue)
        return None

    def forget(self, key: K) -> None:
        """Drop a key: it is gone, or no longer of interest."""
        self._watched.pop(key, None)
        if len(self._queue) > 64 and len(self._queue) > 4 * len(self._watched):
            self._compact()

    def _wait(self, key: K, seen: _Watched, until: float) -> Wait:
        """Schedule the key; the clock may go backwards, so a wait is never longer than the longest pause."""
        is_new = self._watched.get(key) is not seen or seen.until != until
        seen.until = until
        self._watched[key] = seen
        if is_new:
            self._number += 1
            heapq.heappush(self._queue, (until, self._number, key))
            if len(self._queue) > 64 and len(self._queue) > 4 * len(self._watched):
                self._compact()
        return Wait(until)

    def _compact(self) -> None:
        """Rebuild the queue from what is watched, so that it stays in proportion."""
        self._queue = [(seen.until, number, key) for number, (key, seen) in enumerate(self._watched.items())]
        heapq.heapify(self._queue)
        self._number = len(self._queue)
