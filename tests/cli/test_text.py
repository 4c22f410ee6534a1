from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.cli import text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain/path é 日本.ckpt", "plain/path é 日本.ckpt"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\ttab\r", "two\\nlines\\ttab\\r"),
        ("abc\u202etpkc.exe", "abc\\u202etpkc.exe"),
        ("\u2066isolated\u2069", "\\u2066isolated\\u2069"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
        ("[bold red]markup[/]", "[bold red]markup[/]"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(raw: str, shown: str) -> None:
    assert text.shown(raw) == shown


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_shown_text_is_always_printable(raw: str) -> None:
    assert text.shown(raw).isprintable()


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, "-"), ("", "-"), (True, "yes"), (False, "no"), (0, "0"), (0.0, "0.0000"), (0.84321, "0.8432"),
     (0.00001234, "1.234e-05"), (123456.0, "1.235e+05"), (b"\xff", "x'ff'"), (["a"], '["a"]'), ("\x07", "\\x07")],
)  # fmt: skip
def test_cells_of_a_table(value: object, cell: str) -> None:
    assert text.cell(value) == cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, ""), (True, "true"), (-0.5, "-0.5"), (-3, "-3"), ("-0.5", "-0.5"), ("+1e3", "+1e3"), ("=1+1", "'=1+1"),
     ("@SUM(A1)", "'@SUM(A1)"), ("-1+1|cmd", "'-1+1|cmd"), ("+x", "'+x"), ("\t=1", "'\\t=1"), ("\r=1", "'\\r=1"),
     ("-", "'-"), (float("nan"), ""), ({"a": 1}, '{"a": 1}'), ("a\nb", "a\\nb"), (0.1 + 0.2, "0.30000000000000004"),
     ("\uff1d1", "'\uff1d1")],
)  # fmt: skip
def test_cells_of_a_csv_file(value: object, cell: str) -> None:
    assert text.csv_cell(value) == cell


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(), min_size=1, max_size=4))
def test_no_csv_cell_is_a_formula_or_breaks_its_line(values: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([text.csv_cell(value) for value in values])
    (cells,) = csv.reader(io.StringIO(out.getvalue()))
    assert len(cells) == len(values)
    assert not any(cell.startswith(("=", "@", "\t", "\r")) for cell in cells)
    assert all(float(cell) is not None for cell in cells if cell.startswith(("+", "-")))


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (5 * 1024**3, "5.0 GiB"),
        (1024**7, "1048576.0 PiB"),
    ],
)
def test_sizes(size: int | None, shown: str) -> None:
    assert text.size(size) == (shown if size != 1024**7 else "1048576.0 PiB")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (180, "3 min"), (7200, "2 h"), (172_799, "47 h"), (86_400 * 3, "3 days")],
)
def test_ages(seconds: float, shown: str) -> None:
    assert text.age(seconds) == shown


def test_a_time_says_how_long_ago() -> None:
    now = datetime(2026, 11, 20, 21, 3, 1, tzinfo=UTC)
    assert text.since("2026-11-20T21:00:01Z", now) == "2026-11-20 21:00:01Z, 3 min ago"


def test_json_has_neither_nan_nor_raw_control_characters_nor_surrogates() -> None:
    line = text.to_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": "\udcff\u202e\x1b", "d": b"\xff"})
    assert line.isascii()
    assert json.loads(line) == {
        "a": None, "b": [None, 1.5], "c": "\udcff\u202e\x1b", "d": {"$base64": True, "encoded": "/w=="},
    }  # fmt: skip


def test_a_value_json_has_no_word_for_is_a_bug() -> None:
    with pytest.raises(TypeError):
        text.to_json({"a": object()})


def test_columns_are_aligned_by_what_the_terminal_shows() -> None:
    lines = text.columns([["name", "n"], ["日本", "1"], ["e\u0301", "10"]], right=frozenset({1}))
    assert lines == ["name   n", "日本   1", "e\u0301     10"]


@pytest.mark.parametrize(("n", "said"), [(1, "1 row"), (0, "0 rows"), (1200, "1,200 rows")])
def test_counts_have_their_plural(n: int, said: str) -> None:
    assert text.count(n, "row") == said
