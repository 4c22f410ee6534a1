from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import DatabaseCorrupt, DatabaseForeign, DatabaseFromFuture, StoreError
from ckpt_indexer.store import identity
from ckpt_indexer.store.options import WriterOptions
from ckpt_indexer.store.writer import open_writer
from tests.store.fakes import Catalog

if TYPE_CHECKING:
    from pathlib import Path


def sqlite_file(path: Path, *, wal: bool = False, application_id: int = 0) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute("CREATE TABLE precious (a)")
        connection.execute("INSERT INTO precious VALUES (1)")
        connection.commit()
    return path


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("kind", ["text", "short", "sqlite", "sqlite_wal", "other_id", "almost_sqlite"])
def test_a_foreign_file_is_refused_untouched(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "catalog.db"
    match kind:
        case "text":
            path.write_text("my thesis, chapter one\n" * 100)
        case "short":
            path.write_bytes(b"x")
        case "almost_sqlite":
            path.write_bytes(identity.MAGIC + b"\0" * 10)
        case _:
            sqlite_file(path, wal=kind == "sqlite_wal", application_id=7 if kind == "other_id" else 0)
    before = snapshot(tmp_path)
    with pytest.raises(DatabaseForeign) as caught:
        open_writer(path)
    assert caught.value.path == str(path)
    assert snapshot(tmp_path) == before


def test_a_foreign_file_is_not_ours_because_a_lock_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes")
    identity.beside(path, ".lock").write_text("123\n")
    with pytest.raises(DatabaseForeign):
        open_writer(path)
    assert not identity.is_recoverable(path)


def test_a_directory_or_a_pipe_is_foreign(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(DatabaseForeign):
            open_writer(path)


def test_an_empty_file_becomes_a_catalog(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.touch()
    with open_writer(path) as writer:
        assert writer.seq == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_catalog_is_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = tmp_path / "deep" / "er" / "catalog.db"
        with Catalog(path).writer as writer:
            modes = {found.name: found.stat().st_mode & 0o777 for found in path.parent.iterdir()}
            assert writer.is_current()
    finally:
        os.umask(old)
    assert modes == dict.fromkeys(
        ("catalog.db", "catalog.db-wal", "catalog.db-shm", "catalog.db.annotations.jsonl"), 0o600
    )
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_name_of_any_bytes_can_be_a_catalog(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"odd ?#%41\xff.db")
    with open_writer(path) as writer:
        catalog_id = writer.catalog_id
    with open_writer(path) as writer:
        assert writer.catalog_id == catalog_id


@pytest.mark.parametrize("change", ["PRAGMA user_version = 3", "UPDATE alembic_version SET version_num = '9999'",
                                    "UPDATE alembic_version SET version_num = 'abc'"])  # fmt: skip
def test_a_database_from_the_future_is_refused_untouched(database: Path, change: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(change)
        connection.commit()
    before = database.read_bytes()
    with pytest.raises(DatabaseFromFuture):
        open_writer(database)
    assert database.read_bytes() == before


def test_a_future_version_still_in_the_write_ahead_log_is_seen(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA user_version = 3")
    connection.commit()
    with pytest.raises(DatabaseFromFuture):
        open_writer(database)
    connection.close()


@pytest.mark.parametrize("damage", ["header", "middle", "truncated"])
def test_a_damaged_catalog_is_corrupt_and_recoverable(catalog: Catalog, damage: str) -> None:
    for n in range(50):
        catalog.describe(f"{n}.ckpt")
    catalog.writer.close()
    raw = bytearray(catalog.path.read_bytes())
    match damage:
        case "header":
            raw[:100] = b"\0" * 100
        case "middle":
            raw[100:40_000] = b"\xff" * 39_900
        case _:
            del raw[8192:]
    catalog.path.write_bytes(raw)
    with pytest.raises(DatabaseCorrupt):
        catalog.open()
    assert identity.is_recoverable(catalog.path)


def test_a_damaged_header_is_no_proof_without_the_journal(database: Path) -> None:
    database.write_bytes(b"\0" * 5000)
    with pytest.raises(DatabaseForeign):
        open_writer(database)
    assert not identity.is_recoverable(database)
    assert identity.is_recoverable(database, was_open=True)


def test_a_catalog_without_a_schema_is_corrupt(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE alembic_version")
    with pytest.raises(DatabaseCorrupt):
        open_writer(database)


def test_a_database_refuses_to_live_on_a_network_file_system(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with pytest.raises(StoreError, match="network"):
        open_writer(path, options=WriterOptions(is_network=lambda _: True))
    assert not path.exists()


def test_looking_at_an_open_catalog_does_not_drop_its_locks(catalog: Catalog) -> None:
    header = identity.read_header(catalog.path)
    assert header == identity.Header(is_sqlite=True, application_id=0x434B5049, user_version=2)
    try_lock = (
        "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)"
    )
    other = subprocess.run([sys.executable, "-c", try_lock, catalog.path], capture_output=True, check=False)
    assert b"BlockingIOError" in other.stderr  # https://www.sqlite.org/src/doc/trunk/src/os.h: the shared lock's bytes


def test_an_unreadable_database_is_named(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        path = tmp_path / "loop.db"
        path.symlink_to(path)
    else:
        path = tmp_path / "closed.db"
        path.write_bytes(b"x")
        path.chmod(0)
    with pytest.raises(StoreError) as caught:
        open_writer(path)
    assert caught.value.path == str(path)
