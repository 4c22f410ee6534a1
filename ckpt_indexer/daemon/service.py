"""The daemon: lock, writer's thread, watcher, socket, and the loop that keeps them alive and the roots honest.

start   lock -> writer -> watcher -> first scan -> socket -> face -> ready
stop    face -> socket -> watcher -> writer -> lock, within the deadline
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ckpt_indexer.daemon.lock import CatalogLock
from ckpt_indexer.daemon.notify import Notifier
from ckpt_indexer.daemon.requests import Requests
from ckpt_indexer.daemon.roots import RootKeeper
from ckpt_indexer.daemon.wire import Server
from ckpt_indexer.daemon.worker import Worker, report_of
from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.discovery.watcher import Watcher
from ckpt_indexer.errors import ComponentFailed, DaemonError, StoreError
from ckpt_indexer.ingest.inbox import Inbox
from ckpt_indexer.ingest.targets import add_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ckpt_indexer.daemon.face import Face
    from ckpt_indexer.daemon.options import Options
    from ckpt_indexer.discovery.options import Options as DiscoveryOptions
    from ckpt_indexer.errors import DatabaseCorrupt
    from ckpt_indexer.ingest.indexer import Indexer

log = logging.getLogger(__name__)

STOP_S = 4.0
"""Time for an orderly stop; what is not done then is done by the next start."""
TICK_S = 0.25
HEALTH_S = 0.1
"""How long a question about health waits for the writer; one that is busy for longer answers with what it said last."""


@dataclass(frozen=True, slots=True)
class ServeStarted:
    """What the daemon says when it is ready."""

    roots: tuple[str, ...]
    database: str
    url: str
    handed_to: int | None = None
    """Pid of the running daemon that took the new roots over; None when this process serves."""
    page: str | None = None
    """Address of the page, with the token; None where there is none."""


@dataclass(frozen=True, slots=True)
class Build:
    """How the daemon's parts are made; `app` fills this in."""

    database: Path
    open_indexer: Callable[[Inbox], Indexer]
    """Called on the writer's thread, at the start and whenever the database must be opened anew."""
    repair: Callable[[DatabaseCorrupt], None]
    """Moves a damaged database aside."""
    rules: Callable[[bytes], DiscoveryOptions]
    """Absolute root -> what is looked at in it."""
    face: Callable[[Service], Face] | None = None
    """Makes what answers over HTTP; None: nothing does."""
    notifier: Notifier = field(default_factory=Notifier)
    """Tells the service manager that started us, where one did."""


