"""Adapts watchdog's inotify observer. Contains no decisions about checkpoints.

What watchdog 7.1 hides is made visible here: a queue overflow (it only logs), a directory it could not watch (it
swallows the error), one it may not read (it books a watch number -1), and which of its threads still live.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
)
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter, InotifyWatchGroup
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD
from watchdog.utils.delayed_queue import DelayedQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers.api import ObservedWatch
    from watchdog.observers.inotify_c import CallbackId, Mask, WatchCallback, WatchDescriptor
    from watchdog.observers.inotify_move_event_grouper import GroupedInotifyEvent

logger = logging.getLogger(__name__)

EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileMovedEvent, FileClosedEvent, FileModifiedEvent, FileDeletedEvent, FileAttribEvent,
    DirCreatedEvent, DirMovedEvent, DirDeletedEvent, DirAttribEvent,
]  # fmt: skip
"""What is asked for. Never opened or closed-without-writing: our own reading would feed the queue. Not `DirModified`
either: inotify has no such event, watchdog adds one to each of the others."""
PAIRING_DELAY_S = 0.05
"""How long a moved-from event waits for its other half. The kernel queues both halves together; watchdog's 0.5 s holds
up every event behind one that has none (a file moved out of the tree)."""
LIMITS = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class Reader(InotifyFD):
    """The one thread that reads the kernel's queue, for all roots."""

    def __init__(self, on_loss: Callable[[], None]) -> None:
        super().__init__()
        self._on_loss = on_loss
        """Called on this thread when events may have been lost; must not block."""
        self._failures_lock = threading.Lock()
        self._failures: dict[bytes, int] = {}
        self._moves_lock = threading.Lock()
        self._moves: set[int] = set()
        """Cookies of directories' moved-from events whose other half has not come."""

    def handle_event(self, event: InotifyEvent) -> None:
        """Pass an event on; tell of an overflow after watchdog has placed its watches anew.

        A directory moved out of the tree, replaced by one of the same name, and both deleted: watchdog then looks for a
        path it has dropped. That must not end the thread every root depends on.
        """
        self._note_move(event)
        try:
            super().handle_event(event)
        except KeyError:
            logger.warning("watchdog lost track of a watch; scanning instead", exc_info=True)
            self._on_loss()
        if event.is_queue_overflow:
            self._on_loss()

    def tell_loss(self) -> None:
        """Say that events may have been lost. From any thread."""
        self._on_loss()

    def has_lost_track(self) -> bool:
        """Tell, once, whether a directory moved to a place that was not watched at that moment.

        That place may be a directory made just before. The kernel goes on telling of the moved tree through the watches
        it has, but under the former path, until they are placed anew.
        """
        with self._moves_lock:
            lost, self._moves = self._moves, set()
        return bool(lost)

    def _note_move(self, event: InotifyEvent) -> None:
        if not (event.is_move and event.is_directory):
            return
        with self._moves_lock:
            if event.is_moved_from:
                self._moves.add(event.cookie)
            else:
                self._moves.discard(event.cookie)

    def add_callback(self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId) -> WatchDescriptor:
        """Watch a directory; remember when that fails for a reason that does not go away by itself."""
        try:
            descriptor = super().add_callback(path, mask, callback, id_)
        except OSError as error:
            if error.errno in LIMITS or error.errno == errno.EACCES:
                with self._failures_lock:
                    self._failures[path] = error.errno
            raise
        with self._failures_lock:
            self._failures.pop(path, None)
        return descriptor

    def _add_callback(self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId) -> WatchDescriptor:
        """Book a watch. watchdog's own version takes "permission denied" for watch number -1, and on every second
        sighting of a directory (usual with `mkdir -p`) builds a warning that names all watches there are."""
        watch = self._get_or_create_watch(path, mask)
        if watch.wd == -1:
            self._watch_for_wd.pop(watch.wd, None)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        watch.callbacks[id_] = callback
        return watch.wd

    def failures(self, below: bytes) -> dict[bytes, int]:
        """Return the directories at or below a path that could not be watched, with their error numbers."""
        with self._failures_lock:
            found = dict(self._failures)
        base = below if below.endswith(b"/") else below + b"/"
        return {path: number for path, number in found.items() if path == below or path.startswith(base)}

    def forget_failures(self, below: bytes) -> None:
        """Drop what is known of a tree before its watches are placed anew."""
        for path in self.failures(below):
            with self._failures_lock:
                self._failures.pop(path, None)

    def held(self) -> int | None:
        """Return how many watches the kernel holds for us; None when it does not say."""
        try:
            with open(f"/proc/self/fdinfo/{self._inotify_fd}", encoding="ascii") as lines:
                return sum(line.startswith("inotify ") for line in lines)
        except OSError:
            return None


