from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ckpt_indexer.errors import (
    DatabaseAbsent,
    DatabaseCorrupt,
    DatabaseForeign,
    DatabaseFromFuture,
    DatabaseLocked,
    StoreError,
)
from ckpt_indexer.store.identity import JOURNAL_MARK
from ckpt_indexer.store.migrate import HEAD
from ckpt_indexer.store.read_rows import looking
from ckpt_indexer.store.readonly import SCHEMA_VERSION, open_readonly
from tests.client.catalog_database import CatalogFile, build


def ask(path: Path) -> int:
    with closing(open_readonly(path)) as connection, looking(connection, str(path)) as look:
        return int(look.one("SELECT count(*) FROM checkpoints"))


def alter(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(statement)
        other.commit()


def test_the_schema_version_is_the_newest_revision() -> None:
    assert int(HEAD) == SCHEMA_VERSION


@pytest.mark.parametrize("name", ["c.db", "with space?#%&.db", "\u00fc\u4e2d.db", "a\udcff.db", "-dash.db"])
def test_any_file_name_opens(tmp_path: Path, name: str) -> None:
    plain = build(tmp_path / "plain", [{"path": "a.ckpt"}], wal=False)
    assert ask(plain.rename(tmp_path / name)) == 1


def test_nothing_can_be_written(tmp_path: Path) -> None:
    with closing(open_readonly(build(tmp_path / "c.db", []))) as connection:
        for statement in ("DELETE FROM checkpoints", "CREATE TEMP TABLE x (a)", "PRAGMA user_version = 5"):
            with pytest.raises(sqlite3.OperationalError):
                connection.execute(statement)


@pytest.mark.parametrize("missing", ["none.db", "no/such/folder.db", "file/x.db"])
def test_an_absent_file_is_absent_and_stays_so(tmp_path: Path, missing: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatabaseAbsent, match="scan DIR"):
        open_readonly(tmp_path / missing)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_empty_file_holds_no_catalog(tmp_path: Path) -> None:
    (tmp_path / "c.db").touch()
    with pytest.raises(DatabaseAbsent):
        open_readonly(tmp_path / "c.db")


def test_what_is_no_catalog_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello " * 1000)
    alter(tmp_path / "other.db", "CREATE TABLE t (a)")
    os.mkfifo(tmp_path / "fifo.db")
    for name in ("text.db", "other.db", "fifo.db", "."):
        with pytest.raises(DatabaseForeign):
            open_readonly(tmp_path / name)


def test_a_catalog_without_its_header_is_damaged(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", [], wal=False)
    (tmp_path / "c.db.annotations.jsonl").write_bytes(JOURNAL_MARK + b"}\n")
    with path.open("r+b") as file:
        file.write(b"\xff" * 100)
    with pytest.raises(DatabaseCorrupt, match="db rebuild"):
        open_readonly(path)


@pytest.mark.parametrize("beside", ["c.db.lock", "c.db.annotations.jsonl"])
def test_a_lock_or_an_empty_journal_does_not_make_a_text_a_catalog(beside: str, tmp_path: Path) -> None:
    (tmp_path / "c.db").write_text("hello " * 1000)
    (tmp_path / beside).touch()
    with pytest.raises(DatabaseForeign):
        open_readonly(tmp_path / "c.db")


def test_a_catalog_damaged_in_the_middle_says_so(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", [{"path": f"{n}.ckpt"} for n in range(200)], wal=False)
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (path.stat().st_size - 8192))
    with pytest.raises(DatabaseCorrupt):
        ask(path)


def test_a_missing_table_is_damage(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", [])
    alter(path, "DROP TABLE roots")
    with pytest.raises(DatabaseCorrupt):
        ask(path)


def test_other_schemas_are_refused_untouched(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", [], wal=False)
    alter(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(DatabaseFromFuture, match="newer release"):
        open_readonly(path)
    assert path.read_bytes() == before
    alter(path, f"PRAGMA user_version = {SCHEMA_VERSION - 1}")
    with pytest.raises(StoreError, match="db upgrade"):
        open_readonly(path)


def test_a_locked_file_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ckpt_indexer.store.readonly.BUSY_TIMEOUT_S", 0.01)
    path = build(tmp_path / "c.db", [], wal=False)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseLocked):
            open_readonly(path)


def test_programming_errors_stay_what_they_are(tmp_path: Path) -> None:
    path = build(tmp_path / "c.db", [])
    with (
        closing(open_readonly(path)) as connection,
        pytest.raises(sqlite3.OperationalError, match="syntax"),
        looking(connection, str(path)) as look,
    ):
        look.one("SELEC 1")


def as_nobody(path: Path) -> str:
    """Return how many rows a process without rights over the file's directory finds, or what it is told."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            answer = str(ask(path))
        except BaseException as error:  # noqa: BLE001  # the child must end here, whatever happens
            answer = f"{type(error).__name__}: {error}"
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        answer = told.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def public(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    for parent in (folder, *folder.parents):
        if parent.is_relative_to(Path("/tmp")) and parent != Path("/tmp"):
            parent.chmod(0o755)
    return folder


def test_a_catalog_in_a_directory_that_cannot_be_written_is_read(public: Path) -> None:
    path = build(public / "c.db", [{"path": "a.ckpt"}])
    path.chmod(0o444)
    public.chmod(0o555)
    assert as_nobody(path) == "1"
    public.chmod(0o755)


def test_unmerged_changes_there_are_not_passed_over(public: Path, tmp_path: Path) -> None:
    file = CatalogFile(tmp_path / "c.db")
    file.add("a.ckpt")
    for suffix in ("", "-wal"):
        shutil.copy(f"{file.path}{suffix}", public / f"c.db{suffix}")
    file.close()
    for path in public.iterdir():
        path.chmod(0o444)
    public.chmod(0o555)
    assert "unmerged changes" in as_nobody(public / "c.db")
    public.chmod(0o755)


def test_a_file_without_read_rights_is_said_to_be_unreadable(public: Path) -> None:
    path = build(public / "c.db", [], wal=False)
    path.chmod(0o000)
    assert "cannot be read" in as_nobody(path)
    path.chmod(0o644)
