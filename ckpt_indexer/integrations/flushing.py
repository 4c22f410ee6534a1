"""Making documents durable without the training waiting for the disk: a thread of its own that flushes what it is
handed. Knows descriptors; refuses to know documents.

Written and renamed into place a document is whole for every reader at once; only a power cut could still lose it. What
is never flushed here (too much waiting, no thread to be had) the operating system writes back within seconds anyway.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from typing import TYPE_CHECKING

from ckpt_indexer.sidecar.io import flush as _flush

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.integrations.guard import Guard

MAX_WAITING = 32
"""Open descriptors that wait for the disk; a training may need most of the 1,024 that a process has by default."""
PAUSE_S = 1.0
"""Between two rounds of flushing. A journaling file system commits everything with the first flush of a round, and
whatever the training itself writes meanwhile waits for it: rounds are rare."""
PATIENCE_S = 2.0
"""How long the end of a training, or of the process, waits for a disk that does not answer."""


class Flusher:
    """Flushes files and directories later, in order. Its one promise: nobody who hands it something waits or fails.

    The thread lives while something waits. A forked process begins with nothing waiting and no thread.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        flush: Callable[[int], None] = _flush,
        pause_s: float = PAUSE_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._guard = guard
        self._flush = flush
        self._pause_s = pause_s
        self._patience_s = patience_s
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._waiting: dict[tuple[int, int], int] = {}  # (device, inode) -> descriptor of our own
        self._is_running = False
        self._is_closing = False
        self._ends_with_process = False

    def later(self, descriptor: int) -> None:
        """Flush soon what a descriptor has open, which the caller may close at once."""
        self._notice_fork()
        with self._changed:
            with contextlib.suppress(OSError):  # no descriptor to spare: the training needs them more
                self._keep(descriptor)
            if self._waiting and not self._is_running:
                self._start()

    def close(self) -> None:
        """Flush now what is waiting, and wait for it, for a while. More may be handed in afterwards."""
        self._notice_fork()
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._is_running, self._patience_s)
            self._is_closing = False
            if self._ends_with_process:
                atexit.unregister(self.close)
                self._ends_with_process = False

    def _notice_fork(self) -> None:
        """Begin anew in a forked process: its copy of the lock may be held by a thread that it does not have."""
        if self._process != os.getpid():
            self._begin()

    def _keep(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        key = (found.st_dev, found.st_ino)
        if key not in self._waiting and len(self._waiting) < MAX_WAITING:
            self._waiting[key] = os.dup(descriptor)

    def _start(self) -> None:
        if not self._ends_with_process:
            atexit.register(self.close)
            self._ends_with_process = True
        try:
            threading.Thread(target=self._work, name="ckpt-indexer-flusher", daemon=True).start()
        except RuntimeError:  # no thread to be had, or the interpreter is ending
            for descriptor in self._take():
                os.close(descriptor)
        else:
            self._is_running = True

    def _work(self) -> None:
        while batch := self._next():
            for descriptor in batch:
                self._guard.run("making a sidecar durable", self._flush_one, descriptor)

    def _next(self) -> list[int]:
        """Return what to flush, after a pause; nothing when the thread may end."""
        with self._changed:
            if self._waiting:
                self._changed.wait_for(lambda: self._is_closing, self._pause_s)
            else:
                self._is_running = False
                self._changed.notify_all()
            return self._take()

    def _take(self) -> list[int]:
        taken, self._waiting = list(self._waiting.values()), {}
        return taken

    def _flush_one(self, descriptor: int) -> None:
        try:
            self._flush(descriptor)
        finally:
            os.close(descriptor)
