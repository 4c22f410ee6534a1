from __future__ import annotations

import csv
import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.catalog.formats import FORMATS, PIECE, csv_pieces, format_of, jsonl_pieces, parquet_pieces
from ckpt_indexer.catalog.views import ROW_KEYS
from ckpt_indexer.errors import CkptIndexerError
from tests.fakes.catalog import FakeCatalog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def rows() -> list[Any]:
    catalog = FakeCatalog()
    catalog.having("a.ckpt", hmean=0.5, metrics={"val/iou": 0.7}, tags=["x"], params={"lr": 0.1}, epoch=0, pinned=True)
    catalog.having("=HYPERLINK(\u202e)\x1b[31m\n.ckpt", created_at="2026-11-20T20:00:00.000001Z", notes='a,"b"')
    return sorted(catalog.find(), key=lambda row: row["id"])


def read_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_csv_has_a_column_per_key_and_exact_values(rows: list[Any]) -> None:
    first, _ = read_csv(b"".join(csv_pieces(rows)))
    assert tuple(first) == ROW_KEYS
    assert (first["hmean"], first["epoch"], first["pinned"], first["decoder"]) == ("0.5", "0", "true", "")
    assert json.loads(first["metrics"]) == {"hmean": 0.5, "val/iou": 0.7}


def test_csv_holds_nothing_that_is_calculated_or_obeyed(rows: list[Any]) -> None:
    data = b"".join(csv_pieces(rows))
    second = read_csv(data)[1]
    assert second["path"] == "'=HYPERLINK(\\u202e)\\x1b[31m\\n.ckpt"
    assert second["notes"] == 'a,"b"'
    assert data.count(b"\n") == 3


def test_json_lines_are_whole_rows_in_ascii(rows: list[Any]) -> None:
    data = b"".join(jsonl_pieces(rows))
    first, second = map(json.loads, data.decode("ascii").splitlines())
    assert first == dict(rows[0])
    assert second["path"] == rows[1]["path"]


def test_parquet_has_typed_columns(rows: list[Any], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "x.parquet"
    file.write_bytes(b"".join(parquet_pieces(rows)))
    table = parquet.read_table(file)
    assert table.column_names == list(ROW_KEYS)
    types = {name: str(table.schema.field(name).type) for name in ("epoch", "hmean", "pinned", "created_at", "path")}
    assert types == {
        "epoch": "int64", "hmean": "double", "pinned": "bool", "created_at": "timestamp[us, tz=UTC]", "path": "string",
    }  # fmt: skip
    first, second = table.to_pylist()
    assert dict(first["metrics"]) == {"hmean": 0.5, "val/iou": 0.7}
    assert (first["tags"], json.loads(first["params"]), first["epoch"]) == (["x"], {"lr": 0.1}, 0)
    assert second["created_at"].microsecond == 1
    assert second["path"] == rows[1]["path"]


def test_duckdb_reads_the_parquet_file(rows: list[Any], tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    duckdb = pytest.importorskip("duckdb")
    file = tmp_path / "x.parquet"
    file.write_bytes(b"".join(parquet_pieces(rows)))
    found = duckdb.sql(f"SELECT metrics['val/iou'], tags[1] FROM '{file}' WHERE pinned").fetchall()
    assert found == [(0.7, "x")]


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_rows_leave_in_pieces_before_all_are_there(name: str) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    (row,) = FakeCatalog().having("a.ckpt", hmean=0.5).find()
    given = 0

    def endless() -> Iterator[Any]:
        nonlocal given
        while True:
            given += 1
            yield row

    pieces = FORMATS[name].pieces(endless())
    sizes = [len(next(pieces)) for _ in range(3)]
    assert any(sizes)
    assert given <= 4 * PIECE


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_no_rows_are_a_file_too(name: str) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    data = b"".join(FORMATS[name].pieces([]))
    assert {"csv": data.startswith(b"id,root,"), "jsonl": data == b"", "parquet": data[:4] == b"PAR1"}[name]


def test_without_pyarrow_there_is_a_sentence(rows: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CkptIndexerError, match=r"ckpt-indexer\[parquet\]"):
        list(parquet_pieces(rows))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.csv", "csv"), ("a.JSONL", "jsonl"), ("a.ndjson", "jsonl"), ("x.parquet", "parquet"), ("a.txt", None),
     ("csv", None), ("-", None)],
)  # fmt: skip
def test_the_suffix_says_the_format(name: str, expected: str | None) -> None:
    found = format_of(name)
    assert (None if found is None else found.name) == expected
