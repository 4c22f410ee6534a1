"""The watches of one root: placing them, taking them away, and knowing what they leave out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.discovery.hints import Change
from ckpt_indexer.discovery.inotify import LIMITS
from ckpt_indexer.discovery.mounts import is_network
from ckpt_indexer.discovery.survey import Subtree, choose_subtrees, count_directories

if TYPE_CHECKING:
    from watchdog.events import FileSystemEventHandler
    from watchdog.observers.api import ObservedWatch

    from ckpt_indexer.discovery.inotify import Observer
    from ckpt_indexer.discovery.options import Options


class Room(NamedTuple):
    """What is left of the limits the roots share."""

    directories: int
    watches: int


class WatchedRoot:
    """One root and how it is watched. Not thread-safe, but for `note_directory`."""

    def __init__(self, path: bytes, options: Options) -> None:
        self.path = path
        self.options = options
        self.watches: dict[ObservedWatch, Subtree] = {}
        """Most recently changed first."""
        self.reason: str | None = None
        """Why not everything is watched."""
        self.left_out = 0
        """Directories that were not to be watched."""
        self.newborn: set[bytes] = set()
        """Absolute paths of directories that appeared where only one level may be watched."""
        self._touched: set[bytes] = set()

    @property
    def is_partial(self) -> bool:
        """Tell whether only chosen parts are watched."""
        return any(not subtree.is_recursive for subtree in list(self.watches.values()))

    @property
    def directories(self) -> int:
        """How many directories its watches held when they were placed."""
        return sum(subtree.directories for subtree in self.watches.values())

    def note_directory(self, absolute: bytes, change: Change) -> None:
        """Remember a directory event for the next check; called from watchdog's thread, without a lock."""
        if change is Change.MODIFIED:
            self._touched.add(absolute)
        elif change is not Change.DELETED and self.is_partial:
            self.newborn.add(absolute)

    def take_touched(self) -> set[bytes]:
        """Return the directories whose attributes changed since the last call: one may be readable now."""
        touched, self._touched = self._touched, set()
        return touched

    def arm(self, observer: Observer, handler: FileSystemEventHandler, filesystem: str, room: Room) -> None:
        """Place the watches that are possible; afterwards `reason` says what is missing."""
        self.reason, self.left_out = None, 0
        self.newborn, self._touched = set(), set()
        if is_network(filesystem):
            self.reason = f"{filesystem} is a network file system, where changes by others give no events"
            return
        for subtree in self._plan(room):
            if not self._place(observer, handler, subtree):
                break

    def disarm(self, observer: Observer) -> None:
        """Take every watch away."""
        for watch in self.watches:
            observer.unwatch(watch)
        self.watches.clear()
        observer.reader.forget_failures(self.path)

    def drop_dead(self, observer: Observer) -> bool:
        """Forget the watches of directories that are gone; tell whether the root's own was among them."""
        dead = [watch for watch in self.watches if not observer.is_watching(watch)]
        for watch in dead:
            observer.unwatch(watch)
        return any(self.watches.pop(watch).path == self.path for watch in dead)

    def adopt_newborn(self, observer: Observer, handler: FileSystemEventHandler, room: Room) -> list[bytes]:
        """Watch the directories that appeared where one level is watched, in place of the least recent parts.

        Returns the absolute paths now watched: scan them, what happened before was not seen.
        """
        born, self.newborn = self.newborn, set()
        adopted = []
        for path in sorted(born):
            size = count_directories(path, room.directories)
            levels = {subtree.path for subtree in self.watches.values() if not subtree.is_recursive}
            if size > room.directories or os.path.dirname(path) not in levels:
                continue
            if room.watches <= 0:
                room = self._evict(observer, room)
            if room.watches > 0 and self._place(observer, handler, Subtree(path, is_recursive=True, directories=size)):
                room = Room(room.directories - size, room.watches - 1)
                adopted.append(path)
        return adopted

    def _plan(self, room: Room) -> list[Subtree]:
        count = count_directories(self.path, room.directories)
        if count <= room.directories:
            return [Subtree(self.path, is_recursive=True, directories=count)]
        total, chosen = choose_subtrees(self.path, max_directories=room.directories, max_watches=max(1, room.watches))
        self.left_out = total - sum(subtree.directories for subtree in chosen)
        self.reason = (
            f"{total} directories are too many to watch; only the most recently changed {len(chosen)} parts are"
        )
        return chosen

    def _place(self, observer: Observer, handler: FileSystemEventHandler, subtree: Subtree) -> bool:
        """Place one watch. False when there is no point in placing more."""
        try:
            watch = observer.watch(handler, subtree.path, recursive=subtree.is_recursive)
        except OSError as error:
            if subtree.path == self.path or error.errno in LIMITS:
                self.reason = f"watching {os.fsdecode(subtree.path)} failed: {error.strerror}"
                return False
        else:
            self.watches[watch] = subtree
        return True

    def _evict(self, observer: Observer, room: Room) -> Room:
        """Give up the least recently changed whole subtree."""
        for watch, subtree in reversed(self.watches.items()):
            if subtree.is_recursive:
                observer.unwatch(watch)
                del self.watches[watch]
                self.left_out += subtree.directories
                return Room(room.directories + subtree.directories, room.watches + 1)
        return room
