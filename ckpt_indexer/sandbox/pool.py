"""A few disposable children that do jobs on hostile bytes, shared by threads. Refuses to know what the jobs are."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

from ckpt_indexer import errors
from ckpt_indexer.sandbox.limits import Limits
from ckpt_indexer.sandbox.process import ChildProcess

if TYPE_CHECKING:
    from types import TracebackType

_log = logging.getLogger(__name__)
_TREE = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.CkptIndexerError)
}


class Pool:
    """At most `size` children, started when needed, replaced after a failure or when they have done enough."""

    def __init__(
        self,
        *,
        size: int = 2,
        limits: Limits | None = None,
        recycle_after: int = 200,
        recycle_bytes: int = 150 << 20,
        idle_s: float | None = None,
    ) -> None:
        """Replace a child after so many jobs or when it holds so much memory; end the idle ones when nobody has asked
        for `idle_s` (None: keep them as long as the pool)."""
        if size < 1:
            raise ValueError("a pool needs at least one child")
        self._limits = limits or Limits()
        self._recycle_after = recycle_after
        self._recycle_bytes = recycle_bytes
        self._idle_s = idle_s
        self._expiry: threading.Timer | None = None
        self._used_at = 0.0
        self._turns = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        self._closed = False
        # A child dies with the thread that started it (`limits.bind`), callers' threads may be short-lived.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-starter")

    def call(self, function: str, **arguments: Any) -> Any:  # noqa: ANN401  # JSON values
        """Run `module:function` of this package in a child with JSON arguments; return its JSON value.

        Blocks the calling thread until a child is free and has answered.

        Raises:
            LimitExceeded: too much time, memory or answer.
            ReaderDied: the child ended without an answer.
            ResourceShortage: no child can be started now.
            CkptIndexerError: what the function raised, as the same class.
            ReaderError: the function failed in any other way.
        """
        with self._turns:
            child = self._take()
            reusable = False
            try:
                answer = child.ask(function, arguments)
                reusable = self._reusable(child, answer)
            finally:
                self._give_back(child, reusable=reusable)
        if "value" in answer:
            return answer["value"]
        raise self._error(function, answer.get("error"))

    def close(self) -> None:
        """Kill and reap all children; a call under way ends with ReaderDied."""
        with self._lock:
            self._closed = True
            children = [*self._idle, *self._busy]
            idle, self._idle = self._idle, []
            expiry = self._expiry
        if expiry is not None:
            expiry.cancel()
        for child in children:
            child.terminate()
        for child in idle:
            child.kill()
        self._starter.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def pids(self) -> list[int]:
        """Return the process ids of the children there are now, for health and tests."""
        with self._lock:
            return sorted(child.pid for child in (*self._idle, *self._busy))

    def _take(self) -> ChildProcess:
        """Return an idle child that still lives, else a new one."""
        with self._lock:
            if self._closed:
                raise errors.ReaderDied("the pool of parser children is closed")
            while self._idle:
                child = self._idle.pop()
                if child.alive:
                    self._busy.add(child)
                    return child
                child.kill()
        return self._start()

    def _start(self) -> ChildProcess:
        try:
            child = self._starter.submit(ChildProcess.start, self._limits).result()
        except RuntimeError as exc:  # closed meanwhile
            raise errors.ReaderDied("the pool of parser children is closed") from exc
        with self._lock:
            self._busy.add(child)
            closed = self._closed
        if closed:
            self._give_back(child, reusable=False)
            raise errors.ReaderDied("the pool of parser children is closed")
        return child

    def _reusable(self, child: ChildProcess, answer: dict[str, Any]) -> bool:  # JSON values
        if child.jobs_done >= self._recycle_after or not child.alive:
            return False
        out_of_memory = answer.get("error", {}).get("type") == MemoryError.__name__
        return not out_of_memory and child.resident_bytes() <= self._recycle_bytes

    def _give_back(self, child: ChildProcess, *, reusable: bool) -> None:
        with self._lock:
            self._busy.discard(child)
            if reusable and not self._closed:
                self._idle.append(child)
                self._expire_later()
                return
        child.kill()

    def _expire_later(self) -> None:
        """Begin to wait, anew, for the children to be idle for too long. The lock is held."""
        self._used_at = time.monotonic()
        if self._idle_s is not None and self._expiry is None:
            self._await_expiry(self._idle_s)

    def _await_expiry(self, wait_s: float) -> None:
        self._expiry = threading.Timer(wait_s, self._expire)
        self._expiry.daemon = True
        self._expiry.start()

    def _expire(self) -> None:
        """End the idle children, or wait on where one was busy since: one thread waits, however many jobs there are."""
        with self._lock:
            self._expiry = None
            left = self._used_at + (self._idle_s or 0.0) - time.monotonic()
            if left > 0 and not self._closed:
                self._await_expiry(left)
                return
            idle, self._idle = self._idle, []
        for child in idle:
            child.kill()

    def _error(self, function: str, told: dict[str, Any] | None) -> errors.CkptIndexerError:  # JSON values
        """Return the error a child told of."""
        if not isinstance(told, dict):
            return errors.ReaderDied("the parser child answered nonsense")
        name, message = str(told.get("type")), str(told.get("message"))
        if name == MemoryError.__name__:
            limit = self._limits.memory_bytes
            return errors.LimitExceeded(f"the parser child needed more than {limit >> 20} MiB", limit_bytes=limit)
        if name in _TREE:
            return _TREE[name](message, path=told.get("path"), **(told.get("details") or {}))
        _log.error(
            "a job in a parser child failed",
            extra={"job": function, "error": name, "child_traceback": told.get("traceback")},
        )
        return errors.ReaderError(f"{function} failed: {name}: {message}")
