"""What lies directly in one directory, and what its stat values come down to. The only place that reads directories.

Names are the operating system's text here (`os.scandir` on a descriptor gives nothing else); bytes leave this module.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from hashlib import blake2b
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import TYPE_CHECKING

from ckpt_indexer.candidate import Fingerprint, Kind
from ckpt_indexer.discovery import rules
from ckpt_indexer.discovery.listing import Entry
from ckpt_indexer.discovery.place import OPEN_DIRECTORY
from ckpt_indexer.metadata.naming import CHECKPOINT_SUFFIXES, JSON_SIDECAR, YAML_SIDECAR, checkpoint_suffix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.discovery.place import Place
    from ckpt_indexer.discovery.rules import DirectoryFormat

CHECKPOINT_ENDINGS = tuple(suffix.decode() for suffix in CHECKPOINT_SUFFIXES)
ENDINGS = (".ckpt", YAML_SIDECAR.decode(), JSON_SIDECAR.decode(), *CHECKPOINT_ENDINGS)
"""The commonest first: every name in the tree is compared with them."""
MARKER_ENDINGS = tuple(
    name.decode() for name in (rules.TRAINER_STATE, rules.LATEST, rules.DCP_METADATA, rules.SHARD_INDEX)
)
MAX_FILES = 20_000
"""Files of one directory checkpoint that its fingerprint covers."""
MAX_DEPTH = 16
_INT64 = (1 << 63) - 1


class Seen:
    """One directory as it was read: names sorted into what they are to us, stat values of those that matter."""

    __slots__ = ("directories", "entries", "error", "files", "followed", "links", "marked", "others", "specials")

    def __init__(self) -> None:
        self.files: list[tuple[str, os.stat_result]] = []
        """Checkpoint files and metadata documents, with `lstat`."""
        self.entries: list[Entry] = []
        """Links to checkpoint files and, added by the walk, directory checkpoints."""
        self.followed: list[tuple[str, Fingerprint]] = []
        """Links to metadata documents, each with the file it leads to."""
        self.directories: list[str] = []
        self.links: list[str] = []
        """Symbolic links to directories."""
        self.specials: dict[str, str] = {}
        """Names of ours that are no file to read -> why not."""
        self.others: list[str] = []
        self.marked = False
        """A name that may mark a directory checkpoint is here: ask `rules.directory_format`."""
        self.error: OSError | None = None
        """What kept the listing from being complete."""

    def names(self) -> list[bytes]:
        """Return every name in the directory."""
        texts = [name for name, _ in self.files] + self.directories + self.links + self.others + list(self.specials)
        return [os.fsencode(name) for name in texts] + [entry.name for entry in self.entries]

    def all_entries(self) -> list[Entry]:
        """Return everything that counts in this directory, unsorted."""
        found = list(self.entries)
        for name, stat in self.files:
            kind = Kind.FILE if name.endswith(CHECKPOINT_ENDINGS) else None
            found.append(Entry(os.fsencode(name), kind, Fingerprint.of(stat)))
        return found

    def digest(self) -> bytes:
        """Return 16 bytes that change when any name, kind, device, inode, size, mtime or ctime here changes, or of the
        file that a linked document leads to."""
        self.files.sort()
        names: list[str] = []
        values: list[int] = []
        for name, stat in self.files:
            names.append(name)
            values += (
                stat.st_mode, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns,
            )  # fmt: skip
        try:
            packed = struct.pack("=" + "IQQQqq" * len(names), *values)
        except struct.error:  # a time stamp beyond the year 2262
            packed = repr(values).encode()
        made = blake2b(packed, digest_size=16)
        made.update("\0".join(names).encode("utf-8", "surrogateescape"))
        for entry in sorted(self.entries):
            made.update(repr((entry.name, str(entry.kind), tuple(entry.fingerprint), entry.target)).encode())
        for name, fingerprint in sorted(self.followed):
            made.update(repr((os.fsencode(name), tuple(fingerprint))).encode())
        return made.digest()


def read_directory(place: Place, directory: str) -> Seen:
    """Return what lies directly in `directory` (relative to the root, empty for the root itself).

    Raises:
        OSError: it cannot be opened. Errors after that are in `Seen.error`.
    """
    seen = Seen()
    descriptor = os.open(directory or ".", OPEN_DIRECTORY, dir_fd=place.descriptor)
    try:
        with os.scandir(descriptor) as found:
            _sort_in(seen, found, place, directory)
    except OSError as error:
        seen.error = error
    finally:
        os.close(descriptor)
    return seen


def _sort_in(seen: Seen, found: Iterable[os.DirEntry[str]], place: Place, directory: str) -> None:
    """Put each name where it belongs: one stat per checkpoint or document, none for others."""
    files, directories, others = seen.files, seen.directories, seen.others
    options = place.options
    has_excludes = bool(options.excludes)
    for item in found:
        name = item.name
        if has_excludes and rules.excluded(os.fsencode(f"{directory}/{name}" if directory else name), options):
            continue
        if name.endswith(ENDINGS):
            try:
                stat = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                seen.error = error
                continue
            if S_ISREG(stat.st_mode) and name[0] != ".":
                files.append((name, stat))
            else:
                _sort_in_special(seen, item, stat, place.root, directory)
        elif item.is_dir(follow_symlinks=False):
            directories.append(name)
        elif item.is_symlink() and _leads_to_directory(item):
            seen.links.append(name)
        else:
            others.append(name)
            if name.endswith(MARKER_ENDINGS):
                seen.marked = True


def _leads_to_directory(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a loop, or a target behind a closed door
        return False


def _sort_in_special(seen: Seen, item: os.DirEntry[str], stat: os.stat_result, root: bytes, directory: str) -> None:
    """Place an entry with a name of ours that is no plain file: directory, link, FIFO, device, dotfile."""
    name = item.name
    if S_ISDIR(stat.st_mode):
        seen.directories.append(name)
        return
    if name[0] == ".":
        return
    if not name.endswith(CHECKPOINT_ENDINGS):
        seen.files.append((name, stat))  # a document of any kind has a stamp; its reader refuses what is no file
        if S_ISLNK(stat.st_mode):
            with suppress(OSError):  # it leads nowhere
                seen.followed.append((name, Fingerprint.of(item.stat())))
        return
    if not S_ISLNK(stat.st_mode):
        seen.specials[name] = "a FIFO, socket or device is never opened"
        return
    entry = read_link(root, os.fsencode(f"{directory}/{name}" if directory else name))
    if entry is not None:
        seen.entries.append(entry)
    elif _leads_to_directory(item):
        seen.links.append(name)
    else:
        seen.specials[name] = "a symbolic link that leads to no checkpoint file below this root"


def read_link(root: bytes, path: bytes) -> Entry | None:
    """Return a symlink whose target is a regular checkpoint file inside the same root; None for any other link."""
    try:
        real = os.path.realpath(_below(root) + path, strict=True)
        stat = os.lstat(real)
    except OSError:
        return None
    base = _below(root)
    name = real.rpartition(b"/")[2]
    if not S_ISREG(stat.st_mode) or not real.startswith(base) or checkpoint_suffix(name) is None:
        return None
    return Entry(path.rpartition(b"/")[2], Kind.SYMLINK, Fingerprint.of(stat), real[len(base) :])


def _below(root: bytes) -> bytes:
    return root if root.endswith(b"/") else root + b"/"


def directory_entry(place: Place, directory: str, shape: DirectoryFormat) -> Entry:
    """Return a directory checkpoint with its fingerprint: a bounded walk over its files.

    Subdirectories that are checkpoints of their own (`rules.is_entered`) are left out.

    Raises:
        OSError: the directory cannot be looked at.
    """
    own = os.stat(directory, dir_fd=place.descriptor, follow_symlinks=False)
    total, count, mtime, ctime = 0, 0, 0, own.st_ctime_ns
    pending = [(directory, 0)]
    while pending:
        at, depth = pending.pop()
        files, below, changed = _files_in(place, at, MAX_FILES - count)
        ctime = max(ctime, changed)
        for stat in files:
            total += stat.st_size
            mtime, ctime = max(mtime, stat.st_mtime_ns), max(ctime, stat.st_ctime_ns)
        count += len(files)
        if depth < MAX_DEPTH and count < MAX_FILES:
            if not depth:
                below = [name for name in below if not rules.is_entered(shape, os.fsencode(name))]
            pending += [(f"{at}/{name}", depth + 1) for name in reversed(below)]
    fingerprint = Fingerprint(own.st_dev, own.st_ino, min(total, _INT64), mtime or own.st_mtime_ns, ctime)
    return Entry(os.fsencode(directory.rpartition("/")[2]), Kind.DIRECTORY, fingerprint)


def _files_in(place: Place, directory: str, room: int) -> tuple[list[os.stat_result], list[str], int]:
    """Return stats of at most `room` regular files, the subdirectories, and when the directory itself changed."""
    files: list[os.stat_result] = []
    below: list[str] = []
    try:
        descriptor = os.open(directory, OPEN_DIRECTORY, dir_fd=place.descriptor)
    except OSError:
        return files, below, 0
    try:
        changed = os.fstat(descriptor).st_ctime_ns
        with os.scandir(descriptor) as found:
            for item in sorted(found, key=lambda entry: entry.name):
                if item.is_dir(follow_symlinks=False):
                    below.append(item.name)
                elif item.is_file(follow_symlinks=False) and len(files) < room:
                    files.append(item.stat(follow_symlinks=False))
    except OSError:
        return files, below, 0
    finally:
        os.close(descriptor)
    return files, below, changed
