"""Opening what somebody else dropped below a root: no link is followed, nothing but regular files is read.

Every component of a path is opened on its own, so that none can be exchanged for a link between looking and opening.
Reading counts its bytes (`OpenFile.bytes_read`): a header's cost must not grow with the tensors.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Self

from ckpt_indexer.errors import LimitExceeded, ReaderError, ResourceShortage, is_shortage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

HEAD_BYTES = 4096
"""Read at once when a file is opened; enough to tell its format."""
MAX_NAMES = 100_000
"""Entries of one directory checkpoint."""
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OpenFile:
    """A regular file, read at given places. Its size and stamp are those at the time of opening."""

    def __init__(self, descriptor: int, name: str, path: str) -> None:
        self.descriptor = descriptor
        self.name = name
        """Last part of the path, as `os.fsdecode` gives it."""
        self.path = path
        """Relative to the root."""
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ReaderError("not a regular file; remove it or give it another name", path=path, reason="not_regular")
        self.size: int = found.st_size
        self.mtime_ns: int = found.st_mtime_ns
        self.bytes_read = 0
        self.head = b""
        self.head = self.read(0, HEAD_BYTES)

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset` on; fewer only at the end of the file, none outside of it.

        Raises:
            ReaderError: the disk refuses.
            ResourceShortage: there is no memory for it now.
        """
        if offset < 0 or count <= 0 or offset >= self.size:
            return b""
        count = min(count, self.size - offset)
        if offset + count <= len(self.head):
            return self.head[offset : offset + count]
        data = self._pread(offset, count)
        while data and len(data) < count:
            more = self._pread(offset + len(data), count - len(data))
            if not more:
                break
            data += more
        return data

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pread(self, offset: int, count: int) -> bytes:
        try:
            data = os.pread(self.descriptor, count, offset)
        except OSError as exc:
            raise _refused(exc, self.path, "read") from exc
        self.bytes_read += len(data)
        return data


class OpenDirectory:
    """A directory below a root; what is in it is opened through it."""

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path
        """Relative to the root; empty for the root itself."""

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition("/")[2]

    def names(self) -> list[str]:
        """Return the names in it, sorted, as `os.fsdecode` gives them.

        Raises:
            ReaderError: it cannot be listed.
            LimitExceeded: more than `MAX_NAMES`.
        """
        names = []
        for name in self._listing():
            names.append(name)
            if len(names) > MAX_NAMES:
                message = f"more than {MAX_NAMES} entries in one directory checkpoint"
                raise LimitExceeded(message, path=self.path, limit=MAX_NAMES)
        return sorted(names)

    def find_size(self, name: str) -> int | None:
        """Return the size in bytes of a regular file in it; None when there is none of that name."""
        try:
            found = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except (OSError, ValueError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def file(self, name: str) -> OpenFile:
        """Open a regular file in it.

        Raises:
            ReaderError: there is none, it is a link, or it may not be read.
            ResourceShortage: this process can open nothing now.
        """
        return _opened(name, self.descriptor, f"{self.path}/{name}" if self.path else name)

    def find_file(self, name: str) -> OpenFile | None:
        """Open a regular file in it; None when it is absent or something else than a file that can be read."""
        try:
            return self.file(name)
        except ReaderError:
            return None

    def find_directory(self, name: str) -> OpenDirectory | None:
        """Open a directory in it; None when there is none of that name."""
        path = f"{self.path}/{name}" if self.path else name
        if not _is_component(name):
            return None
        try:
            return OpenDirectory(_open(name, _FLAGS | os.O_DIRECTORY, self.descriptor, path), path)
        except ReaderError:
            return None

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listing(self) -> Iterator[str]:
        try:
            with os.scandir(self.descriptor) as entries:
                for entry in entries:
                    yield entry.name
        except OSError as exc:
            raise _refused(exc, self.path, "read") from exc


def open_file(root: str, path: str) -> OpenFile:
    """Open a regular file by its path relative to a root (both as `os.fsdecode` gives them).

    Raises:
        ReaderError: absent, a link or below one, no regular file, or not permitted; `errno` in its details.
        ResourceShortage: this process can open nothing now; `errno` likewise.
    """
    *parents, name = path.split("/")
    _check(name, path)
    directory = _walk(root, parents, path, _STEP)  # which may be searched without being readable
    try:
        return _opened(name, directory, path)
    finally:
        os.close(directory)


def open_directory(root: str, path: str) -> OpenDirectory:
    """Open a directory by its path relative to a root. Raises as `open_file`."""
    return OpenDirectory(_walk(root, path.split("/") if path else [], path, _FLAGS | os.O_DIRECTORY), path)


def _walk(root: str, parts: list[str], path: str, last: int) -> int:
    """Return a descriptor of a directory, reached component by component; `last` are the flags for the last one."""
    for part in parts:
        _check(part, path)
    descriptor = _open(root, _STEP if parts else last, None, path)
    for number, part in enumerate(parts, start=1):
        try:
            below = _open(part, last if number == len(parts) else _STEP, descriptor, path)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _opened(name: str, directory: int, path: str) -> OpenFile:
    _check(name, path)
    descriptor = _open(name, _FLAGS, directory, path)
    try:
        return OpenFile(descriptor, name, path)
    except BaseException:
        os.close(descriptor)
        raise


def _open(name: str, flags: int, directory: int | None, path: str) -> int:
    if "\0" in name:
        raise ReaderError("a path with a NUL byte names no file", path=path, reason="path")
    try:
        return os.open(name, flags, dir_fd=directory)
    except OSError as exc:
        raise _refused(exc, path, "open") from exc


def _check(name: str, path: str) -> None:
    if not _is_component(name):
        raise ReaderError(f"{name!r} is no name of a file; paths are relative to their root", path=path, reason="path")


def _is_component(name: str) -> bool:
    return name not in {"", ".", ".."} and "/" not in name and "\0" not in name


def _refused(exc: OSError, path: str, reason: str) -> ReaderError | ResourceShortage:
    """Return the error for what the kernel refused."""
    if is_shortage(exc):
        return ResourceShortage(f"nothing can be read now ({exc.strerror})", path=path, errno=exc.errno)
    what = _SAYS.get(exc.errno or 0) or f"it cannot be opened or read ({exc.strerror}); check permissions and disk"
    return ReaderError(what, path=path, reason=reason, errno=exc.errno)


_SAYS = {
    errno.ENOENT: "there is no such file; it went, or was renamed",
    errno.ELOOP: "a symlink, or below one; links are not followed here",
    errno.ENOTDIR: "a part of its path is no directory, or a symlink; links are not followed here",
    errno.ENXIO: "not a regular file; remove it or give it another name",
    errno.ENODEV: "not a regular file; remove it or give it another name",
}
