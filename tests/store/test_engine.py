from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import DBAPIError

from ckpt_indexer.errors import (
    DatabaseAbsent,
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseLocked,
    StoreError,
)
from ckpt_indexer.metadata.record import Presence
from ckpt_indexer.store import backups, maintenance, migrate
from ckpt_indexer.store.changes import Arrived, PresenceChanged
from ckpt_indexer.store.known import KnownRows
from ckpt_indexer.store.notes import Edit, Note
from ckpt_indexer.store.options import WriterOptions
from ckpt_indexer.store.sqlite_errors import translate
from ckpt_indexer.store.writer import Writer
from tests.store.fakes import Catalog, candidate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRITES: dict[str, Callable[[Catalog], Any]] = {
    "apply": lambda it: it.writer.apply([Arrived(it.root, candidate("new.ckpt"))]),
    "add_root": lambda it: it.writer.add_root(b"/new"),
    "annotate": lambda it: it.writer.annotate(it.root, b"a.ckpt", Edit(pinned=True)),
    "restore": lambda it: it.writer.restore({(it.root, b"a.ckpt"): Note(pinned=True)}),
    "forget_root": lambda it: it.writer.forget_root(it.root),
    "forget_missing": lambda it: it.writer.forget_missing("2027"),
    "keep_wandb_answer": lambda it: it.writer.keep_wandb_answer("a/b/c", "{}", 0.0, final=True),
}
READS: dict[str, Callable[[Catalog], Any]] = {
    "aliases_of": lambda it: it.writer.aliases_of(1),
    "is_empty": lambda it: it.writer.is_empty(it.root),
    "count_states": lambda it: it.writer.count_states(it.root),
    "digest_of": lambda it: it.writer.digest_of(it.root, b""),
    "digests": lambda it: it.writer.digests(it.root),
    "directories": lambda it: it.writer.directories(it.root),
    "known_at": lambda it: it.writer.known_at(it.root, b"a.ckpt"),
    "known_by_inode": lambda it: it.writer.known_by_inode(1, 1),
    "known_by_inodes": lambda it: it.writer.known_by_inodes([(1, 1)]),
    "known_in": lambda it: it.writer.known_in(it.root, b""),
    "present_ids": lambda it: it.writer.present_ids(it.root, 0, 9),
    "known_pending": lambda it: it.writer.known_pending(),
    "known_by_id": lambda it: it.writer.known_by_id(1),
    "known_by_content": lambda it: list(it.writer.known_by_content("c1")),
    "known_by_wandb_run": lambda it: it.writer.known_by_wandb_run("abc"),
    "unread": lambda it: it.writer.unread(0, 10),
    "surroundings": lambda it: it.writer.surroundings(it.root),
    "surroundings_of": lambda it: it.writer.surroundings_of(it.root, b""),
    "surrounded_otherwise": lambda it: it.writer.surrounded_otherwise(it.root, b"", b"x"),
    "known_under": lambda it: list(it.writer.known_under(it.root, b"")),
    "outdated": lambda it: it.writer.outdated(9, 1),
    "roots": lambda it: it.writer.roots(),
    "rows_from_input": lambda it: it.writer.rows_from_input(it.root, b"a"),
    "stale_places": lambda it: it.writer.stale_places(it.root, "2027"),
}
NEED_NO_LOCK = {"catalog_id", "checkpoint_wal", "close", "is_current", "path", "seq", "shrink"}


def test_every_method_is_tried_on_a_locked_database() -> None:
    public = {name for kind in (Writer, KnownRows) for name in vars(kind) if not name.startswith("_")}
    assert public == (WRITES.keys() | READS.keys() | NEED_NO_LOCK) - {"catalog_id"}


@pytest.fixture
def impatient(database: Path) -> Any:
    catalog = Catalog(database, busy_timeout_s=0.0)
    catalog.arrive("a.ckpt")
    yield catalog
    catalog.writer.close()


