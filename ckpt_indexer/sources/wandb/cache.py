"""What the W&B API answered, kept by run: the seam to whoever stores it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol


class Cached(NamedTuple):
    """One kept answer."""

    answer: dict[str, Any]
    """JSON values as `wandb_api` made them."""
    fetched_at: float
    """Seconds since 1970, UTC."""
    final: bool
    """The run has ended: the answer holds forever."""


class WandbCache(Protocol):
    """Answers by `entity/project/id`. Called from several threads; what `put` took, `get` gives at once."""

    def get(self, run_key: str) -> Cached | None:
        """Return the answer kept for a run; None when there is none."""
        ...

    def put(self, run_key: str, answer: dict[str, Any], fetched_at: float, *, final: bool) -> None:
        """Keep an answer, in place of any earlier one of that run."""
        ...


class MemoryCache:
    """Keeps answers for the life of the process: for one scan without a daemon, and for tests."""

    def __init__(self, *, limit: int = 1_000) -> None:
        self._limit = limit
        self._kept: dict[str, Cached] = {}

    def get(self, run_key: str) -> Cached | None:
        """Return the answer kept for a run; None when there is none."""
        return self._kept.get(run_key)

    def put(self, run_key: str, answer: dict[str, Any], fetched_at: float, *, final: bool) -> None:
        """Keep an answer; beyond the limit the oldest one goes."""
        self._kept.pop(run_key, None)
        self._kept[run_key] = Cached(answer, fetched_at, final)
        while len(self._kept) > self._limit:
            self._kept.pop(next(iter(self._kept)))
