"""A checkup reads everything and leaves the directory as it was."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import DatabaseAbsent, DatabaseCorrupt, DatabaseFromFuture, StoreError
from ckpt_indexer.metadata.record import Problem, ReadState
from ckpt_indexer.store.notes import Edit
from ckpt_indexer.store.read_checkup import inspect
from ckpt_indexer.store.readonly import SCHEMA_VERSION
from tests.store.fakes import ROOT, Catalog, record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a catalog with a few rows, closed: no log lies beside it."""
    catalog = Catalog(tmp_path / "catalog.db")
    catalog.describe("a.ckpt", record(content_id="c1"))
    degraded = record(problems=(Problem("scale", "x"), Problem("field", "y")), content_id="c1")
    catalog.describe("b.ckpt", replace(degraded, read_state=ReadState.DEGRADED, sidecar_state=None), size=70)
    catalog.describe("c.ckpt", replace(record(), read_state=ReadState.UNREADABLE, sidecar_state=None))
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("good",)))
    catalog.writer.close()
    return catalog.path


def listing(directory: Path) -> dict[str, tuple[int, int]]:
    return {entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns) for entry in os.scandir(directory)}


def test_it_counts_what_the_catalog_holds(path: Path) -> None:
    found = inspect(path, deadline_s=10)
    assert found.is_checked
    assert (found.present, found.read_states["degraded"], found.read_states["unreadable"]) == (3, 1, 1)
    assert (found.sidecar_states, found.without_document) == ({"verified": 1}, 2)
    assert found.kinds == (("field", 1), ("scale", 1))
    assert [(root.name, root.path) for root in found.roots] == [("outputs", ROOT)]
    assert found.notes[ROOT, b"a.ckpt"].tags == ("good",)
    assert (found.duplicates, found.duplicate_bytes) == (1, 70)


def test_nothing_is_made_beside_the_file(path: Path) -> None:
    before = listing(path.parent)
    assert not {"catalog.db-wal", "catalog.db-shm"} & set(before)
    inspect(path, deadline_s=10)
    assert listing(path.parent) == before


def test_what_a_writer_has_only_in_its_log_is_seen(path: Path) -> None:
    catalog = Catalog(path)
    catalog.describe("d.ckpt")
    assert path.with_name("catalog.db-wal").stat().st_size > 0
    assert inspect(path, deadline_s=10).present == 4
    catalog.writer.close()


def test_a_check_that_takes_too_long_is_given_up(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE much AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                           " LIMIT 60000) SELECT i, hex(randomblob(20)) AS x FROM n")  # fmt: skip
        connection.execute("CREATE INDEX ix_much ON much (x, i)")
    found = inspect(path, deadline_s=-1)
    assert (found.is_checked, found.present) == (False, 3)


def test_damage_is_named(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 : 4096 * 12] = os.urandom(4096 * 9)
    path.write_bytes(raw)
    with pytest.raises(DatabaseCorrupt, match="db rebuild"):
        inspect(path, deadline_s=10)


def test_no_catalog_and_other_schemas_are_told_apart(path: Path) -> None:
    with pytest.raises(DatabaseAbsent):
        inspect(path.with_name("none.db"), deadline_s=10)
    for version, kind in ((SCHEMA_VERSION + 1, DatabaseFromFuture), (SCHEMA_VERSION - 1, StoreError)):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
        with pytest.raises(kind) as caught:
            inspect(path, deadline_s=10)
        assert caught.value.details["version"] == version
