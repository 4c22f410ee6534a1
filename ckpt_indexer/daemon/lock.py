"""One writer per database: an advisory lock on `<db>.lock`, with the holder's pid inside for people to read."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

from ckpt_indexer.errors import AlreadyRunning, StoreError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


def lock_path(database: Path) -> Path:
    """Return the lock file of a database."""
    return database.with_name(database.name + ".lock")


def holder(database: Path) -> int | None:
    """Return the pid in the lock file; None when there is none. It may be stale: only the lock itself decides."""
    try:
        return int(lock_path(database).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None


class CatalogLock:
    """Holds `<db>.lock` for life. A file left by a killed process does not block: the kernel lets go of its lock."""

    def __init__(self, database: Path) -> None:
        path = lock_path(database)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = f"cannot keep a catalog at {database}: {path}: {error.strerror}; name another place with --db"
            raise StoreError(message, path=str(database)) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            pid = holder(database)
            raise AlreadyRunning(
                f"process {pid} already keeps the catalog {database}; stop it, or give another --db",
                path=str(database),
                pid=pid,
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def close(self) -> None:
        """Let go of the lock; the file stays, because removing it would race with the next holder."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
