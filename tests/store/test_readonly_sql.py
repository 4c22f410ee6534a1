from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import DatabaseAbsent, QueryError
from ckpt_indexer.store import read_sql
from ckpt_indexer.store.readonly import run_sql, uri
from tests.client.catalog_database import build

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.store.read_sql import SqlResult


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [{"path": f"{n}.ckpt", "backbone": f"b{n % 3}", "hmean": n / 10, "tags": ["x"]} for n in range(10)]
    return build(tmp_path_factory.mktemp("sql") / "c #?.db", rows)


def run(path: Path, sql: str, *, deadline_s: float = 20.0, max_rows: int = 100, max_bytes: int = 10**6) -> SqlResult:
    return run_sql(path, sql, deadline_s=deadline_s, max_rows=max_rows, max_bytes=max_bytes)


def test_a_select_answers_with_columns_and_rows(path: Path) -> None:
    found = run(path, "SELECT backbone AS b, count(*), path_bytes, NULL FROM checkpoints GROUP BY 1 ORDER BY 1 LIMIT 1")
    assert found.columns == ("b", "count(*)", "path_bytes", "NULL")
    assert found.rows == [("b0", 4, b"0.ckpt", None)]
    assert not found.truncated


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT 1e999", [(float("inf"),)]),
        ("SELECT CAST(x'ff' AS TEXT)", [("\ufffd",)]),
        ("SELECT value FROM json_each('[1,2]')", [(1,), (2,)]),
        ("WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM r WHERE x<3) SELECT sum(x) FROM r", [(6,)]),
        ("SELECT 'a;b' -- done", [("a;b",)]),
        ("SELECT 'it''s \u00fc' ;", [("it's \u00fc",)]),
        ("SELECT 1 WHERE 0", []),
    ],
)
def test_plain_reading_works(path: Path, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert run(path, sql).rows == rows


def test_a_plan_can_be_asked_for(path: Path) -> None:
    assert "PRIMARY KEY" in str(run(path, "EXPLAIN QUERY PLAN SELECT * FROM checkpoints WHERE id = 1").rows)


def test_rows_and_bytes_are_limited(path: Path) -> None:
    few = run(path, "SELECT id FROM checkpoints", max_rows=3)
    assert (few.rows, few.truncated) == ([(1,), (2,), (3,)], True)
    assert not run(path, "SELECT id FROM checkpoints", max_rows=10).truncated
    small = run(path, "SELECT printf('%.*c', 1000, 'x') FROM checkpoints", max_bytes=2500)
    assert (len(small.rows), small.truncated) == (2, True)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM checkpoints", "only reading is allowed"),
        ("EXPLAIN DELETE FROM checkpoints", "only reading is allowed"),
        ("ATTACH 'new.db' AS n", "only reading is allowed"),
        ("PRAGMA journal_mode = DELETE", "only reading is allowed"),
        ("CREATE TEMP TABLE t (a)", "only reading is allowed"),
        ("VACUUM INTO 'x.db'", "only reading is allowed"),
        ("BEGIN", "only reading is allowed"),
        ("SELECT load_extension('x')", "load_extension"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("", "no SELECT"),
        ("-- nothing", "no SELECT"),
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nope", "no such table: nope"),
        ("SELECT hex(zeroblob(400000000))", "too big"),
        ("SELECT 1\x00", "NUL"),
        ("SELECT " + "1+" * 60_000 + "1", "longer than"),
        ("SELECT " + "(" * 500 + "1" + ")" * 500, "failed"),
    ],
)
def test_everything_else_is_refused_in_one_sentence(path: Path, sql: str, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        run(path, sql)
    assert words in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM r) SELECT count(*) FROM r",
        "SELECT length(printf('%.*c', 900000000, 'x'))",
    ],
)
def test_a_statement_without_end_is_stopped(path: Path, sql: str) -> None:
    with pytest.raises(QueryError, match=r"longer than 0\.1 s"):
        run(path, sql, deadline_s=0.1)


def test_memory_is_limited(path: Path) -> None:
    hog = (
        "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM r WHERE x < 500) "
        "SELECT count(*) FROM (SELECT DISTINCT zeroblob(900000 + x) FROM r)"
    )
    with pytest.raises(QueryError, match="memory"):
        read_sql.run(uri(str(path)), hog, deadline_s=30, max_rows=5, max_bytes=100, max_memory=2**26)


def test_an_absent_catalog_is_absent_here_too(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAbsent):
        run(tmp_path / "none.db", "SELECT 1")
