"""Which files lie around a directory of checkpoints: names and stats only, bounded, never through a linked directory.

Knows no format. Directories are listed once and remembered while they do not change, so that a thousand checkpoints of
one run cost one listing.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.candidate import FileStamp
from ckpt_indexer.metadata.runs import split_path
from ckpt_indexer.sources.input_names import (
    ARGUMENTS,
    CONFIG_SUFFIXES,
    EVENTS,
    METRICS_CSV,
    RESULTS_CSV,
    RUN_CONFIGS,
    SHELVES,
    SUMMARY_CSV,
    TRAINER_STATE,
    is_time,
    is_version,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DIRECTORIES = 64
"""Numbered directories considered in one place: the newest, by their numbers."""
MAX_FILES = 10_000
"""Files considered in one directory, in the order of their names."""
MAX_LEVELS = 8
"""Directories from a checkpoint's up to its run's."""
_REMEMBERED = 1_024
_TICK_NS = 20_000_000
"""A directory that changed within this time before being listed may have changed again within one tick of its clock.
Its listing is used that long only, by the sources that look one after the other."""
_SECOND_NS = 1_000_000_000
"""On file systems whose times are whole seconds a tick is two of these."""
_NAMES = frozenset({*RUN_CONFIGS, METRICS_CSV, SUMMARY_CSV, RESULTS_CSV, ARGUMENTS, TRAINER_STATE})
_NUMBERS_LENGTH = 20

Place = tuple[bytes, FileStamp]
"""Path relative to the root, and the stamp of the entry itself."""


class Listed(NamedTuple):
    """The names in one directory that a source may care about."""

    files: frozenset[bytes]
    """Entries that are no directories: links, FIFOs and the like included, their reader refuses them."""
    directories: tuple[bytes, ...]
    """Shelves of loggers, then numbered directories, the highest number first."""


_NOTHING = Listed(frozenset(), ())


class _Remembered(NamedTuple):
    """A listing, and what the directory looked like when it was made."""

    state: tuple[int, int, int]
    """Device, inode, mtime in ns."""
    made_ns: int
    listed: Listed

    def holds(self, state: tuple[int, int, int], now_ns: int) -> bool:
        """Tell whether the directory still has these names, given its state now."""
        tick = _TICK_NS if state[2] % _SECOND_NS else 2 * _SECOND_NS
        return self.state == state and (self.made_ns - state[2] > tick or 0 <= now_ns - self.made_ns < _TICK_NS)


class Around:
    """Looks around checkpoints. Safe to share between threads. `clock` returns the time in ns since 1970, as mtimes."""

    def __init__(self, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, _Remembered] = OrderedDict()

    def listed(self, root: bytes, directory: bytes) -> Listed:
        """Return what there is in a directory (relative to the root); nothing when it is absent, a link or no
        directory."""
        path = absolute(root, directory)
        try:
            found = os.lstat(path)
        except OSError:  # absent, or not ours to see: whoever scans the directory reports that
            return _NOTHING
        if not stat.S_ISDIR(found.st_mode):
            return _NOTHING
        state = (found.st_dev, found.st_ino, found.st_mtime_ns)
        now_ns = self._clock()
        with self._lock:
            known = self._known.get(path)
            if known is not None and known.holds(state, now_ns):
                self._known.move_to_end(path)
                return known.listed
        listed = _list(path)
        with self._lock:
            self._known[path] = _Remembered(state, now_ns, listed)
            self._known.move_to_end(path)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return listed

    def present(self, root: bytes, directory: bytes, names: tuple[bytes, ...]) -> list[Place]:
        """Return those of the names that are files in a directory, in the order given."""
        files = self.listed(root, directory).files
        places = (place_of(root, join(directory, name)) for name in names if name in files)
        return [place for place in places if place is not None]


def place_of(root: bytes, path: bytes) -> Place | None:
    """Return a path with its stamp; None when it is absent or a directory."""
    try:
        found = os.lstat(absolute(root, path))
    except (OSError, ValueError):
        return None
    return None if stat.S_ISDIR(found.st_mode) else (path, FileStamp(found.st_size, found.st_mtime_ns))


def is_directory(root: bytes, path: bytes) -> bool:
    """Tell whether a path is a directory of its own, no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(absolute(root, path)).st_mode)
    except OSError:
        return False


def run_levels(directory: bytes) -> tuple[bytes, ...]:
    """Return the directories from one of checkpoints up to that of its run, both included, the nearest first."""
    run = b"/".join(split_path(join(directory, b"x.ckpt")).run)
    levels = [directory]
    while levels[-1] != run and levels[-1] and len(levels) < MAX_LEVELS:
        levels.append(levels[-1].rpartition(b"/")[0])
    return tuple(levels)


def ancestors(directory: bytes) -> tuple[bytes, ...]:
    """Return a directory and all above it up to the root, the nearest first."""
    levels = [directory]
    while levels[-1]:
        levels.append(levels[-1].rpartition(b"/")[0])
    return tuple(levels)


def join(directory: bytes, name: bytes) -> bytes:
    """Return the path of a name in a directory; the empty directory is the root."""
    return directory + b"/" + name if directory else name


def absolute(root: bytes, path: bytes) -> bytes:
    """Return an absolute path for looking at."""
    if not path:
        return root
    return root + path if root.endswith(b"/") else root + b"/" + path


def _list(path: bytes) -> Listed:
    files: list[bytes] = []
    shelves: list[bytes] = []
    numbered: list[bytes] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if _is_file_of_interest(name):
                    if not _is_directory(entry):
                        files.append(name)
                elif name in SHELVES:
                    if _is_directory(entry):
                        shelves.append(name)
                elif (is_version(name) or is_time(name)) and _is_directory(entry):
                    numbered.append(name)
    except OSError:
        return _NOTHING
    numbered.sort(key=_number, reverse=True)
    return Listed(frozenset(sorted(files)[:MAX_FILES]), (*sorted(shelves), *numbered[:MAX_DIRECTORIES]))


def _is_directory(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_file_of_interest(name: bytes) -> bool:
    return name in _NAMES or name.startswith(EVENTS) or (name.endswith(CONFIG_SUFFIXES) and not name.startswith(b"."))


def _number(name: bytes) -> tuple[int, bytes]:
    """Return the number in a name, for sorting; a longer one comes later, whatever its digits."""
    digits = bytes(byte for byte in name if 48 <= byte <= 57)[:_NUMBERS_LENGTH]
    return int(digits), name
