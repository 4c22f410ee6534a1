"""`export` against the fake catalog: files, formats, refusals."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication


@pytest.fixture(autouse=True)
def _rows(app: FakeApplication) -> None:
    app.catalog.having("a.ckpt", hmean=0.5).having("=b.ckpt").scanned("2026-11-20T21:00:00Z")


def test_a_file_is_written_in_the_format_of_its_suffix(run: Run, tmp_path: Path) -> None:
    done = run("export", str(tmp_path / "x.csv"))
    assert (done.code, done.out) == (0, "")
    assert f"wrote 2 rows to {tmp_path}/x.csv (csv, " in done.err
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert [line.split(",")[2] for line in lines] == ["path", "'=b.ckpt", "a.ckpt"]


def test_query_and_sort_are_handed_on(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    run("export", str(tmp_path / "x.jsonl"), "hmean>0.1", "-source:names", "--sort", "hmean-")
    assert app.catalog.asked[0][:3] == ("find", ("hmean>0.1", "^source:names"), "hmean-")


def test_standard_output_takes_the_rows_and_nothing_else(run: Run) -> None:
    done = run("export", "-", "--format", "jsonl")
    assert [json.loads(line)["path"] for line in done.out.splitlines()] == ["=b.ckpt", "a.ckpt"]
    assert "wrote" not in done.err


def test_parquet_goes_through_a_pipe(run: Run) -> None:
    pytest.importorskip("pyarrow")
    done = run("export", "-", "--format", "parquet")
    assert (done.code, done.raw[:4], done.raw[-4:]) == (0, b"PAR1", b"PAR1")


def test_an_existing_file_is_not_overwritten_without_force(run: Run, app: FakeApplication, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("mine")
    done = run("export", str(file))
    assert (done.code, file.read_text()) == (1, "mine")
    assert "--force overwrites it" in done.err
    assert app.catalog.asked == []
    assert run("export", str(file), "--force").code == 0
    assert file.read_text().startswith("id,")


def test_json_says_what_was_written(run: Run, tmp_path: Path) -> None:
    done = run("export", str(tmp_path / "x.csv"), "--json")
    told = json.loads(done.out)
    assert (told["rows"], told["format"], told["catalog"]) == (2, "csv", "c0ffee")
    assert told["size_bytes"] == (tmp_path / "x.csv").stat().st_size


@pytest.mark.parametrize(
    ("words", "hint"),
    [(("x.txt",), "--format csv|jsonl|parquet"), (("-",), "--format"), (("-", "--format", "csv", "--json"), "--json"),
     ((), "FILE"), (("x.csv", "--format", "xml"), "xml")],
)  # fmt: skip
def test_wrong_usage_is_2(words: tuple[str, ...], hint: str, run: Run) -> None:
    done = run("export", *words)
    assert (done.code, done.out) == (2, "")
    assert hint in done.err


def test_without_pyarrow_parquet_says_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = run("export", str(tmp_path / "x.parquet"))
    assert done.code == 1
    assert "pip install 'ckpt-indexer[parquet]'" in done.err
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_said(run: Run, tmp_path: Path) -> None:
    done = run("export", str(tmp_path / "none" / "x.csv"))
    assert done.code == 1
    assert "cannot write" in done.err
