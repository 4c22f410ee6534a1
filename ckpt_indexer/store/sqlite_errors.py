"""Maps what SQLite's driver and the file system raise to our errors. Imports the standard library only."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ckpt_indexer.errors import DatabaseAbsent, DatabaseCorrupt, DatabaseFull, DatabaseLocked, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_CORRUPT_IO = {sqlite3.SQLITE_IOERR_CORRUPTFS, sqlite3.SQLITE_IOERR_DATA}
_FULL_IO = {
    sqlite3.SQLITE_IOERR_WRITE,  # what a file size limit gives: https://www.sqlite.org/rescode.html#ioerr_write
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}


def translate(error: sqlite3.Error, path: Path) -> StoreError | None:
    """Return our error for what a person or the daemon can act on; None for a bug, which stays one."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    where = {"path": str(path)}
    if code & 0xFF in _LOCKED:
        return DatabaseLocked(f"another process is writing to {path}; try again", **where)
    if code & 0xFF in _CORRUPT or code in _CORRUPT_IO:
        return DatabaseCorrupt(f"the catalog {path} is damaged ({error}); run `ckpt-indexer db rebuild`", **where)
    if code & 0xFF == sqlite3.SQLITE_FULL or code in _FULL_IO:
        return DatabaseFull(f"the disk of {path} refused a write ({error}); free some space", **where)
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return DatabaseAbsent(f"the catalog {path} was deleted or replaced while it was open", **where)
    if code & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return StoreError(f"cannot use the catalog {path}: {error}; check its permissions and its disk", **where)
    return None


def translate_os(error: OSError, doing: str, path: Path) -> StoreError:
    """Return our error for what the operating system refused: `doing` says what we were at."""
    kind = DatabaseFull if error.errno in _NO_ROOM else StoreError
    return kind(f"{doing}: {error.strerror}", path=str(path))


@contextmanager
def translated_sqlite(path: Path) -> Iterator[None]:
    """Turn errors of the bare driver into ours."""
    try:
        yield
    except sqlite3.Error as error:
        ours = translate(error, path)
        if ours is None:
            raise
        raise ours from error
