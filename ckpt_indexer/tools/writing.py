"""Replacing a document: whole or not at all, what was there kept as `.bak`, nothing overwritten that changed since.

An earlier `.bak` is never overwritten: the next one is `.bak1`, then `.bak2`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import SidecarUnreadable
from ckpt_indexer.metadata.naming import INSIDE_SIDECAR, display
from ckpt_indexer.sidecar.age import age_kept
from ckpt_indexer.sidecar.io import write_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

CHANGED = "changed"
"""The `reason` of the error that says so."""
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.ENOSYS, errno.EACCES)


class Stamp(NamedTuple):
    """What tells whether a document is still the one that was looked at."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: bytes) -> Stamp | None:
        """Return the stamp of an entry, of a link itself; None when there is none.

        Raises:
            OSError: the directory cannot be looked into.
        """
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return None
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def replace_document(document: Mapping[str, Any], path: bytes, before: Stamp | None) -> bytes | None:  # JSON-like
    """Write a document where `before` was (None: nothing), and return where that one was kept.

    Raises:
        SidecarUnreadable: something else is there now (reason `changed`).
        SidecarInvalid: the document cannot be written.
        OSError: the file system refused; what was there still is.
    """
    with _age_of_checkpoint(path):
        return _replace(document, path, before)


def _replace(document: Mapping[str, Any], path: bytes, before: Stamp | None) -> bytes | None:  # JSON-like
    if before is None:
        if Stamp.of(path) is not None:
            raise _changed(path)
        write_document(document, path)
        return None
    backup = keep(path, before)
    try:
        write_document(document, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(backup)  # bytes, which pathlib refuses
        raise
    return backup


def _age_of_checkpoint(path: bytes) -> AbstractContextManager[None]:
    """Keep the age of a directory checkpoint whose document this is."""
    directory, _, name = path.rpartition(b"/")
    return age_kept(directory) if name == INSIDE_SIDECAR else contextlib.nullcontext()


def retire(path: bytes, before: Stamp) -> bytes:
    """Rename a document to its `.bak` and return that path; raises as `replace_document` does."""
    with _age_of_checkpoint(path):
        backup = keep(path, before)
        os.unlink(path)  # bytes
    return backup


def keep(path: bytes, before: Stamp) -> bytes:
    """Give a document a second name that is free, and return it; the document stays where it is.

    Raises:
        SidecarUnreadable: it is not the one that was looked at (reason `changed`).
        OSError: the file system refused.
    """
    for number in count():
        backup = path + (b".bak%d" % number if number else b".bak")
        try:
            _double(path, backup)
        except FileExistsError:
            continue
        except FileNotFoundError as error:
            raise _changed(path) from error
        found = Stamp.of(backup)
        is_copy = found is not None and found.inode != before.inode
        now = Stamp.of(path) if is_copy else found
        if now != before:
            os.unlink(backup)  # bytes
            raise _changed(path)
        return backup
    raise AssertionError("numbers do not end")


def _double(path: bytes, backup: bytes) -> None:
    """Give the entry a second name: a hard link, where the file system has these, else a copy."""
    try:
        os.link(path, backup, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy(path, backup)


def _copy(path: bytes, backup: bytes) -> None:
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(path), backup)  # bytes
        return
    descriptor = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as there, open(path, "rb") as here:  # bytes
            shutil.copyfileobj(here, there)
            there.flush()
            os.fsync(there.fileno())
        os.utime(backup, ns=(found.st_atime_ns, found.st_mtime_ns))
    except BaseException:
        os.unlink(backup)  # bytes
        raise


def _changed(path: bytes) -> SidecarUnreadable:
    message = f"{display(path)} changed since the plan was made; nothing was written, run the command again"
    return SidecarUnreadable(message, path=display(path), reason=CHANGED)
