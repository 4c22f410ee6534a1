"""Whose file is this? Decided from a database file's first bytes and what lies beside it, before anything opens it.

Only files that are provably ours are ever opened for writing, recovered or moved; everything else is refused untouched.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from ckpt_indexer.errors import DatabaseCorrupt, DatabaseForeign, StoreError
from ckpt_indexer.store.fields import APPLICATION_ID
from ckpt_indexer.store.sqlite_errors import translate

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
JOURNAL_SUFFIX = ".annotations.jsonl"
JOURNAL_MARK = b'{"journal":"ckpt-indexer annotations"'
"""How the first line of every annotations journal begins."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first 100 bytes of a file say.

    https://www.sqlite.org/fileformat2.html#the_database_header
    """

    is_sqlite: bool
    application_id: int
    user_version: int


_NOT_SQLITE = Header(is_sqlite=False, application_id=0, user_version=0)


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a companion file: the database's name with something appended."""
    return path.with_name(path.name + suffix)


def journal_path(path: Path) -> Path:
    """Return the path of the annotations journal of a database."""
    return beside(path, JOURNAL_SUFFIX)


def read_header(path: Path, *, timeout_s: float = 5.0) -> Header | None:
    """Return what the file's first bytes say; None when it is absent or empty.

    Raises:
        DatabaseForeign: something other than a regular file is there.
        StoreError: it cannot be read.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DatabaseForeign(f"{path} is no regular file; name another with --db", path=str(path))
        if found.st_size == 0:
            return None
        if _is_open_here((found.st_dev, found.st_ino)):
            return _ask_sqlite(path, timeout_s)
        with path.open("rb") as file:
            raw = file.read(HEADER_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"cannot read the database {path}: {error.strerror}", path=str(path)) from error
    if len(raw) < HEADER_BYTES or not raw.startswith(MAGIC):
        return _NOT_SQLITE
    user_version = int.from_bytes(raw[60:64], "big", signed=True)
    return Header(is_sqlite=True, application_id=int.from_bytes(raw[68:72], "big"), user_version=user_version)


def require_ours(path: Path, *, timeout_s: float = 5.0) -> Header | None:
    """Return the header of a database of ours; None when there is no file yet, or an empty one.

    Raises:
        DatabaseForeign: the file is no catalog of this program.
        DatabaseCorrupt: it is no database any more, but what lies beside it proves that it was our catalog.
    """
    header = read_header(path, timeout_s=timeout_s)
    if header is None or (header.is_sqlite and header.application_id == APPLICATION_ID):
        return header
    if header.is_sqlite and header.application_id != 0:
        raise _foreign(path)
    if has_journal(path):
        message = f"the catalog {path} is damaged: its first page is gone; run `ckpt-indexer db rebuild`"
        raise DatabaseCorrupt(message, path=str(path))
    raise _foreign(path)


def require_writable(path: Path) -> None:
    """Refuse a database that can only be read: SQLite would open it and fail at the first write.

    Raises:
        StoreError: the file, or the directory that must take its write-ahead log, is read-only.
    """
    for needed in (path, path.parent):
        if needed.exists() and not os.access(needed, os.W_OK):
            message = f"cannot write the database {path}: {needed} is read-only; check its permissions"
            raise StoreError(message, path=str(path))


def has_journal(path: Path) -> bool:
    """Tell whether an annotations journal written by us lies beside the database."""
    try:
        with journal_path(path).open("rb") as file:
            return file.read(len(JOURNAL_MARK)) == JOURNAL_MARK
    except OSError:
        return False


def is_recoverable(path: Path, *, was_open: bool = False) -> bool:
    """Tell whether the file may be moved aside or replaced: `was_open`: the caller had it open as a catalog."""
    if was_open or has_journal(path):
        return True
    header = read_header(path)
    return header is not None and header.is_sqlite and header.application_id == APPLICATION_ID


def uri(path: Path, mode: str) -> str:
    """Return the SQLite URI of a path of any bytes; mode `ro` or `rw`, neither of which makes the file."""
    return f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"


def file_key(path: Path) -> tuple[int, int] | None:
    """Return (device, inode) of what lies at the path now; None when nothing does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_open_here(key: tuple[int, int]) -> bool:
    """Tell whether this process has the file open.

    Then it must not be opened and closed by hand: that would drop the locks of every SQLite connection to it, see
    https://www.sqlite.org/howtocorrupt.html (2.2).
    """
    try:
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return True  # unknown: ask SQLite, which is always right
    for descriptor in descriptors:
        with suppress(OSError):
            found = os.fstat(int(descriptor))
            if (found.st_dev, found.st_ino) == key:
                return True
    return False


def _ask_sqlite(path: Path, timeout_s: float) -> Header:
    try:
        connection = sqlite3.connect(uri(path, "ro"), uri=True, timeout=timeout_s)
        try:
            application_id, *_ = connection.execute("PRAGMA application_id").fetchone()
            user_version, *_ = connection.execute("PRAGMA user_version").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            return _NOT_SQLITE
        ours = translate(error, path)
        if ours is None:
            raise
        raise ours from error
    return Header(is_sqlite=True, application_id=application_id, user_version=user_version)


def _foreign(path: Path) -> DatabaseForeign:
    message = f"{path} is no catalog of ckpt-indexer and was left untouched; name another file with --db"
    return DatabaseForeign(message, path=str(path))
