"""Which documents lie beside a checkpoint, and what was found in each. Decides neither validity nor trust.

Names are looked up in the directory listing the scanner already has; only where there is none the disk is asked.
Documents are read lazily, in the order of `metadata.naming.sidecar_names`, so that the usual case reads one file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import FileStamp, Kind
from ckpt_indexer.errors import MetadataError, SidecarInvalid, SidecarUnreadable
from ckpt_indexer.metadata import naming
from ckpt_indexer.sidecar.opening import Content, read_linked, read_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckpt_indexer.candidate import Candidate

    Parse = Callable[[bytes], Any]  # returns any JSON-like value


@dataclass(frozen=True, slots=True)
class Attempt:
    """One existing document: what was in it, or why nothing could be had from it."""

    path: bytes
    """Relative to the root."""
    stamp: FileStamp
    """Of the directory entry: of the link itself where the document is a symlink."""
    document: Mapping[str, Any] | None  # JSON-like values
    error: MetadataError | None
    """Set exactly when `document` is None."""
    target: tuple[bytes, FileStamp] | None = None
    """The file a symlink was followed to, relative to the root, and its stamp."""

    @property
    def name(self) -> bytes:
        """Last part of the path."""
        return self.path.rpartition(b"/")[2]


@dataclass(frozen=True, slots=True)
class Beside:
    """The documents of one checkpoint, first choice first. Each iteration reads them anew, one at a time."""

    root: bytes
    entries: tuple[tuple[bytes, FileStamp], ...]
    """Existing documents: path relative to the root, stamp of the entry."""
    parse: Parse

    def __iter__(self) -> Iterator[Attempt]:
        """Read the documents in order; one that went meanwhile is left out.

        Raises:
            NeedsChild: the parse function refuses to read this document in this process.
        """
        for path, stamp in self.entries:
            attempt = self._attempt(path, stamp)
            if attempt is not None:
                yield attempt

    def _attempt(self, path: bytes, stamp: FileStamp) -> Attempt | None:
        target = None
        try:
            content, target = self._read(path)
            if target is None:
                stamp = content.stamp
            document = self.parse(content.data)
            if not isinstance(document, Mapping):
                what = "empty" if document is None else "a list or a single value"
                raise SidecarInvalid(f"the document is {what}; it must be a mapping of keys", reason="no_mapping")
        except FileNotFoundError:
            return None
        except MetadataError as exc:
            exc.path = naming.display(path)
            return Attempt(path, stamp, None, exc, target)
        return Attempt(path, stamp, document, None, target)

    def _read(self, path: bytes) -> tuple[Content, tuple[bytes, FileStamp] | None]:
        """Return the content, and the file it came from when the entry is a symlink."""
        absolute = _absolute(self.root, path)
        try:
            return read_whole(absolute), None
        except SidecarUnreadable as exc:
            if exc.details.get("errno") != errno.ELOOP:  # what O_NOFOLLOW ends with on a symlink
                raise
        target, content = read_linked(absolute, self.root)
        return content, (target[len(_absolute(self.root, b"")) :], content.stamp)


def find_document(candidate: Candidate, *, parse: Parse) -> Beside | None:
    """Return the documents that lie beside the checkpoint; None when there is none.

    A directory checkpoint's own `checkpoint.metadata.yaml` comes before those beside it.
    """
    entries = documents_of(candidate)
    return Beside(candidate.root, entries, parse) if entries else None


def documents_of(candidate: Candidate) -> tuple[tuple[bytes, FileStamp], ...]:
    """Return (path relative to the root, stamp) of every existing document that may describe the checkpoint, in reading
    order."""
    entries = []
    if candidate.kind is Kind.DIRECTORY:
        inside = candidate.path + b"/" + naming.INSIDE_SIDECAR
        stamp = stamp_on_disk(candidate.root, inside)
        if stamp is not None:
            entries.append((inside, stamp))
    for path in document_paths(candidate):
        stamp = _stamp(candidate, path)
        if stamp is not None:
            entries.append((path, stamp))
    return tuple(entries)


def document_paths(candidate: Candidate) -> tuple[bytes, ...]:
    """Return where, relative to the root, a document beside the checkpoint may lie; first choice first."""
    prefix = candidate.path[: len(candidate.path) - len(candidate.name)]
    return tuple(prefix + name for name in naming.sidecar_names(candidate.name))


def shared_stem(candidate: Candidate) -> tuple[bytes, ...]:
    """Return the names of other checkpoints in the directory that `<stem>.metadata.yaml` could also belong to."""
    name = candidate.name
    prefix = candidate.path[: len(candidate.path) - len(name)]
    base = naming.stem(name)
    others = [base + suffix for suffix in naming.CHECKPOINT_SUFFIXES]
    if candidate.neighbours is not None:
        return tuple(other for other in others if other in candidate.neighbours and other != name)
    return tuple(other for other in others if other != name and stamp_on_disk(candidate.root, prefix + other))


def _stamp(candidate: Candidate, path: bytes) -> FileStamp | None:
    """Return the stamp of an entry of the candidate's directory; None when there is none."""
    if candidate.neighbours is None:
        return stamp_on_disk(candidate.root, path)
    return candidate.neighbours.get(path.rpartition(b"/")[2])


def stamp_on_disk(root: bytes, path: bytes) -> FileStamp | None:
    """Return the stamp of the entry at a path relative to the root; None when there is none."""
    try:
        found = os.lstat(_absolute(root, path))
    except OSError:  # absent, or not ours to see: whoever scans the directory reports that
        return None
    size = 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return FileStamp(size, found.st_mtime_ns)


def _absolute(root: bytes, path: bytes) -> bytes:
    return (root if root.endswith(b"/") else root + b"/") + path
