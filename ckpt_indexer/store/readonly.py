"""Opening a catalog file for reading: never creates, never migrates, never writes. Adapts sqlite3.

The file is looked at through SQLite alone. Opening it by other means in a process that also holds a connection would,
when closed, drop that connection's locks: https://www.sqlite.org/howtocorrupt.html (section 2.2).
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ckpt_indexer.errors import (
    DatabaseAbsent,
    DatabaseCorrupt,
    DatabaseForeign,
    DatabaseFromFuture,
    DatabaseFull,
    DatabaseLocked,
    StoreError,
)
from ckpt_indexer.store.fields import APPLICATION_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.store.read_sql import SqlResult

SCHEMA_VERSION = 2
"""`PRAGMA user_version` this release reads: the number of the newest revision in `migrations/`."""
BUSY_TIMEOUT_S = 1.0
_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-~")
_PRIMARY = 0xFF
"""Extended SQLite result codes keep the primary one in the low byte: https://www.sqlite.org/rescode.html"""


def open_readonly(path: str | os.PathLike[str]) -> sqlite3.Connection:
    """Return a read-only connection to a catalog of this release's schema, usable from any one thread at a time.

    Raises:
        DatabaseAbsent: there is no file.
        DatabaseForeign: it is no catalog of ours.
        DatabaseCorrupt: it was ours and is damaged.
        DatabaseFromFuture: a newer release wrote it.
        StoreError: it is older (`db upgrade` helps) or cannot be read here.
    """
    return open_at(path)[0]


def open_at(path: str | os.PathLike[str]) -> tuple[sqlite3.Connection, str]:
    """Return what `open_readonly` returns, and the URI by which it was opened."""
    text = os.fsdecode(path)
    _look(text)
    with reading(text):
        address = uri(text)
        try:
            return _checked(_connect(address), text), address
        except sqlite3.OperationalError as error:
            if not _needs_immutable(error, text):
                raise
        address = uri(text, immutable=True)
        return _checked(_connect(address), text), address


def run_sql(
    path: str | os.PathLike[str], sql: str, *, deadline_s: float, max_rows: int, max_bytes: int
) -> SqlResult:  # fmt: skip
    """Return what one SELECT (or EXPLAIN) yields, run in a child process that is stopped at the deadline.

    Raises:
        QueryError: not one read-only statement, an error in it, or a limit exceeded.
        StoreError: the file is no catalog this release can read.
    """
    from ckpt_indexer.store import read_sql

    connection, address = open_at(path)
    connection.close()
    return read_sql.run(address, sql, deadline_s=deadline_s, max_rows=max_rows, max_bytes=max_bytes)


def uri(path: str, *, immutable: bool = False) -> str:
    """Return the SQLite URI that opens a path read-only, whatever characters are in it."""
    raw = os.fsencode(os.path.abspath(path))  # pathlib is slow to import
    quoted = "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in raw)
    return f"file:{quoted}?mode=ro" + ("&immutable=1" if immutable else "")


def check_version(connection: sqlite3.Connection, path: str) -> None:
    """Raise unless the schema is the one this release reads."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise DatabaseFromFuture(
            f"{path} was written by a newer release (schema {version}, this one reads {SCHEMA_VERSION}); "
            "install the newer release",
            path=path, version=version,
        )  # fmt: skip
    raise StoreError(
        f"{path} has the older schema {version}; run `ckpt-indexer db upgrade`", path=path, version=version
    )


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn SQLite's errors into ours where a person can act; programming errors stay what they are."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
        raise _translated(error, code, path) from error


def _translated(error: sqlite3.Error, code: int, path: str) -> Exception:
    if code == sqlite3.SQLITE_NOTADB:
        return _not_a_database(path)
    if code == sqlite3.SQLITE_CORRUPT or str(error).startswith(("no such table", "no such column", "no such index")):
        return DatabaseCorrupt(f"{path} is damaged ({error}); run `ckpt-indexer db rebuild`", path=path)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseLocked(f"{path} is locked by another process; try again", path=path)
    if code == sqlite3.SQLITE_FULL:
        return DatabaseFull(f"no room for temporary files while reading {path}", path=path)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreError(f"{path} cannot be read: {error}", path=path)
    return error


def _not_a_database(path: str) -> StoreError:
    """Return damage where a journal of ours proves that it was a catalog; a lock file proves that it was tried."""
    from pathlib import Path

    from ckpt_indexer.store.identity import has_journal

    if has_journal(Path(path)):
        return DatabaseCorrupt(f"{path} is damaged: no SQLite header; run `ckpt-indexer db rebuild`", path=path)
    return _not_ours(path)


def _not_ours(path: str) -> DatabaseForeign:
    return DatabaseForeign(f"{path} is no catalog of ckpt-indexer; it was left untouched", path=path)


def _look(path: str) -> None:
    """Raise for what is not a regular file with something in it."""
    try:
        found = os.stat(path)  # pathlib is slow to import
    except (FileNotFoundError, NotADirectoryError):
        raise DatabaseAbsent(f"there is no catalog at {path}; run `ckpt-indexer scan DIR` first", path=path) from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}", path=path) from error
    if not stat.S_ISREG(found.st_mode):
        raise DatabaseForeign(f"{path} is no regular file, so no catalog", path=path)
    if found.st_size == 0 and not os.path.exists(path + "-wal"):  # pathlib is slow to import
        raise DatabaseAbsent(f"{path} is empty; run `ckpt-indexer scan DIR` first", path=path)


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(
        address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False,
        cached_statements=128,
    )  # fmt: skip


def _checked(connection: sqlite3.Connection, path: str) -> sqlite3.Connection:
    try:
        _check_ours(connection, path)
        check_version(connection, path)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _check_ours(connection: sqlite3.Connection, path: str) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise _not_ours(path)


def _needs_immutable(error: sqlite3.OperationalError, path: str) -> bool:
    """Tell whether the file lies where SQLite cannot put its `-shm`, and holds everything that was committed."""
    code = error.sqlite_errorcode & _PRIMARY
    if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return False
    try:
        waiting = os.stat(path + "-wal").st_size  # pathlib is slow to import
    except OSError:
        waiting = 0
    if waiting:
        raise StoreError(
            f"{path} lies in a directory that cannot be written and has unmerged changes ({path}-wal); "
            "open it where it was written, or copy both files elsewhere",
            path=path,
        ) from error
    return True
