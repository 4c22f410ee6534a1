"""Putting an export where a person wants it: whole or not at all, over an existing file only when told to."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING

from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.sidecar.io import flush

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EACCES)


def write_whole(pieces: Iterable[bytes], target: Path, *, force: bool) -> int:
    """Write a file from its pieces and return its size in bytes. It appears when it is whole; mode 0666 less the umask.

    A link at the path is replaced, not followed. When anything fails, also in making the pieces, what was there stays
    and nothing is left behind.

    Raises:
        CkptIndexerError: something is there, and `force` was not given or it is no regular file; or the file system
            refused.
    """
    check_free(target, force=force)
    temporary = target.with_name(f".ckpt-indexer-{secrets.token_hex(8)}.tmp")
    try:
        try:
            size = _write(temporary, pieces)
            if force:
                temporary.replace(target)
            else:
                _place(temporary, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
        _sync(target.parent)
    except FileExistsError as error:
        raise _taken(target) from error
    except OSError as error:
        message = f"cannot write {target}: {error.strerror or error}"
        raise CkptIndexerError(message, path=str(target), errno=error.errno) from error
    return size


def check_free(target: Path, *, force: bool) -> None:
    """Refuse a place that is taken, before anything is asked or written. Raises CkptIndexerError."""
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CkptIndexerError(f"cannot write {target}: {error.strerror}", path=str(target)) from error
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        message = f"{target} is there and is no regular file; give another name, or - for standard output"
        raise CkptIndexerError(message, path=str(target))
    if not force:
        raise _taken(target)


def _taken(target: Path) -> CkptIndexerError:
    return CkptIndexerError(f"{target} exists; --force overwrites it", path=str(target))


def _write(path: Path, pieces: Iterable[bytes]) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    size = 0
    with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
        for piece in pieces:
            size += file.write(piece)
        file.flush()
        flush(file.fileno())
    return size


def _place(temporary: Path, target: Path) -> None:
    """Give the file its name unless somebody took it meanwhile. Raises FileExistsError."""
    try:
        os.link(temporary, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        temporary.replace(target)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)
