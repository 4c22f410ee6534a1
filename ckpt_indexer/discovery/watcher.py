"""Watches roots and turns what happens there into hints. Refuses to decide anything from an event.

Events are never trusted to be complete. Whatever may have been missed (an overflow, a dead thread, a watch that could
not be placed) comes out as a hint to scan the root, or as a reason in `needs_scan`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ckpt_indexer.discovery.handler import Handler, Tally
from ckpt_indexer.discovery.inotify import LIMITS, Observer
from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.discovery.mounts import filesystem_of
from ckpt_indexer.discovery.options import Options
from ckpt_indexer.discovery.watched import Room, WatchedRoot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)

OVERFLOW_PAUSE_S = 5.0
"""Losses within this time make one round of scans."""
RETRY_S = 30.0
"""First pause before watches that could not be placed are tried again; doubles up to `MAX_RETRY_S`."""
MAX_RETRY_S = 900.0


class WatcherFault(NamedTuple):
    """Something is wrong with the watching itself."""

    kind: Literal["thread_died", "not_started", "root_lost", "watch_limit"]
    """`thread_died` and `not_started`: call `restart()`. `root_lost`: call `rearm(root)` once the root is back.
    `watch_limit`: nothing to do, `needs_scan` covers it and `check` tries again."""
    root: bytes | None
    message: str


class Coverage(NamedTuple):
    """How much of the roots is watched."""

    held: int
    """Directories the kernel watches for us."""
    wanted: int
    """Directories that should be watched, those on network file systems aside."""


class Watcher:
    """Hints about changes below some roots (absolute real paths), from inotify through watchdog.

    `sink` is called from several threads; it must return at once and must not call back into the watcher. The public
    methods may be called from any thread. Neither the handler nor a loss of events waits for a lock of ours: watchdog
    holds its own while it calls us.
    """

    def __init__(
        self,
        roots: Iterable[bytes],
        sink: Callable[[Hint], None],
        options: Options | None = None,
        *,
        mountinfo: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = Options() if options is None else options
        self._sink = sink
        self._mountinfo = _read_mountinfo if mountinfo is None else mountinfo
        self._clock = clock
        self._roots = {path: WatchedRoot(path, self._options) for path in roots}
        self._retries: dict[bytes | None, tuple[float, float]] = {}
        self._lock = threading.RLock()
        self._observer: Observer | None = None
        self._is_wanted = False
        self._lost_at: float | None = None
        self._is_loss_open = False
        self.losses = 0
        """Times events were lost: queue overflows above all."""
        self.restarts = 0
        self._tally = Tally()

    @property
    def handler_errors(self) -> int:
        """Events that could not be handled."""
        return self._tally.errors

    def start(self) -> None:
        """Watch every root as far as possible. Never raises: what is not watched is in `needs_scan`."""
        with self._lock:
            self._is_wanted = True
            try:
                observer = Observer(self._on_loss)
                observer.start()
            except OSError as error:  # no inotify instance left
                self._postpone(None)
                for root in self._roots.values():
                    root.reason = f"no watching at all: {error.strerror}"
                return
            self._retries.pop(None, None)
            self._observer = observer
            for root in self._roots.values():
                self._arm(root, observer)

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Stop watching. False when watchdog's threads did not end in time; they end with the process."""
        with self._lock:
            self._is_wanted = False
            observer, self._observer = self._observer, None
            for root in self._roots.values():
                root.watches.clear()
        if observer is None:
            return True
        ending = threading.Thread(target=_end, args=(observer,), name="watcher-stop", daemon=True)
        ending.start()
        ending.join(timeout_s)
        if ending.is_alive():
            logger.warning("watchdog did not stop in time", extra={"timeout_s": timeout_s})
        return not ending.is_alive()

    def restart(self, timeout_s: float = 2.0) -> None:
        """Build everything anew after a thread died, and ask for a scan of every root."""
        with self._lock:
            self.stop(timeout_s)
            self.restarts += 1
            self.start()
        self._hint_all_roots()

    def add_root(self, root: bytes, options: Options | None = None) -> None:
        """Watch one more root."""
        with self._lock:
            self._roots[root] = WatchedRoot(root, self._options if options is None else options)
            if self._observer is not None:
                self._arm(self._roots[root], self._observer)

    def remove_root(self, root: bytes) -> None:
        """Watch one root less."""
        with self._lock:
            watched = self._roots.pop(root, None)
            if watched is not None and self._observer is not None:
                watched.disarm(self._observer)

    def rearm(self, root: bytes) -> None:
        """Place the watches of a root anew (it came back, it is another directory) and ask for a scan of it."""
        with self._lock:
            watched, observer = self._roots.get(root), self._observer
            if watched is None:
                return
            if observer is not None:
                watched.disarm(observer)
                self._arm(watched, observer)
        self._sink(Hint(HintKind.ROOT, root, b""))

    def check(self, now: float) -> list[WatcherFault]:
        """Look after the watching; call it every second or two with the time of the clock given at the start."""
        if self._is_loss_open and (self._lost_at is None or now - self._lost_at >= OVERFLOW_PAUSE_S):
            self._is_loss_open, self._lost_at = False, now
            self._hint_all_roots()
        with self._lock:
            observer = self._observer
            if observer is None:
                if not self._is_wanted or not self._is_due(None, now):
                    return []
                return [WatcherFault("not_started", None, "the system gives no inotify instance")]
            dead = observer.dead_threads()
            if dead:
                return [WatcherFault("thread_died", None, f"watchdog's {' and '.join(dead)} thread died")]
            if observer.reader.has_lost_track():
                for path in list(self._roots):
                    self.rearm(path)
            faults = []
            for root in list(self._roots.values()):
                faults += self._check_root(root, observer, now)
            return faults

    def mode_of(self, root: bytes) -> Literal["events", "poll"]:
        """Return how changes below a root are noticed."""
        watched = self._roots.get(root)
        return "events" if watched is not None and watched.watches else "poll"

    def needs_scan(self) -> dict[bytes, str]:
        """Return the roots that events do not cover, with the reason: scan each of them every 30 s."""
        with self._lock:
            reasons = {}
            for root in self._roots.values():
                missing = self._missing(root)
                if missing:
                    reasons[root.path] = f"{missing} directories could not be watched: no inotify watches left"
                elif root.reason is not None:
                    reasons[root.path] = root.reason
                elif not root.watches:
                    reasons[root.path] = "not watched"
            return reasons

    def coverage(self) -> Coverage:
        """Return how many directories are watched, and how many should be."""
        with self._lock:
            held = None if self._observer is None else self._observer.reader.held()
            if held is None:
                held = sum(root.directories for root in self._roots.values())
            return Coverage(held, held + sum(root.left_out + self._missing(root) for root in self._roots.values()))

    def _check_root(self, root: WatchedRoot, observer: Observer, now: float) -> list[WatcherFault]:
        if root.drop_dead(observer):
            return [WatcherFault("root_lost", root.path, "the root was deleted or its watch ended")]
        if root.newborn:
            adopted = root.adopt_newborn(observer, Handler(root, self._sink, self._tally), self._room(root.options))
            for path in adopted:
                self._sink(Hint(HintKind.TREE, root.path, path[len(root.path.rstrip(b"/")) + 1 :]))
        missing = self._missing(root)
        touched = root.take_touched()
        became_readable = any(observer.reader.failures(path) for path in touched)
        if became_readable or (missing and self._is_due(root.path, now)):
            self.rearm(root.path)
        elif not missing:
            self._retries.pop(root.path, None)
        return [WatcherFault("watch_limit", root.path, f"{missing} directories are not watched")] if missing else []

    def _arm(self, root: WatchedRoot, observer: Observer) -> None:
        try:
            filesystem = filesystem_of(root.path, self._mountinfo())
        except OSError:  # no /proc: watch and hope, scans go on anyway
            filesystem = ""
        root.arm(observer, Handler(root, self._sink, self._tally), filesystem, self._room(root.options))
        if root.reason is not None:
            logger.info("root is not watched completely", extra={"root": os.fsdecode(root.path), "why": root.reason})

    def _room(self, options: Options) -> Room:
        used = sum(root.directories for root in self._roots.values())
        watches = sum(len(root.watches) for root in self._roots.values())
        return Room(max(0, options.max_watched_directories - used), max(0, options.max_watches - watches))

    def _missing(self, root: WatchedRoot) -> int:
        """Return how many directories below a root the system's limits kept from being watched."""
        if self._observer is None:
            return 0
        return sum(number in LIMITS for number in self._observer.reader.failures(root.path).values())

    def _is_due(self, key: bytes | None, now: float) -> bool:
        """Tell whether a retry is due, and plan the next one."""
        at, _ = self._retries.get(key) or self._postpone(key)
        if now < at:
            return False
        self._postpone(key)
        return True

    def _postpone(self, key: bytes | None) -> tuple[float, float]:
        _, before = self._retries.get(key, (0.0, 0.0))
        pause = min(before * 2 or RETRY_S, MAX_RETRY_S)
        self._retries[key] = (self._clock() + pause, pause)
        return self._retries[key]

    def _on_loss(self) -> None:
        """Events were lost, says the reader's thread: scan all roots, once per `OVERFLOW_PAUSE_S`."""
        self.losses += 1
        now = self._clock()
        if self._lost_at is not None and now - self._lost_at < OVERFLOW_PAUSE_S:
            self._is_loss_open = True
            return
        self._lost_at = now
        self._hint_all_roots()

    def _hint_all_roots(self) -> None:
        for path in list(self._roots):
            self._sink(Hint(HintKind.ROOT, path, b""))


def _end(observer: Observer) -> None:
    observer.stop()
    observer.join()


def _read_mountinfo() -> str:
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
