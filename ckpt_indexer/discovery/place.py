"""A root held open by a descriptor, and what the directories on the way to a path are.

Relative to the descriptor a root renamed or unmounted in the middle of a walk stays the one that was opened.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import islice
from stat import S_ISDIR
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.discovery import rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ckpt_indexer.discovery.options import Options
    from ckpt_indexer.discovery.rules import DirectoryFormat

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Place(NamedTuple):
    """An open root."""

    root: bytes
    """Absolute real path."""
    descriptor: int
    options: Options


class Reach(NamedTuple):
    """How far a walk from the root gets towards a directory."""

    is_walked: bool
    """Every directory down to and with this one is entered."""
    shape: DirectoryFormat | None
    """What makes it one checkpoint; then only the subdirectories of `rules.is_entered` are."""
    listed_in: bytes | None
    """The directory whose listing holds the checkpoint or file the way ends at; None when it is an ordinary directory,
    or gone."""


_GONE = Reach(is_walked=False, shape=None, listed_in=None)


@contextmanager
def open_place(root: bytes, options: Options) -> Iterator[tuple[Place | None, OSError | None]]:
    """Hold a root open; gives None and the error when it cannot be opened."""
    try:
        descriptor = os.open(root, OPEN_DIRECTORY)
    except OSError as error:
        yield None, error
        return
    try:
        yield Place(root, descriptor, options), None
    finally:
        os.close(descriptor)


def reach(place: Place, directory: bytes, memo: dict[bytes, Reach]) -> Reach:
    """Return how a walk comes to a relative directory. `memo` keeps the answers for the directories on the way.

    Raises:
        OSError: a directory on the way cannot be looked into.
    """
    at, found = b"", Reach(is_walked=True, shape=None, listed_in=None)
    for name in directory.split(b"/") if directory else ():
        above, at = at, at + b"/" + name if at else name
        known = memo.get(at)
        if known is None:
            known = memo[at] = _step(place, found, above, at)
        found = known
        if not found.is_walked:
            break
    return found


def shape_of(place: Place, directory: str) -> DirectoryFormat | None:
    """Return what makes a directory one checkpoint; None when nothing does or it cannot be read.

    Only `rules.MAX_SHARDED_NAMES` names are listed unless a marker asks for all.
    """
    try:
        names = list_names(place, directory, rules.MAX_SHARDED_NAMES + 1)
        if len(names) > rules.MAX_SHARDED_NAMES:
            markers = (rules.TRAINER_STATE, rules.DCP_METADATA)
            if not any(_exists(place, os.fsencode(directory) + b"/" + marker) for marker in markers):
                return None
            names = list_names(place, directory, None)
    except OSError:
        return None
    return shape_from(place, directory, names)


def shape_from(place: Place, directory: str, names: Iterable[bytes]) -> DirectoryFormat | None:
    """Return what makes a directory with these names in it one checkpoint; None when nothing does."""
    found = frozenset(names)

    def inner() -> Iterator[bytes]:
        for name in found:
            try:
                yield from list_names(place, f"{directory}/{os.fsdecode(name)}", None)
            except OSError:  # a file, or a directory that cannot be read
                continue

    return rules.directory_format(os.fsencode(directory.rpartition("/")[2]), found, inner)


def list_names(place: Place, directory: str, limit: int | None) -> list[bytes]:
    """Return at most `limit` names in a directory.

    Raises:
        OSError: it is no directory, or cannot be read.
    """
    descriptor = os.open(directory or ".", OPEN_DIRECTORY, dir_fd=place.descriptor)
    try:
        with os.scandir(descriptor) as found:
            return [os.fsencode(item.name) for item in islice(found, limit)]
    finally:
        os.close(descriptor)


def is_gone(place: Place, directory: str) -> bool:
    """Tell whether no directory is at a relative path any more."""
    try:
        stat = os.stat(directory, dir_fd=place.descriptor, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return not S_ISDIR(stat.st_mode)


def is_same_root(place: Place) -> bool:
    """Tell whether the root's path still leads to the directory that was opened."""
    try:
        now = os.lstat(place.root)
    except OSError:
        return False
    then = os.fstat(place.descriptor)
    return (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino)


def _step(place: Place, above: Reach, parent: bytes, directory: bytes) -> Reach:
    name = directory.rpartition(b"/")[2]
    if above.shape is not None and not rules.is_entered(above.shape, name):
        return Reach(is_walked=False, shape=None, listed_in=above.listed_in)
    try:
        stat = os.stat(directory, dir_fd=place.descriptor, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return _GONE
    if not S_ISDIR(stat.st_mode):
        return Reach(is_walked=False, shape=None, listed_in=parent)
    shape = shape_of(place, os.fsdecode(directory))
    return Reach(is_walked=True, shape=shape, listed_in=None if shape is None else parent)


def _exists(place: Place, path: bytes) -> bool:
    try:
        os.stat(path, dir_fd=place.descriptor, follow_symlinks=False)
    except OSError:
        return False
    return True