class Service:
    """One catalog, kept equal to the disk until a signal ends it."""

    def __init__(self, build: Build, options: Options) -> None:
        self._build = build
        self._options = options
        self.inbox = Inbox()
        self._stop = threading.Event()
        self._signals = 0
        self._began = time.monotonic()
        self.worker = self._new_worker()
        self._open_files: tuple[int, int] | None = None
        self._next_check = 0.0
        self._failures = 0
        self._revive_at = self._revive_pause_s = 0.0
        self._face: Face | None = None

    def run(self, *, on_ready: Callable[[ServeStarted], None], on_hangup: Callable[[], None] | None = None) -> int:
        """Serve until SIGTERM or SIGINT; return 0.

        Raises:
            AlreadyRunning: another process keeps this catalog.
            StoreError: the catalog cannot be opened.
            ComponentFailed: a part died and could not be started again.
        """
        with ExitStack() as stack:
            stack.callback(self._restore_signals, self._take_signals(on_hangup))
            stack.enter_context(CatalogLock(self._build.database))
            self.worker.start()
            stack.callback(self._stop_worker)
            paths = self.worker.call(lambda indexer: [root.path for root in indexer.intake.roots.values()])
            self.watcher = Watcher((), self.inbox.put)
            for path in paths:
                self.watcher.add_root(path, self._build.rules(path))
            stack.callback(lambda: self.watcher.stop(timeout_s=1.0))
            self.watcher.start()
            self.roots = RootKeeper(self.worker, lambda: self.watcher, self.inbox, self._options)
            self.roots.note_modes()
            stack.callback(self.roots.note_end)
            server = Server(self._build.database, Requests(self).handle)
            stack.callback(server.close)
            self._remember_database()
            names = tuple(os.fsdecode(path) for path in paths)
            url = self._open_face(stack)
            on_ready(ServeStarted(names, str(self._build.database), url))
            self._build.notifier.ready(f"watching {len(names)} roots, url {url}")
            stack.callback(self._build.notifier.stopping)
            self._supervise()
        return 0

    def _open_face(self, stack: ExitStack) -> str:
        """Start what answers over HTTP; return its address."""
        if self._build.face is None:
            return "none"
        self._face = self._build.face(self)
        stack.callback(self._face.close)
        self._face.start()
        return self._face.url

    def stop(self) -> None:
        """Ask the service to end; `run` returns soon after."""
        self._stop.set()

    def add_roots(self, paths: Sequence[bytes], names: Mapping[bytes, str]) -> list[bytes]:
        """Watch and scan more directories (real absolute paths); return those that are new. From any thread.

        Raises:
            SettingsError: one contains a known root, or lies in one.
        """

        def add(indexer: Indexer) -> list[bytes]:
            fresh = [path for path in paths if indexer.root_at(path) is None]
            for path in fresh:
                add_root(indexer, path, names.get(path))
            return fresh

        added = self.worker.call(add)
        self.watch(added)
        return added

    def watch(self, paths: Sequence[bytes]) -> None:
        """Watch and scan roots that the catalog knows already."""
        for path in paths:
            self.watcher.add_root(path, self._build.rules(path))
            self.inbox.put(Hint(HintKind.ROOT, path, b""))
        if paths:
            self.roots.reload()
            self.roots.note_modes()

    def health(self) -> dict[str, Any]:  # JSON values
        """Return how the service is: parts, backlog, coverage. Answers from any thread."""
        worker = self.worker
        try:
            report = worker.call(report_of, timeout_s=HEALTH_S)
        except DaemonError:  # it is busy, waits for a lock, or is being started again
            report = {**worker.report, "busy": True}
            report["trouble"] = worker.silence() or report.get("trouble")
        degraded = [reason for reason in (report.pop("trouble", None), *self.roots.complaints()) if reason]
        return {
            "status": "degraded" if degraded else "ok",
            "reasons": degraded,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._began, 1),
            "dropped_hints": self.inbox.dropped,
            "watcher_restarts": self.roots.restarts,
            "writer_restarts": self.worker.restarts + self._failures,
            "watch": self.roots.coverage(),
            "watched_directories": self.watcher.coverage()._asdict(),
            "lost_events": self.watcher.losses,
            **report,
        }

    # -- supervision

    def _supervise(self) -> None:
        while not self._stop.wait(TICK_S):
            now = time.monotonic()
            status = f"{self.inbox.depth()} hints wait"
            self._build.notifier.alive(now, last_step=self.worker.last_step, status=status)
            if not self.worker.is_alive() and now >= self._revive_at:
                self._revive_worker()
            if now >= self._next_check:
                self._next_check = now + self._options.check_s
                if self._face is not None and not self._face.is_alive():
                    raise ComponentFailed("the HTTP interface ended; see the log")
                self._check_database()
                self.roots.check(now)

    def _revive_worker(self) -> None:
        """The writer's thread ended: start another, and let a scan find what was in flight.

        A bug is borne five times. A database that refuses is not given up: longer and longer pauses lie between tries.
        """
        failure = self.worker.failure
        if not isinstance(failure, StoreError):
            self._failures += 1
            log.error("the writer's thread ended; starting it again", exc_info=failure)
            if self._failures > 5:
                raise ComponentFailed("the writer's thread keeps ending; see the log") from failure
        elif not self._revive_pause_s:
            log.warning("the catalog cannot be used; trying again: %s", failure)
        self.worker = self.roots.worker = self._new_worker(self.worker.roots)
        try:
            self.worker.start()
        except StoreError:
            self._revive_pause_s = min(10.0, max(1.0, self._revive_pause_s * 2))
            self._revive_at = time.monotonic() + self._revive_pause_s
            return
        self._revive_pause_s = 0.0
        self.roots.reload()
        self._remember_database()

    def _check_database(self) -> None:
        """SQLite reports nothing when its file is deleted or replaced: compare the path with the file we opened."""
        if self._open_files is None or self._identity() == self._open_files:
            return
        restarts = self.worker.restarts
        self.worker.reopen()
        while self.worker.is_alive() and self.worker.restarts == restarts and not self._stop.wait(TICK_S):
            pass
        if self.worker.restarts > restarts:
            self.roots.reload()
            self._remember_database()

    def _remember_database(self) -> None:
        self._open_files = self._identity()

    def _identity(self) -> tuple[int, int] | None:
        try:
            stat = os.stat(self._build.database)
        except OSError:
            return None
        return (stat.st_dev, stat.st_ino)

    def _new_worker(self, roots: Mapping[bytes, str] | None = None) -> Worker:
        build, inbox = self._build, self.inbox
        return Worker(open_indexer=lambda: build.open_indexer(inbox), repair=build.repair, inbox=inbox, roots=roots)

    def _stop_worker(self) -> None:
        if not self.worker.stop(timeout_s=STOP_S):
            log.warning("the writer did not stop in time; the next start takes up what is left")

    # -- signals

    def _take_signals(self, on_hangup: Callable[[], None] | None) -> dict[signal.Signals, Any]:  # handlers have no type
        if threading.current_thread() is not threading.main_thread():
            return {}

        def end(number: int, _frame: object) -> None:
            self._signals += 1
            self._stop.set()
            if number == signal.SIGINT and self._signals > 1:
                os._exit(130)

        def hang_up(_number: int, _frame: object) -> None:
            if on_hangup is not None:
                threading.Thread(target=on_hangup, name="reload", daemon=True).start()

        before: dict[signal.Signals, Any] = {}  # handlers have no type
        for number, handler in ((signal.SIGTERM, end), (signal.SIGINT, end), (signal.SIGHUP, hang_up)):
            before[number] = signal.signal(number, handler)
        return before

    @staticmethod
    def _restore_signals(before: dict[signal.Signals, Any]) -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
