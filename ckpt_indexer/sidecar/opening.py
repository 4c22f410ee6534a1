"""Opening a small file somebody else dropped, without hanging, following or being lied to. Knows no YAML.

A name may be a FIFO, a device, a directory, a link out of the root or a file still being written. Only regular files
are read, once, with their stat taken before and after.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from ckpt_indexer.candidate import FileStamp
from ckpt_indexer.errors import ResourceShortage, SidecarUnreadable, is_shortage
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.sidecar.bounds import MAX_BYTES
from ckpt_indexer.sidecar.loading import too_large

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_SPECIAL = (errno.ENXIO, errno.ENODEV)
"""What opening a socket, or a device that is not there, ends with."""


class Content(NamedTuple):
    """A whole file, as it was at one moment."""

    data: bytes
    stamp: FileStamp


def read_whole(path: bytes, *, within: bytes | None = None) -> Content:
    """Return the bytes of a regular file of at most `MAX_BYTES`. With `within`, the open file must lie below it.

    Raises:
        FileNotFoundError: there is none.
        SidecarUnreadable: a symlink, not a regular file, too large, not permitted, or it does not stop changing.
        ResourceShortage: this process cannot open any file now.
    """
    for _ in range(2):
        content = _read_once(path, within)
        if content is not None:
            return content
    raise SidecarUnreadable("the file is still changing; it is read again later", reason="still_changing")


def read_linked(path: bytes, root: bytes) -> tuple[bytes, Content]:
    """Return the absolute path and the content of the regular file a symlink ends at, if that lies below the root.

    Raises:
        SidecarUnreadable: it ends elsewhere, nowhere, or at something that cannot be read.
    """
    try:
        target = os.path.realpath(path, strict=True)
    except OSError as exc:
        message = f"a symlink that leads nowhere ({exc.strerror}); remove it or restore its target"
        raise SidecarUnreadable(message, reason="dangling_link") from exc
    if not is_below(target, root):
        message = f"a symlink to {display(target)}, outside the root; only links within it are followed"
        raise SidecarUnreadable(message, reason="outside_root")
    try:
        return target, read_whole(target, within=root)
    except FileNotFoundError as exc:
        raise SidecarUnreadable("the symlink's target just went", reason="dangling_link") from exc


def is_below(path: bytes, root: bytes) -> bool:
    """Tell whether an absolute real path lies in a directory. Text only."""
    return path.startswith(root if root.endswith(b"/") else root + b"/")


def _read_once(path: bytes, within: bytes | None) -> Content | None:
    """Read the file; None when it changed under the reader."""
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise
    except OSError as exc:
        if exc.errno in _SPECIAL:
            raise _not_regular() from exc
        if is_shortage(exc):
            raise ResourceShortage(f"no document can be opened now ({exc.strerror})") from exc
        message = f"it cannot be opened ({exc.strerror}); check its permissions"
        raise SidecarUnreadable(message, reason="open", errno=exc.errno) from exc
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise _not_regular()
        if before.st_size > MAX_BYTES:
            raise too_large(before.st_size)
        if within is not None and not is_below(_real_path(descriptor), within):
            raise SidecarUnreadable("a symlink that led outside the root when it was opened", reason="outside_root")
        data = _read_all(descriptor, before.st_size + 1)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    same = before.st_mtime_ns == after.st_mtime_ns and before.st_ctime_ns == after.st_ctime_ns
    if not same or len(data) != after.st_size:
        return None
    return Content(data, FileStamp(after.st_size, after.st_mtime_ns))


def _real_path(descriptor: int) -> bytes:
    return os.readlink(b"/proc/self/fd/%d" % descriptor)  # bytes, which pathlib refuses


def _read_all(descriptor: int, count: int) -> bytes:
    """Return up to `count` bytes; in the usual case one call gives all there are."""
    try:
        data = os.read(descriptor, count)
        while data and len(data) < count - 1:
            more = os.read(descriptor, count - len(data))
            if not more:
                break
            data += more
    except OSError as exc:
        message = f"it cannot be read ({exc.strerror}); check the disk"
        raise SidecarUnreadable(message, reason="read", errno=exc.errno) from exc
    return data


def _not_regular() -> SidecarUnreadable:
    return SidecarUnreadable("not a regular file; remove it or give it another name", reason="not_regular")