@pytest.mark.parametrize("method", WRITES)
def test_a_write_beside_another_writer_is_locked_and_leaves_no_trace(impatient: Catalog, method: str) -> None:
    with closing(sqlite3.connect(impatient.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked) as caught:
            WRITES[method](impatient)
        assert caught.value.path == str(impatient.path)
    WRITES[method](impatient)
    assert maintenance.check(impatient.path).findings == ()


@pytest.mark.parametrize("method", READS)
def test_a_read_of_a_locked_database_is_locked(impatient: Catalog, method: str) -> None:
    impatient.writer._session.rows("PRAGMA journal_mode = DELETE")  # a write-ahead log never locks readers out
    with closing(sqlite3.connect(impatient.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseLocked):
            READS[method](impatient)
    READS[method](impatient)


def test_checkpointing_beside_a_reader_says_no(impatient: Catalog) -> None:
    with closing(sqlite3.connect(impatient.path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM checkpoints").fetchall()
        impatient.arrive("b.ckpt")
        assert impatient.writer.checkpoint_wal() is False
    assert impatient.writer.checkpoint_wal() is True


def _swap_in(catalog: Catalog) -> None:
    new = Catalog(catalog.path.with_name("new.db"))
    new.writer.close()
    maintenance.swap_in(new.path, catalog.path, timeout_s=0.0)


DOORS: dict[str, Callable[[Catalog], Any]] = {
    "open": lambda it: it.open(),
    "upgrade": lambda it: migrate.upgrade(it.path, WriterOptions(busy_timeout_s=0.0), migrate.released()),
    "swap_in": _swap_in,
}


@pytest.mark.parametrize("door", DOORS)
def test_other_doors_are_locked_too(impatient: Catalog, door: str) -> None:
    with closing(sqlite3.connect(impatient.path, isolation_level=None, timeout=0)) as other:
        impatient.writer.close()
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE meta SET value = value")
        with pytest.raises(DatabaseLocked):
            DOORS[door](impatient)
    assert backups.found(impatient.path) == []


def error_of(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("because")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, DatabaseLocked),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, DatabaseLocked),
        (sqlite3.SQLITE_LOCKED, DatabaseLocked),
        (sqlite3.SQLITE_CORRUPT, DatabaseCorrupt),
        (sqlite3.SQLITE_NOTADB, DatabaseCorrupt),
        (sqlite3.SQLITE_IOERR_CORRUPTFS, DatabaseCorrupt),
        (sqlite3.SQLITE_FULL, DatabaseFull),
        (sqlite3.SQLITE_IOERR_WRITE, DatabaseFull),
        (sqlite3.SQLITE_READONLY_DBMOVED, DatabaseAbsent),
        (sqlite3.SQLITE_READONLY, StoreError),
        (sqlite3.SQLITE_CANTOPEN, StoreError),
        (sqlite3.SQLITE_IOERR_READ, StoreError),
        (sqlite3.SQLITE_CONSTRAINT, None),
        (sqlite3.SQLITE_ERROR, None),
    ],
)
def test_errors_of_sqlite_become_ours_where_someone_can_act(tmp_path: Path, code: int, kind: type | None) -> None:
    found = translate(error_of(code), tmp_path / "x.db")
    assert (None if found is None else type(found)) is kind
    assert found is None or found.path == str(tmp_path / "x.db")


def test_errors_without_a_code_stay_what_they_are(tmp_path: Path) -> None:
    assert translate(sqlite3.ProgrammingError("bug"), tmp_path) is None


def test_a_bug_stays_a_bug_and_rolls_back(catalog: Catalog) -> None:
    session = catalog.writer._session

    def stumble() -> None:
        with session.transaction():
            session.run("INSERT INTO meta VALUES ('x', 'y')")
            session.run("no sql at all")

    with pytest.raises(DBAPIError):
        stumble()
    assert catalog.ask("SELECT count(*) FROM meta WHERE key = 'x'") == [(0,)]
    assert session.rows("SELECT 1") == [(1,)]


def test_the_connection_is_set_as_promised(catalog: Catalog) -> None:
    session = catalog.writer._session
    promised = {
        "journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000,
        "application_id": 0x434B5049, "user_version": 2,
    }  # fmt: skip
    assert {name: session.rows(f"PRAGMA {name}")[0][0] for name in promised} == promised


def test_readers_go_on_while_a_batch_is_written(catalog: Catalog) -> None:
    row_id = catalog.arrive("a.ckpt")
    session = catalog.writer._session
    with session.transaction():
        session.run("UPDATE checkpoints SET path = 'half'")
        assert catalog.ask("SELECT path FROM checkpoints") == [("a.ckpt",)]
    catalog.writer.apply([PresenceChanged(row_id, Presence.MISSING)])
    assert catalog.ask("SELECT path, presence FROM checkpoints") == [("half", "missing")]
