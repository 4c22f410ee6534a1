from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.store import storable

anything: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.integers(2**62, 2**70), st.floats(), st.binary(max_size=4),
        st.text(st.characters(codec=None), max_size=5), st.datetimes(), st.dates(),
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec=None), max_size=3) | st.integers() | st.none(), inner, max_size=3)
    | st.tuples(inner, inner),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(anything)
def test_anything_is_storable_as_text_and_as_json(value: Any) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        text, number, size = storable.text(value), storable.real(value), storable.integer(value)
        found = connection.execute("SELECT ?, ?, ?, ?", (text, number, size, storable.to_json(value))).fetchone()
    assert found[:3] == (text, number, size)
    json.loads(found[3])


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_inodes_of_64_bits_come_back(value: int) -> None:
    wrapped = storable.wrap(value)
    assert -(2**63) <= wrapped < 2**63
    assert storable.unwrap(wrapped) == value


@settings(deadline=None)
@given(st.integers(-(10**22), 10**22), st.integers(-(10**22), 10**22))
def test_times_order_as_their_text_does(one: int, two: int) -> None:
    first, second = sorted((one, two))
    assert storable.when_ns(first) <= storable.when_ns(second)
    assert len(storable.when_ns(one)) == 27


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("a\0b", "a\\x00b"),
        ("é\0", "é\\x00"),
        ("\udcff", "\\udcff"),
        (None, None),
        (3, "3"),
        (True, "true"),
        ([1, "a"], '[1,"a"]'),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05.000000Z"),
    ],
)
def test_text(value: object, text: str | None) -> None:
    assert storable.text(value) == text


def test_a_subclass_of_text_is_stored_as_text() -> None:
    class Name(str):
        __slots__ = ()

    assert type(storable.text(Name("x"))) is str


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (3.0, 3),
        (3.5, None),
        (True, None),
        ("3", None),
        (2**63, None),
        (-(2**63), -(2**63)),
        (float("inf"), None),
    ],
)
def test_integer(value: object, number: int | None) -> None:
    assert storable.integer(value) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3.0), (0.0, 0.0), (float("nan"), None), (float("-inf"), None), (10**400, None), (True, None), ("1", None)],
)
def test_real(value: object, number: float | None) -> None:
    assert storable.real(value) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1e-3", 0.001),
        ("-.5", -0.5),
        ("1_000", None),
        ("nan", None),
        ("1e999", None),
        ("", None),
        (2, 2.0),
        ("٣", None),
    ],
)
def test_numbers_that_yaml_left_as_text(value: object, number: float | None) -> None:
    assert storable.number_in(value) == number


def test_json_keeps_what_it_can() -> None:
    value = {
        "big": 2**64, "huge": 1 << 20_000, "bytes": b"\xffa", "nan": float("nan"), "set": {1}, "day": date(2026, 1, 2),
        1: "key", b"\xfe": 0, None: datetime(2026, 1, 2, tzinfo=UTC), "odd": 3j, "s": "\ud800", "in": -1,
    }  # fmt: skip
    found = json.loads(storable.to_json(value))
    assert found.pop("huge").startswith("0x1000")
    assert found == {
        "big": str(2**64), "bytes": "\\xffa", "nan": None, "set": [1], "day": "2026-01-02", "1": "key", "\\xfe": 0,
        "None": "2026-01-02T00:00:00.000000Z", "odd": "3j", "s": "\\ud800", "in": -1,
    }  # fmt: skip


def test_a_deep_document_is_cut() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    assert storable.to_json(value).startswith("[[[[")


def test_extreme_times_are_the_nearest_that_can_be_written() -> None:
    assert storable.when_ns(2**80) == "9999-12-31T23:59:59.999999Z"
    assert storable.when_ns(-(2**80)) == "0001-01-01T00:00:00.000000Z"
    assert storable.clamp(2**70) == 2**63 - 1
