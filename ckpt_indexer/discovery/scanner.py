"""The walk over a root: directories come out as listings, whatever they hold. The truth that events only hint at.

One pass, an explicit stack, one stat per checkpoint or document. A directory comes after those below it, because
whether a subdirectory is one checkpoint is known only when it was read. Directory symlinks are reported, never entered.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import TYPE_CHECKING

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.discovery import rules
from ckpt_indexer.discovery.entries import Seen, directory_entry, read_directory, read_link
from ckpt_indexer.discovery.listing import Entry, Listing
from ckpt_indexer.discovery.place import Place, Reach, is_gone, is_same_root, open_place, reach, shape_from, shape_of
from ckpt_indexer.metadata.naming import checkpoint_suffix
from ckpt_indexer.metadata.record import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.discovery.options import Options
    from ckpt_indexer.discovery.rules import DirectoryFormat

PATH_MAX = 4096
"""Longest path the kernel takes, with its final NUL."""


class _Frame:
    """A directory on the walk's stack, with the subdirectories still to be read (the next one last)."""

    __slots__ = ("pending", "seen", "text")

    def __init__(self, text: str, seen: Seen, pending: list[str]) -> None:
        self.text = text
        self.seen = seen
        self.pending = pending


def scan(root: bytes, start: bytes = b"", *, options: Options) -> Iterator[Listing]:
    """Yield a listing of every directory at or below `start` that holds checkpoints, documents or problems.

    `root` is an absolute real path, `start` relative to it. When `start` is no directory that is walked (a file, a
    directory checkpoint, something in one), the one directory that lists it comes instead; when it is gone or excluded,
    nothing. A root that cannot be opened, or is another one at the end of the walk, gives a listing of the root that is
    not complete.
    """
    with open_place(root, options) as (place, failure):
        if place is None:
            yield _broken(root, "", failure)
            return
        if rules.is_walked(start, options):
            yield from _scan_from(place, start)
        if not is_same_root(place):
            problem = Problem("root_changed", "the root was moved, deleted or unmounted while it was scanned")
            yield Listing(root, b"", problems=[(b"", problem)], complete=False)


def list_directory(root: bytes, directory: bytes = b"", *, options: Options) -> Listing | None:
    """Return one directory without those below it; None when it is gone, excluded, or belongs to a checkpoint."""
    with open_place(root, options) as (place, failure):
        if place is None:
            return _broken(root, "", failure)
        try:
            reached = reach(place, directory, {})
        except OSError as error:
            return _broken(root, os.fsdecode(directory), error)
        if not reached.is_walked or not rules.is_walked(directory, options):
            return None
        return _list_alone(place, os.fsdecode(directory), reached.shape)


def _list_alone(place: Place, text: str, shape: DirectoryFormat | None) -> Listing | None:
    frame = _enter(place, text, shape)
    if not isinstance(frame, _Frame):
        return frame
    if shape is not None and not frame.pending:
        return None
    for name in frame.pending:
        below = f"{text}/{name}" if text else name
        inner = shape_of(place, below)
        if inner is not None:
            _add_checkpoint(place, frame, below, inner)
    return _listing(place, frame) or Listing(place.root, os.fsencode(text), digest=frame.seen.digest())


def look(root: bytes, path: bytes, *, options: Options, memo: dict[bytes, Reach] | None = None) -> Candidate | None:
    """Return the candidate at one path now; None when it is gone, cannot be looked at or, by the rules of the walk, is
    no candidate. Only `is_absent` tells these apart.

    `memo` keeps, for one batch of looks at the same root, what the directories on the way are: pass the same empty dict
    to each look of the batch, and a new one to the next.
    """
    with open_place(root, options) as (place, _):
        try:
            return None if place is None else _look(place, path, {} if memo is None else memo)
        except (OSError, ValueError):  # gone meanwhile, unreadable, or a NUL in the path
            return None


def is_absent(root: bytes, path: bytes, *, options: Options) -> bool:
    """Tell whether there is certainly no candidate at a path: it is gone, or what is there is none.

    False when there is one and when the disk does not say: the root is gone, a directory on the way cannot be entered,
    an input/output error.
    """
    with open_place(root, options) as (place, _):
        if place is None:
            return False
        try:
            return _look(place, path, {}) is None
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return True
        except OSError:
            return False


def is_member(root: bytes, path: bytes, *, options: Options) -> bool:
    """Tell whether what lies at a path belongs to a directory checkpoint, which is one candidate as a whole."""
    with open_place(root, options) as (place, _):
        if place is None:
            return False
        try:
            above = reach(place, path.rpartition(b"/")[0], {})
            os.stat(path, dir_fd=place.descriptor, follow_symlinks=False)
        except (OSError, ValueError):
            return False
        return above.shape is not None or above.listed_in is not None


def is_special(path: bytes) -> bool:
    """Tell whether an absolute path with a checkpoint's name leads to what is no file or directory: a FIFO, a broken
    link."""
    if checkpoint_suffix(path.rpartition(b"/")[2]) is None:
        return False
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (S_ISREG(mode) or S_ISDIR(mode))


