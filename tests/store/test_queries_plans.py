"""The indexes answer: what SQLite says it would do, without and with its statistics, on some thousand rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.catalog.fields import GROUPS, PROMOTED
from ckpt_indexer.catalog.query import parse, parse_sort
from ckpt_indexer.store import read_best, read_direction, read_find, read_reports, read_walk
from ckpt_indexer.store.compile import compile_query
from ckpt_indexer.store.queries import best, find
from ckpt_indexer.store.read_find import After, Plan
from ckpt_indexer.store.read_rows import Look, looking
from ckpt_indexer.store.readonly import open_readonly
from tests.client.catalog_database import build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.store.compile import Bound

ROWS = 3000


@pytest.fixture(scope="module", params=["no statistics", "statistics"])
def look(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    rows = [
        {"path": f"exp{n // 20}/epoch={n % 20}.ckpt", "experiment": f"exp{n // 20}", "backbone": f"b{n % 24}",
         "architecture": f"a{n % 5}", "decoder": f"d{n % 3}", "dataset": "x", "hmean": n / ROWS, "precision": n / ROWS,
         "recall": n / ROWS, "validation_loss": n / ROWS, "epoch": n % 20,
         "metrics": {"val/iou": n / ROWS, "val/x": 1.0}}
        for n in range(ROWS)
    ]  # fmt: skip
    path = build(tmp_path_factory.mktemp("plans") / "c.db", rows)
    if request.param == "statistics":
        with closing(sqlite3.connect(path)) as other:
            other.execute("ANALYZE")
    with closing(open_readonly(path)) as connection, looking(connection, str(path)) as made:
        yield made


def plan(look: Look, statement: str, parameters: dict[str, Bound] | tuple[Bound, ...] = ()) -> list[str]:
    return [line[3] for line in look.all(f"EXPLAIN QUERY PLAN {statement}", parameters)]


def searches(lines: list[str]) -> set[str]:
    return {line for line in lines if line.startswith(("SEARCH", "SCAN")) and " USING " in line}


def table_scans(lines: list[str]) -> list[str]:
    tables = ("checkpoints", "c", "o", "metrics", "m", "facets", "f")
    return [line for line in lines if line.startswith("SCAN") and line.split()[1] in tables and " USING " not in line]


@pytest.mark.parametrize("metric", PROMOTED)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("falling", [True, False])
def test_best_per_group_seeks_only(look: Look, metric: str, group: str, single: bool, falling: bool) -> None:
    lines = plan(look, read_best.loose_scan(metric, group, falling=falling, single=single), {"k": 1})
    index = f"ix_checkpoints_{group}_{metric}"
    assert table_scans(lines) == []
    assert any(f"USING INDEX {index} ({group}>?)" in line for line in lines)
    for line in searches(lines):
        assert any(name in line for name in (index, "INTEGER PRIMARY KEY", "PRIMARY KEY (field=?")), line


@pytest.mark.parametrize("falling", [True, False])
def test_top_n_comes_off_the_index(look: Look, falling: bool) -> None:
    lines = plan(look, read_best.top("hmean", falling=falling), {"k": 20})
    assert table_scans(lines) == []
    assert "USE TEMP B-TREE FOR ORDER BY" not in lines


def test_best_by_any_metric_walks_its_index_in_order(look: Look) -> None:
    lines = plan(look, read_walk.walking("backbone", falling=True), {"metric": "val/iou"})
    assert table_scans(lines) == []
    assert any("ix_metrics_name_value (name=?" in line for line in lines)
    assert not any("TEMP B-TREE" in line for line in lines)


def test_a_slow_group_is_found_through_its_own_index(look: Look) -> None:
    lines = plan(look, read_walk.own_rows("backbone", "hmean"), {"metric": "val/iou", "group": "b1"})
    assert table_scans(lines) == []
    assert any("ix_checkpoints_backbone_hmean (backbone=?" in line for line in lines)


def test_directions_are_sampled_off_the_index(look: Look) -> None:
    assert table_scans(plan(look, read_direction._DECLARED, {"name": "val/iou", "sample": 5})) == []


@pytest.mark.parametrize("after", [None, After(("outputs", b"exp7/epoch=3.ckpt"), 9)])
def test_pages_by_path_seek_and_never_sort(look: Look, after: After | None) -> None:
    made = Plan(compile_query(parse("")), read_find.PATH_ORDER, after)
    ((statement, parameters),) = read_find.statements(look, made)
    lines = plan(look, statement, parameters | {"limit": 5})
    wanted = "(root_id=? AND path_bytes>?)" if after else "(root_id=?)"
    assert lines == [f"SEARCH c USING INDEX uq_checkpoints_root_id_path_bytes {wanted}"]


@pytest.mark.parametrize("after", [None, After((0.5,), 9)])
@pytest.mark.parametrize("metric", PROMOTED)
def test_pages_by_a_headline_metric_come_off_its_index(look: Look, metric: str, after: After | None) -> None:
    compiled = compile_query(parse("")._replace(sorts=parse_sort(f"{metric}-")))
    statement, parameters = next(read_find.statements(look, Plan(compiled, compiled.keys, after)))
    lines = plan(look, statement, parameters | {"limit": 5})
    ranked = [line for line in lines if f"ix_checkpoints_{metric}" in line]
    assert ranked
    assert after is None or any(f"({metric}" in line for line in ranked)


@pytest.mark.parametrize("text", ["exp:exp7", "exp:EXP7,exp8", "exp:exp7* epoch>3", "exp:exp7 hmean-"])
def test_an_experiment_is_found_through_its_index(look: Look, text: str) -> None:
    compiled = compile_query(parse(text))
    ((statement, parameters),) = read_find.statements(look, Plan(compiled, compiled.keys or read_find.PATH_ORDER, None))
    lines = plan(look, statement, compiled.parameters | parameters | {"limit": 5})
    assert any("USING INDEX ix_checkpoints_experiment (experiment=?)" in line for line in lines)
    assert table_scans(lines) == []


def test_facets_and_changes_read_their_own_rows(look: Look) -> None:
    assert plan(look, read_reports.FACET, ("backbone",))[0] == "SEARCH facets USING PRIMARY KEY (field=?)"
    lines = plan(look, read_reports.CHANGES, {"seq": 5, "limit": 5})
    assert lines == ["SEARCH c USING INDEX ix_checkpoints_seq (seq>?)"]


def test_best_per_backbone_reads_a_bounded_number_of_instructions(look: Look) -> None:
    steps = [0]

    def count() -> None:
        steps[0] += 1

    look.connection.set_progress_handler(count, 100)
    page = best(look, "hmean", "backbone", "", k=1, mode=None)
    found = find(look, "", limit=10)
    look.connection.set_progress_handler(None, 0)
    assert (len(page), len(found)) == (24, 10)
    assert steps[0] < 24 * 5 + 50