class EventQueue(DelayedQueue["GroupedInotifyEvent"]):
    """watchdog's queue of events, passing a move on as soon as its other half is there. The original sleeps for the
    whole delay when it is asked between the two halves, which is most of the time on two cores."""

    def get(self) -> GroupedInotifyEvent | None:
        """Wait for the next event; None when the queue has been closed."""
        with self._not_empty:
            while not self._closed:
                left = self._left()
                if left is not None and left <= 0:
                    return self._queue.popleft()[0]
                self._not_empty.wait(left)
        return None

    def _left(self) -> float | None:
        """Return the seconds until the first event may go; None when there is none."""
        if not self._queue:
            return None
        _, since, waits = self._queue[0]
        return since + self.delay - time.monotonic() if waits else 0.0


class WatchGroup(InotifyWatchGroup):
    """watchdog's watches of one tree, however deep it is: `os.walk` calls itself for every level (until Python 3.12),
    and a tree of a thousand directories in each other would end the thread all roots depend on."""

    def _add_all_callbacks(self, path: bytes) -> None:
        """Watch a directory and, where everything below it is to be watched, all below."""
        self._add_callback(path)
        if self.is_recursive:
            for place, directories, _ in _walk(path):
                for name in directories:
                    self._add_callback(os.path.join(place, name))

    def _recursive_simulate(self, src_path: bytes) -> list[InotifyEvent]:
        """Return an event for everything in a directory that is new: it may have come before the watch."""
        events = []
        for place, directories, others in _walk(src_path):
            watch = self._active_callbacks_by_path.get(place)
            if watch is None:  # its own event will watch it and tell of its content
                continue
            created = InotifyConstants.IN_CREATE
            made_in = created | InotifyConstants.IN_ISDIR
            events += [InotifyEvent(watch, cast("Mask", made_in), 0, name) for name in directories]
            events += [InotifyEvent(watch, created, 0, name) for name in others]
        return events


def _walk(top: bytes) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """Yield every directory from `top` down with the names of the directories and of the other entries in it.

    What cannot be read is left out; links are not followed.
    """
    pending = [top]
    while pending:
        place = pending.pop()
        directories: list[bytes] = []
        others: list[bytes] = []
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                (directories if entry.is_dir(follow_symlinks=False) else others).append(entry.name)
        yield place, directories, others
        pending += [os.path.join(place, name) for name in directories]


class _Emitter(InotifyEmitter):
    """watchdog's emitter with a shorter wait for the other half of a move, and a word for each half without another."""

    def on_thread_start(self) -> None:
        """Place the watches; may raise as `Observer.watch` does."""
        path, mask = os.fsencode(self.watch.path), self.get_event_mask_from_filter()
        group = WatchGroup(self._inotify_fd, path, event_mask=mask, is_recursive=self.watch.is_recursive)
        group._move_event_grouper._queue = EventQueue(PAIRING_DELAY_S)  # noqa: SLF001  # nothing was read yet, and a scan comes after
        self._inotify = group

    def queue_events(self, timeout: float, *, full_events: bool = False) -> None:
        """Wait for the next event; a stopped emitter is silent, where watchdog logs an error."""
        if self.should_keep_running():
            super().queue_events(timeout, full_events=full_events)

    def build_and_queue_event(self, event: GroupedInotifyEvent, *, full_events: bool = True) -> None:
        """Report what was moved in from a place nobody watches as moved, not as created: it is complete.

        What lies in a directory that moved is told by watchdog with `os.walk`: too deep a tree is left to a scan.
        """
        try:
            super().build_and_queue_event(event, full_events=full_events)
        except RecursionError:
            reader = self._inotify_fd
            if isinstance(reader, Reader):
                reader.tell_loss()


class Observer(BaseObserver):
    """watchdog's inotify observer around our `Reader`."""

    def __init__(self, on_loss: Callable[[], None]) -> None:
        self.reader = Reader(on_loss)
        super().__init__(_Emitter, inotify_fd=self.reader)

    def on_thread_start(self) -> None:
        """Start reading before the first watch is placed."""
        self.reader.start()
        super().on_thread_start()

    def on_thread_stop(self) -> None:
        """Take all watches away and let the reader end."""
        super().on_thread_stop()
        self.reader.stop()
        if self.reader.ident is not None:
            self.reader.join()

    def watch(self, handler: FileSystemEventHandler, path: bytes, *, recursive: bool) -> ObservedWatch:
        """Watch a directory.

        Raises:
            OSError: not even the directory itself can be watched.
        """
        return self.schedule(handler, os.fsdecode(path), recursive=recursive, event_filter=EVENTS)

    def unwatch(self, watch: ObservedWatch) -> None:
        """Stop watching; one that watchdog has dropped already is fine."""
        try:
            self.unschedule(watch)
        except KeyError:
            logger.debug("watch was gone already", extra={"path": watch.path})

    def is_watching(self, watch: ObservedWatch) -> bool:
        """Tell whether the thread of a watch lives: it ends when the watched directory is deleted."""
        emitter = self._emitter_for_watch.get(watch)
        return emitter is not None and emitter.is_alive()

    def dead_threads(self) -> list[str]:
        """Return the names of the threads all roots depend on that have ended."""
        threads = {"reader": self.reader, "dispatcher": self}
        return [name for name, thread in threads.items() if not thread.is_alive()]