def _scan_from(place: Place, start: bytes) -> Iterator[Listing]:
    try:
        reached = reach(place, start, {})
    except OSError as error:
        yield _broken(place.root, os.fsdecode(start), error)
        return
    if reached.listed_in is not None:
        listing = list_directory(place.root, reached.listed_in, options=place.options)
        if listing is not None:
            yield listing
    if reached.is_walked:
        yield from _walk(place, os.fsdecode(start))


def _walk(place: Place, start: str) -> Iterator[Listing]:
    """Yield listings, those below a directory before its own."""
    stack = [_Frame("", Seen(), [start])]  # the bottom stands for what is above the start, and is not listed
    while stack:
        above = stack[-1]
        if not above.pending:
            stack.pop()
            listing = _listing(place, above) if stack else None
            if listing is not None:
                yield listing
            continue
        name = above.pending.pop()
        text = f"{above.text}/{name}" if above.text else name
        entered = _enter(place, text, None)
        if isinstance(entered, Listing):
            yield entered
        elif entered is not None:
            shape = shape_from(place, text, entered.seen.names()) if entered.seen.marked and text else None
            if shape is not None:
                _add_checkpoint(place, above, text, shape)
                entered = _Frame(text, Seen(), _only_entered(entered.pending, shape))
            stack.append(entered)


def _enter(place: Place, text: str, shape: DirectoryFormat | None) -> _Frame | Listing | None:
    """Read a directory. Returns a listing that is not complete when it cannot be read, None when it is gone."""
    if len(text) > PATH_MAX // 8 and len(place.root) + 1 + len(os.fsencode(text)) >= PATH_MAX:
        problem = Problem("too_deep", f"the path is longer than the {PATH_MAX - 1} bytes the system can open")
        directory = os.fsencode(text)
        return Listing(place.root, directory, problems=[(directory, problem)], complete=False)
    try:
        seen = read_directory(place, text)
    except OSError as error:
        return None if text and is_gone(place, text) else _broken(place.root, text, error)
    names = [name for name in seen.directories if not rules.is_ignored_directory(os.fsencode(name))]
    names.sort(reverse=True)
    if shape is not None:
        return _Frame(text, Seen(), _only_entered(names, shape))
    return _Frame(text, seen, names)


def _only_entered(names: list[str], shape: DirectoryFormat) -> list[str]:
    return [name for name in names if rules.is_entered(shape, os.fsencode(name))]


def _add_checkpoint(place: Place, frame: _Frame, directory: str, shape: DirectoryFormat) -> None:
    """Put a directory checkpoint among the entries of the directory that lists it."""
    try:
        frame.seen.entries.append(directory_entry(place, directory, shape))
    except OSError as error:
        if not is_gone(place, directory):
            frame.seen.error = error


def _listing(place: Place, frame: _Frame) -> Listing | None:
    """Return the listing of a directory that was read, None when nothing in it matters."""
    seen = frame.seen
    if not (seen.files or seen.entries or seen.links or seen.specials or seen.error):
        return None
    directory = os.fsencode(frame.text)
    listing = Listing(place.root, directory, digest=seen.digest(), entries=seen.all_entries)
    not_followed = "a symbolic link to a directory is not followed; to index what it leads to, name that as a root"
    told = [(name, "symlink_directory", not_followed) for name in seen.links]
    told += [(name, "not_a_file", message) for name, message in seen.specials.items()]
    for name, kind, message in sorted(told):
        path = os.fsencode(f"{frame.text}/{name}" if frame.text else name)
        listing.problems.append((path, Problem(kind, message)))
    if seen.error is not None:
        listing.problems.append((directory, _unreadable(seen.error)))
        listing.complete = False
    return listing


def _broken(root: bytes, text: str, error: OSError | None) -> Listing:
    directory = os.fsencode(text)
    return Listing(root, directory, problems=[(directory, _unreadable(error))], complete=False)


def _unreadable(error: OSError | None) -> Problem:
    reason = "it cannot be opened" if error is None else f"{error.strerror} (errno {error.errno})"
    return Problem("unreadable", f"the directory cannot be read completely: {reason}")


def _look(place: Place, path: bytes, memo: dict[bytes, Reach]) -> Candidate | None:
    directory, _, name = path.rpartition(b"/")
    if name in {b"", b".", b".."} or path.startswith(b"/") or not rules.is_walked(directory, place.options):
        return None
    above = reach(place, directory, memo)
    if not above.is_walked or (above.shape is not None and not rules.is_entered(above.shape, name)):
        return None
    entry = _entry_at(place, path)
    if entry is None:
        return None
    return Candidate(place.root, path, entry.kind or Kind.FILE, entry.fingerprint, entry.target)


def _entry_at(place: Place, path: bytes) -> Entry | None:
    name = path.rpartition(b"/")[2]
    if rules.excluded(path, place.options):
        return None
    stat = os.stat(path, dir_fd=place.descriptor, follow_symlinks=False)
    if S_ISDIR(stat.st_mode):
        text = os.fsdecode(path)
        shape = None if rules.is_ignored_directory(name) else shape_of(place, text)
        return None if shape is None else directory_entry(place, text, shape)
    if rules.role(name, place.options) is not rules.Role.CHECKPOINT:
        return None
    if S_ISLNK(stat.st_mode):
        return read_link(place.root, path)
    return Entry(name, Kind.FILE, Fingerprint.of(stat)) if S_ISREG(stat.st_mode) else None
