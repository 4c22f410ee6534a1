from __future__ import annotations

import importlib.util
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.catalog.views import NESTED_KEYS, ROW_KEYS
from ckpt_indexer.metadata.record import Presence, Problem
from ckpt_indexer.store.changes import PlaceProblem, PresenceChanged
from ckpt_indexer.store.fields import GROUPS
from tests.store.fakes import record

if TYPE_CHECKING:
    from tests.store.fakes import Catalog

VIEWS = (
    "catalog", "duplicates", "experiments", "metric_values", "problem_list", *(f"best_per_{group}" for group in GROUPS),
)  # fmt: skip


def dicts(catalog: Catalog, sql: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{catalog.path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql).fetchall()]


def test_the_catalog_view_is_the_public_row(catalog: Catalog) -> None:
    catalog.describe("exp/a.ckpt", record(tags=("t",), header={"tensors": 2}))
    (row,) = dicts(catalog, "SELECT * FROM catalog")
    assert tuple(row) == ROW_KEYS
    assert row["abs_path"] == "/data/outputs/exp/a.ckpt"
    nested = json.loads(catalog.row("exp/a.ckpt")["nested"])
    assert {key: json.loads(row[key]) for key in NESTED_KEYS} == {key: nested[key] for key in NESTED_KEYS}


def test_a_root_of_the_whole_disk_has_one_slash(catalog: Catalog) -> None:
    catalog.root = catalog.writer.add_root(b"/").id
    catalog.describe("a.ckpt")
    assert catalog.ask("SELECT abs_path FROM catalog") == [("/a.ckpt",)]


def test_the_best_of_each_group_is_present_no_alias_and_by_epoch_on_a_tie(catalog: Catalog) -> None:
    best = catalog.describe("b.ckpt", record(hmean=0.9, epoch=2))
    catalog.describe("c.ckpt", record(hmean=0.9, epoch=2))
    catalog.describe("a.ckpt", record(hmean=0.9, epoch=None))
    catalog.describe("d.ckpt", record(hmean=0.5))
    catalog.describe("link.ckpt", record(hmean=0.99), alias_of=best)
    gone = catalog.describe("gone.ckpt", record(hmean=0.99))
    catalog.writer.apply([PresenceChanged(gone, Presence.MISSING)])
    catalog.describe("unknown.ckpt", record(hmean=0.1, backbone=None))
    found = dicts(catalog, "SELECT backbone, path, hmean, n, ties FROM best_per_backbone ORDER BY backbone IS NULL")
    assert found == [
        {"backbone": "resnet18", "path": "b.ckpt", "hmean": 0.9, "n": 4, "ties": 3},
        {"backbone": None, "path": "unknown.ckpt", "hmean": 0.1, "n": 1, "ties": 1},
    ]


def test_experiments_sum_what_is_present(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record(hmean=0.2, epoch=0))
    catalog.describe("b.ckpt", record(hmean=0.4, epoch=5))
    (row,) = dicts(catalog, "SELECT * FROM experiments")
    assert (row["experiment"], row["checkpoints"], row["size_bytes"], row["best_hmean"], row["last_epoch"]) == (
        "exp", 2, 200, 0.4, 5,
    )  # fmt: skip


def test_metric_values_and_problems_name_their_files(catalog: Catalog) -> None:
    catalog.describe("a.ckpt", record(problems=(Problem("scale", "x"),)))
    catalog.writer.apply([PlaceProblem(catalog.root, b"dir", Problem("unreadable", "y"))])
    values = dicts(catalog, "SELECT path, name, value FROM metric_values WHERE name = 'val/iou'")
    assert values == [{"path": "a.ckpt", "name": "val/iou", "value": 0.5}]
    problems = dicts(catalog, "SELECT root, path, kind, checkpoint_id FROM problem_list ORDER BY path")
    assert problems == [
        {"root": "outputs", "path": "a.ckpt", "kind": "scale", "checkpoint_id": 1},
        {"root": "outputs", "path": "dir", "kind": "unreadable", "checkpoint_id": None},
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_plain(catalog: Catalog, view: str) -> None:
    ((sql,),) = catalog.ask("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = ?", view)
    assert "INDEXED" not in sql.upper()
    assert dicts(catalog, f"SELECT * FROM {view}") == []


def test_there_are_no_other_views(catalog: Catalog) -> None:
    assert {name for (name,) in catalog.ask("SELECT name FROM sqlite_master WHERE type = 'view'")} == set(VIEWS)


def test_datasette_reads_the_views(catalog: Catalog) -> None:
    datasette = pytest.importorskip("datasette.app", reason="datasette is not installed: views not tried with it")
    import asyncio

    catalog.describe("a.ckpt")

    async def ask() -> dict[str, int]:
        serve = datasette.Datasette([str(catalog.path)])
        database = serve.get_database("catalog")
        return {view: len((await database.execute(f"SELECT * FROM {view}")).rows) for view in VIEWS}

    counts = asyncio.run(ask())
    assert {view: counts[view] for view in ("catalog", "best_per_backbone", "experiments", "duplicates")} == {
        "catalog": 1, "best_per_backbone": 1, "experiments": 1, "duplicates": 0,
    }  # fmt: skip


def test_duckdb_reads_the_views(catalog: Catalog) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: views not tried with it")
    catalog.describe("a.ckpt")
    catalog.writer.close()
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    packaged = importlib.util.find_spec("duckdb_extension_sqlite_scanner")
    folder = Path(packaged.origin).parent if packaged and packaged.origin else catalog.path.parent
    extension = next((f"'{path}'" for path in folder.rglob("*.duckdb_extension")), "sqlite")
    try:
        connection.execute(f"LOAD {extension}")
    except duckdb.Error as error:
        pytest.skip(f"duckdb has no sqlite extension here, views not tried with it: {error}")
    connection.execute(f"ATTACH '{catalog.path}' AS c (TYPE sqlite, READ_ONLY)")
    for view in VIEWS:
        connection.execute(f"SELECT * FROM c.{view}").fetchall()
    assert connection.execute("SELECT path, hmean, n FROM c.best_per_backbone").fetchall() == [("a.ckpt", 0.8, 1)]
    connection.close()
