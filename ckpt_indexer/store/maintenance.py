"""Care of a database file nobody is writing to: check it, back it up, put a rebuilt one in its place, move a bad one.

Plain sqlite3: no SQLAlchemy, no Alembic.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckpt_indexer.errors import DatabaseAbsent, DatabaseCorrupt, DatabaseForeign, DatabaseLocked, StoreError
from ckpt_indexer.store import backups, identity, migrate
from ckpt_indexer.store.checks import ALL_CHECKS
from ckpt_indexer.store.journal import read_journal
from ckpt_indexer.store.sqlite_errors import translate_os, translated_sqlite

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ckpt_indexer.store.notes import Note
    from ckpt_indexer.store.writer import Writer

_COMPANIONS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found. Empty `findings`: the database is in order."""

    path: str
    revision: str
    """Empty when the file is too damaged to tell."""
    rows: int
    """Checkpoints of any presence."""
    findings: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the lines of an annotations journal."""

    restored: int
    unknown_root: int
    """Paths whose root the catalog does not have; they stay in the journal."""
    unreadable: int


def check(path: Path) -> CheckReport:
    """Compare a database with itself: pages, references, counts, rows against what hangs below them.

    Raises:
        DatabaseAbsent, DatabaseForeign, DatabaseLocked, StoreError: it cannot be looked at. Damage is a finding.
    """
    try:
        found = migrate.state(path)
    except DatabaseCorrupt as error:
        return CheckReport(str(path), "", 0, (f"damaged: {error.message}",))
    if found.revision is None:
        raise DatabaseAbsent(f"there is no catalog at {path}", path=str(path))
    if found.revision != found.head:
        message = f"{path} has schema {found.revision}, this program writes {found.head}"
        return CheckReport(str(path), found.revision, 0, (message,))
    findings: list[str] = []
    rows = 0
    with translated_sqlite(path), closing(_open(path, "ro")) as connection:
        try:
            for one in ALL_CHECKS:
                findings += one(connection)
                if findings and one is ALL_CHECKS[0]:
                    break  # damaged pages: nothing else can be believed
            rows = connection.execute("SELECT count(*) FROM checkpoints").fetchone()[0]
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            findings.append(f"damaged: {error}")
    return CheckReport(str(path), found.revision, rows, tuple(findings))


def roots_of(path: Path) -> dict[bytes, str]:
    """Return path -> name of the roots a database knows, read without writing.

    Raises:
        StoreError: in all its kinds: it cannot be read.
    """
    with translated_sqlite(path), closing(_open(path, "ro")) as connection:
        return dict(connection.execute("SELECT path_bytes, name FROM roots ORDER BY id").fetchall())


def backup(path: Path, *, now: datetime, keep: int = 2) -> Path:
    """Write a copy beside the database, named by revision and time; return its path.

    Raises:
        DatabaseAbsent, DatabaseFull, DatabaseLocked, DatabaseCorrupt, StoreError: there is no copy.
    """
    revision = migrate.state(path).revision
    if revision is None:
        raise DatabaseAbsent(f"there is no catalog at {path}", path=str(path))
    return backups.make(path, revision, now=now, keep=keep)


def swap_in(new: Path, path: Path, *, timeout_s: float = 2.0) -> None:
    """Put a finished, closed database in the place of another, whole. Connections to the old one keep the old one.

    A write-ahead log of the old one that stayed would be played into the new one, so it goes first.

    Raises:
        DatabaseForeign: what lies there is none of ours; it is left untouched.
        DatabaseLocked, StoreError: someone is writing, or the files cannot be renamed; nothing was replaced.
    """
    if identity.require_ours(new, timeout_s=timeout_s) is None:
        raise DatabaseAbsent(f"there is no catalog at {new}", path=str(new))
    require_recoverable(path)
    _fold_in(new, timeout_s)
    try:
        _sync(new)
        if path.exists():
            _quiesce(path, timeout_s)
            _remove_companions(path)
        new.replace(path)
        _sync(path.parent)
        _remove_companions(new)
        identity.journal_path(new).unlink(missing_ok=True)
    except OSError as error:
        raise translate_os(error, f"cannot put {new} in the place of {path}", path) from error


def move_aside(path: Path, *, now: datetime, was_open: bool = False) -> Path:
    """Rename a damaged database and what belongs to it to `<name>.corrupt-<time>`; return the new path.

    `was_open` says that the caller had this very file open as a catalog.

    Raises:
        DatabaseForeign: nothing proves that the file is ours; it is left untouched.
        StoreError: it cannot be renamed.
    """
    if not identity.is_recoverable(path, was_open=was_open):
        message = f"{path} is damaged, but nothing proves that it was a catalog; move it yourself or name another --db"
        raise DatabaseForeign(message, path=str(path))
    target = identity.beside(path, f".corrupt-{now:%Y%m%dT%H%M%S%f}")
    try:
        for suffix in ("", *_COMPANIONS):
            companion = identity.beside(path, suffix)
            if companion.exists():
                companion.rename(identity.beside(target, suffix))
    except OSError as error:
        raise translate_os(error, f"cannot move {path} aside", path) from error
    return target


def replay(database: Path, writer: Writer) -> Replayed:
    """Put what the journal of `database` says into a catalog that was rebuilt: its roots must have been added.

    Raises:
        StoreError: the journal cannot be read, or the catalog not written.
    """
    contents = read_journal(database)
    ids = {root.path: root.id for root in writer.roots()}
    said: dict[tuple[int, bytes], Note] = {}
    unknown = 0
    for entry in contents.entries:
        if entry.root not in ids:
            unknown += 1
        elif entry.note is not None:
            said[ids[entry.root], entry.path] = entry.note
    if said:
        writer.restore(said)
    return Replayed(len(said), unknown, contents.unreadable)


def require_recoverable(path: Path) -> None:
    """Refuse a file that nothing proves to be a catalog of ours.

    Raises:
        DatabaseForeign: it is left untouched.
    """
    if path.exists() and path.stat().st_size and not identity.is_recoverable(path):
        message = f"{path} is no catalog of ckpt-indexer and was left untouched; name another file with --db"
        raise DatabaseForeign(message, path=str(path))


def _fold_in(path: Path, timeout_s: float) -> None:
    """Move a write-ahead log into its database."""
    with translated_sqlite(path), closing(_open(path, "rw", timeout_s)) as connection:
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise DatabaseLocked(f"{path} is still in use; close it first", path=str(path))


def _quiesce(path: Path, timeout_s: float) -> None:
    """Make sure nobody writes to the old database; a damaged one has nothing to lose."""
    try:
        with translated_sqlite(path), closing(_open(path, "rw", timeout_s)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except DatabaseLocked:
        raise
    except StoreError:
        return


def _remove_companions(path: Path) -> None:
    for suffix in _COMPANIONS:
        identity.beside(path, suffix).unlink(missing_ok=True)


def _open(path: Path, mode: str, timeout_s: float = 2.0) -> sqlite3.Connection:
    return sqlite3.connect(identity.uri(path, mode), uri=True, isolation_level=None, timeout=timeout_s)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
