from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import DatabaseAbsent, DatabaseCorrupt, DatabaseForeign
from ckpt_indexer.store import identity, maintenance
from ckpt_indexer.store.maintenance import check
from ckpt_indexer.store.notes import Edit
from tests.store.fakes import Catalog, record

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def spoil(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM metrics WHERE name = 'val/iou'", "a.ckpt: its metrics differ from the row"),
        ("UPDATE metrics SET value = 0.1 WHERE name = 'val/iou'", "a.ckpt: metric val/iou differs from the row"),
        ("DELETE FROM components WHERE position = 0", "a.ckpt: its components differ from the row"),
        ("DELETE FROM params WHERE key = 'lr'", "a.ckpt: its params differ from the row"),
        ("UPDATE checkpoints SET rankable = 0", "a.ckpt: is ranked wrongly"),
        ("UPDATE checkpoints SET alias_of = 99", "a.ckpt: alias_of names a missing row"),
        ("INSERT INTO metrics VALUES (99, 'x', 1, 0)", "metrics refers to a missing row of checkpoints"),
        ("UPDATE meta SET value = '1' WHERE key = 'next_id'", "next_id is 1, but row 1 exists"),
        ("UPDATE meta SET value = '0' WHERE key = 'seq'", "seq is 0, but a row has 2"),
        ("UPDATE facets SET n = 5 WHERE field = 'backbone' AND metric = 'hmean'",
         "count of ('backbone', 'resnet18', 0, 'hmean') is (5, 0), should be (1, 0)"),
        ("DELETE FROM facets WHERE field = '' AND metric = ''", "count of ('', '', 0, '') is None, should be (1, 100)"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_said(catalog: Catalog, statement: str, finding: str) -> None:
    catalog.describe("a.ckpt")
    assert check(catalog.path).is_ok
    spoil(catalog.path, statement)
    assert finding in check(catalog.path).findings


def test_many_findings_of_a_kind_are_summed_up(catalog: Catalog) -> None:
    for n in range(9):
        catalog.describe(f"{n}.ckpt")
    spoil(catalog.path, "UPDATE checkpoints SET rankable = 0")
    findings = check(catalog.path).findings
    assert "and 4 more like these" in findings
    assert len(findings) < 15


def test_a_check_beside_a_writer_reads_what_is_committed(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    report = check(catalog.path)
    assert (report.is_ok, report.rows, report.revision, report.path) == (True, 1, "0002", str(catalog.path))


def test_damaged_pages_are_a_finding(catalog: Catalog) -> None:
    for n in range(100):
        catalog.describe(f"{n}.ckpt")
    catalog.writer.close()
    raw = bytearray(catalog.path.read_bytes())
    raw[len(raw) // 2 :] = b"\xff" * (len(raw) - len(raw) // 2)
    catalog.path.write_bytes(raw)
    report = check(catalog.path)
    assert not report.is_ok
    assert all(finding.startswith("damaged") for finding in report.findings)


def test_there_is_nothing_to_check_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAbsent):
        check(tmp_path / "none.db")
    with pytest.raises(DatabaseAbsent):
        maintenance.backup(tmp_path / "none.db", now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_a_whole_catalog(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    copy = maintenance.backup(catalog.path, now=NOW)
    assert copy.name == "catalog.db.backup-0002-20260102T030405000000"
    assert check(copy).rows == 1


def test_a_rebuilt_catalog_takes_the_place_whole(catalog: Catalog, tmp_path: Path) -> None:
    catalog.describe("old.ckpt")
    catalog.writer.annotate(catalog.root, b"old.ckpt", Edit(pinned=True))
    journal = identity.journal_path(catalog.path).read_bytes()
    reader = sqlite3.connect(f"file:{catalog.path}?mode=ro", uri=True)
    assert reader.execute("SELECT path FROM checkpoints").fetchall() == [("old.ckpt",)]
    new = Catalog(tmp_path / "new.db")
    new.describe("new.ckpt")
    new.writer.close()
    catalog.writer.close()
    maintenance.swap_in(new.path, catalog.path)
    assert reader.execute("SELECT path FROM checkpoints").fetchall() == [("old.ckpt",)]
    reader.close()
    assert catalog.ask("SELECT path FROM checkpoints") == [("new.ckpt",)]
    assert check(catalog.path).is_ok
    assert not new.path.exists()
    assert not identity.journal_path(new.path).exists()
    assert identity.journal_path(catalog.path).read_bytes() == journal


def test_a_left_over_write_ahead_log_is_not_played_into_the_new_catalog(catalog: Catalog, tmp_path: Path) -> None:
    catalog.describe("old.ckpt")
    wal = identity.beside(catalog.path, "-wal")
    left = wal.read_bytes()
    catalog.writer.close()
    wal.write_bytes(left)
    new = Catalog(tmp_path / "new.db")
    new.describe("new.ckpt")
    new.writer.close()
    maintenance.swap_in(new.path, catalog.path)
    assert catalog.ask("SELECT path FROM checkpoints") == [("new.ckpt",)]


def test_a_damaged_catalog_can_be_replaced(catalog: Catalog, tmp_path: Path) -> None:
    catalog.describe("a.ckpt")
    catalog.writer.close()
    catalog.path.write_bytes(b"\0" * 100_000)
    new = Catalog(tmp_path / "new.db")
    new.writer.close()
    maintenance.swap_in(new.path, catalog.path)
    assert check(catalog.path).is_ok


def test_a_foreign_file_is_neither_replaced_nor_moved(tmp_path: Path, database: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes")
    with pytest.raises(DatabaseForeign):
        maintenance.swap_in(database, path)
    with pytest.raises(DatabaseForeign):
        maintenance.move_aside(path, now=NOW)
    assert path.read_text() == "notes"


def test_nothing_is_swapped_in_from_nowhere(tmp_path: Path, database: Path) -> None:
    with pytest.raises(DatabaseAbsent):
        maintenance.swap_in(tmp_path / "none.db", database)
    assert check(database).is_ok


def test_a_damaged_catalog_is_moved_aside_with_all_that_belongs_to_it(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record())
    left = identity.beside(catalog.path, "-wal").read_bytes()
    catalog.writer.close()
    identity.beside(catalog.path, "-wal").write_bytes(left)
    catalog.path.write_bytes(b"\0" * 5000)
    with pytest.raises(DatabaseCorrupt):
        catalog.open()
    aside = maintenance.move_aside(catalog.path, now=NOW)
    assert aside.name == "catalog.db.corrupt-20260102T030405000000"
    assert identity.beside(aside, "-wal").read_bytes() == left
    assert not catalog.path.exists()
    catalog.writer = catalog.open()
    assert catalog.writer.roots() == []
