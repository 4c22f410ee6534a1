"""A path that may be a checkpoint, and the stat values that say whether it changed. Values only: no I/O here.

Paths are raw bytes relative to their root, '/'-separated, as the file system holds them; text is made only
where people read it (`ckpt_indexer.metadata.naming.display`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


class Fingerprint(NamedTuple):
    """What `lstat` says; equal fingerprints mean "unchanged". Any difference means "read it again".

    For a directory checkpoint: device and inode of the directory, sum of its files' sizes, newest mtime and ctime.
    """

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Fingerprint:
        """Return the fingerprint of one file's stat result."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


class FileStamp(NamedTuple):
    """Size and mtime of a file that a row was derived from (a sidecar, a config)."""

    size_bytes: int
    mtime_ns: int


class Kind(StrEnum):
    """How the checkpoint lies on disk."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A path that may be a checkpoint, as seen at one moment."""

    root: bytes
    """Absolute real path of the watched root."""
    path: bytes
    """Path relative to the root."""
    kind: Kind
    fingerprint: Fingerprint
    """Of the entry itself; of the target for a symlink."""
    target: bytes | None = None
    """For a symlink: its target relative to the same root, else None."""
    neighbours: Mapping[bytes, FileStamp] | None = None
    """Names in the same directory that are checkpoints or metadata files, with their stamps, when the caller just
    listed the directory (the directory itself for a directory checkpoint is listed by its reader). None: not
    listed, look on disk."""

    @property
    def name(self) -> bytes:
        """Last part of the path."""
        return self.path.rpartition(b"/")[2]

    @property
    def directory(self) -> bytes:
        """Path of the containing directory relative to the root; empty for the root itself."""
        return self.path.rpartition(b"/")[0]

    @property
    def absolute(self) -> bytes:
        """Absolute path, for opening."""
        return self.root + b"/" + self.path if self.root != b"/" else b"/" + self.path
