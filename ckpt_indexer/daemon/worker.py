"""The writer's thread: opens the catalog, steps the indexer, and opens the catalog anew when its file is lost."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, TypeVar

from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.errors import CkptIndexerError, DaemonError, DatabaseCorrupt
from ckpt_indexer.ingest.targets import add_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ckpt_indexer.ingest.inbox import Inbox
    from ckpt_indexer.ingest.indexer import Indexer

log = logging.getLogger(__name__)

T = TypeVar("T")

SILENT_S = 2.0
"""A step that takes longer keeps others waiting: it waits for a lock, or something is wrong."""
ALIVE_S = 0.25
"""Between looks at whether the thread that should answer still runs."""


class Worker:
    """Runs one indexer on one thread. Others talk to it through `call`, never directly."""

    def __init__(
        self,
        *,
        open_indexer: Callable[[], Indexer],
        repair: Callable[[DatabaseCorrupt], None],
        inbox: Inbox,
        roots: Mapping[bytes, str] | None = None,
    ) -> None:
        self._open = open_indexer
        self._repair = repair
        self._inbox = inbox
        self._indexer: Indexer | None = None
        self.roots = dict(roots or {})
        """Roots of the catalog that was closed last, with their names: a lost database takes its own list with it."""
        self._stop = threading.Event()
        self._opened = threading.Event()
        self._lost = threading.Event()
        self.failure: BaseException | None = None
        """What ended the thread, when it was not asked to end."""
        self.last_step = time.monotonic()
        self.report: dict[str, Any] = {}  # JSON values
        """How the indexer was after its last step (`report_of`)."""
        self.restarts = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self, *, timeout_s: float = 60.0) -> None:
        """Start the thread and wait until the catalog is open.

        Raises:
            CkptIndexerError: the catalog cannot be opened.
        """
        self._thread.start()
        if not self._opened.wait(timeout_s):
            raise DaemonError("the catalog could not be opened in time; another process may hold it")
        if self.failure is not None:
            raise self.failure

    def stop(self, *, timeout_s: float) -> bool:
        """Ask the thread to end and wait; return whether it did. What was acknowledged is written already."""
        self._stop.set()
        self._inbox.poke()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def silence(self) -> str | None:
        """Return why nobody hears from the thread: it has ended, or is at one step for longer than any should take."""
        if not self.is_alive():
            return str(self.failure or "the writer's thread has ended")
        since_s = time.monotonic() - self.last_step
        return f"the writer has been at one thing for {since_s:.0f} s" if since_s > SILENT_S else None

    def call(self, function: Callable[[Indexer], T], *, timeout_s: float = 30.0) -> T:
        """Run `function` with the indexer on the writer's thread and return its result.

        Raises:
            DaemonError: the thread has ended, or did not answer in time.
        """
        future = self._inbox.call(lambda: function(self._current()))
        deadline = time.monotonic() + timeout_s
        while not future.done():
            left, alive = deadline - time.monotonic(), self._thread.is_alive()
            if alive and left > 0:
                wait([future], min(left, ALIVE_S))
            elif future.cancel() or not future.done():
                late = f"the writer did not answer within {timeout_s:.0f} s"
                raise DaemonError(late if alive else "the writer's thread has ended") from self.failure
        return future.result()

    def reopen(self) -> None:
        """Ask the thread to open the catalog anew, because its file was deleted or replaced."""
        self._lost.set()
        self._inbox.poke()

    def _current(self) -> Indexer:
        if self._indexer is None:
            raise DaemonError("the catalog is not open")
        return self._indexer

    def _begin(self) -> None:
        try:
            self._indexer = self._open()
        except DatabaseCorrupt as error:
            self._repair(error)
            self._indexer = self._open()
        for path, name in self.roots.items():
            add_root(self._indexer, path, name)
        for root in list(self._indexer.intake.roots.values()):
            self._inbox.put(Hint(HintKind.ROOT, root.path, b""))

    def _run(self) -> None:
        try:
            self._begin()
            self._opened.set()
            while not self._stop.is_set():
                self._step()
        except BaseException as error:  # noqa: BLE001  # the supervisor logs it and starts a new thread, or raises it
            self.failure = error
        finally:
            self._opened.set()
            self._close()

    def _step(self) -> None:
        """One step. A damaged database is moved aside and built anew; other faults end the thread."""
        try:
            if self._lost.is_set():
                self._lost.clear()
                log.error("the catalog's file was deleted or replaced; opening it anew and scanning every root")
                self._close()
                self._begin()
                self.restarts += 1
            self._current().step(timeout_s=1.0)
        except DatabaseCorrupt as error:
            log.error("the catalog is damaged; building it anew from the disk: %s", error)  # noqa: TRY400  # no bug of ours
            self._close()
            self._repair(error)
            self._begin()
            self.restarts += 1
        self.report = report_of(self._current())
        self.last_step = time.monotonic()

    def _close(self) -> None:
        indexer, self._indexer = self._indexer, None
        if indexer is None:
            return
        self.roots = {root.path: root.name for root in indexer.intake.roots.values()}
        try:
            indexer.close()
        except CkptIndexerError as error:
            log.warning("the catalog did not close cleanly: %s", error)


def report_of(indexer: Indexer) -> dict[str, Any]:  # JSON values
    """Return how an indexer is: its trouble, what waits, whether it is busy. Writer's thread only."""
    return {
        "trouble": None if indexer.trouble is None else str(indexer.trouble),
        "backlog": indexer.inbox.depth(),
        "waiting": indexer.intake.waiting,
        "busy": indexer.busy,
        "seq": indexer.writer.seq,
    }
