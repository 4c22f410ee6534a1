from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.metadata import fields
from ckpt_indexer.metadata.record import Metric

if TYPE_CHECKING:
    from ckpt_indexer.metadata.record import Problem

KST = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (0.5, "0.5"),
        pytest.param(10**5000, "a number beyond 64 bits", id="huge"),
        ("a\0b", r"'a\x00b'"),
        ("x" * 100, "'" + "x" * 40 + "'..."),
        ({}, "a mapping"),
        ([], "a list"),
        ((), "a list"),
        (b"", "a bytes"),
    ],
)
def test_any_value_is_shown_short_and_printable(value: object, said: str) -> None:
    assert fields.shown(value) == said


@pytest.mark.parametrize(("key", "said"), [("lr", "lr"), (3, "3"), ("a\0", r"'a\x00'"), (None, "null")])
def test_a_key_path_names_any_key(key: object, said: str) -> None:
    assert fields.key_text(key) == said


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "한\ud800"])
def test_text_that_cannot_be_stored_is_a_problem(value: str) -> None:
    problems: list[Problem] = []
    assert fields.text({"k": value}, "k", "p.", problems) is None
    assert problems[0].kind == "field"
    assert problems[0].message.startswith("p.k: expected text")


@pytest.mark.parametrize("value", ["", "a", "한글", "  "])
def test_clean_text_stays_as_it_is(value: str) -> None:
    problems: list[Problem] = []
    assert fields.text({"k": value}, "k", "", problems) == value
    assert problems == []


@pytest.mark.parametrize("value", ["", " ", "unknown", "Unknown", " UNKNOWN "])
def test_absent_words_are_silent_in_old_documents_and_problems_in_new_ones(value: str) -> None:
    problems: list[Problem] = []
    assert fields.word({"k": value}, "k", "", problems, legacy=True) is None
    assert problems == []
    assert fields.word({"k": value}, "k", "", problems, legacy=False) is None
    assert len(problems) == 1


def test_a_name_loses_the_blanks_around_it() -> None:
    assert fields.word({"k": " resnet50 "}, "k", "", [], legacy=False) == "resnet50"


@pytest.mark.parametrize("value", [True, "3", 3.5, -1, 2**63, [], {}, math.nan, math.inf])
def test_what_is_no_count_is_a_problem(value: object) -> None:
    problems: list[Problem] = []
    assert fields.integer({"k": value}, "k", "", problems) is None
    assert len(problems) == 1


@pytest.mark.parametrize(("value", "count"), [(0, 0), (3.0, 3), (2**63 - 1, 2**63 - 1), (None, None)])
def test_a_count_is_read(value: object, count: int | None) -> None:
    problems: list[Problem] = []
    assert fields.integer({"k": value}, "k", "", problems) == count
    assert problems == []


@pytest.mark.parametrize("value", ["auto", 1, [], {}])
def test_a_word_that_is_not_allowed_is_a_problem(value: object) -> None:
    problems: list[Problem] = []
    assert fields.choice({"k": value}, "k", "", problems, ("min", "max")) is None
    assert problems[0].message.startswith("k: expected min or max, found ")


@pytest.mark.parametrize("value", ["a/b", "", ".", "..", 3])
def test_a_file_name_has_no_directory(value: object) -> None:
    problems: list[Problem] = []
    assert not fields.file_name({"k": value}, "k", "", problems) or problems
    assert len(problems) == 1


@pytest.mark.parametrize("path", ["/a", "", "..", "a/../b"])
def test_a_path_out_of_the_root_is_not_relative(path: str) -> None:
    assert not fields.is_relative(path)


@pytest.mark.parametrize("value", [True, "0.5", "x", [], {}, 2**63, -(2**63) - 1, "1e", "0x10"])
def test_what_is_no_number_is_a_problem(value: object) -> None:
    problems: list[Problem] = []
    assert fields.metric(value, "m", problems) is None
    assert problems[0].kind == "field"


@pytest.mark.parametrize(
    ("value", "number"), [(1, 1.0), (0.0, 0.0), ("1e-3", 0.001), ("-.5E+2", -50.0), ("1.5e5", 1.5e5)]
)
def test_numbers_and_exponents_left_as_text_are_measured(value: object, number: float) -> None:
    problems: list[Problem] = []
    assert fields.metric(value, "m", problems, stale=True) == Metric(number, stale=True)
    assert problems == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1e999"])
def test_a_number_that_is_not_finite_is_null_and_a_problem(value: object) -> None:
    problems: list[Problem] = []
    assert fields.metric(value, "m", problems) == Metric(None)
    assert problems[0].kind == "not_finite"


def test_null_is_a_metric_without_a_value() -> None:
    assert fields.metric(None, "m", []) == Metric(None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-10-18T14:32:15", (datetime(2025, 10, 18, 5, 32, 15, tzinfo=UTC), False)),
        (" 2025-10-18T14:32:15Z ", (datetime(2025, 10, 18, 14, 32, 15, tzinfo=UTC), True)),
        ("2025-10-18T14:32:15+09:00", (datetime(2025, 10, 18, 5, 32, 15, tzinfo=UTC), True)),
        (datetime(2025, 10, 18, 14, 32, 15, tzinfo=KST), (datetime(2025, 10, 18, 5, 32, 15, tzinfo=UTC), True)),
        (date(2025, 10, 18), (datetime(2025, 10, 17, 15, tzinfo=UTC), False)),
        ("yesterday", None),
        (17, None),
        ("0001-01-01T00:00:00", None),
        ("\ud800", None),
    ],
)
def test_a_moment_without_a_zone_is_local_time(value: object, expected: tuple[datetime, bool] | None) -> None:
    assert fields.moment(value, KST) == expected


def test_a_moment_without_a_zone_is_local_time_of_this_machine_when_no_zone_is_given() -> None:
    local = datetime(2025, 10, 18, 14, 32).astimezone(UTC)  # local time is the point
    assert fields.moment("2025-10-18T14:32:00", None) == (local, False)


def test_moments_sort_as_text() -> None:
    early, late = (datetime(2025, 1, 1, microsecond=n, tzinfo=UTC) for n in (0, 500_000))
    assert fields.moment_text(early) == "2025-01-01T00:00:00.000000Z"
    assert fields.moment_text(early) < fields.moment_text(late)


def test_any_mapping_counts_as_a_mapping() -> None:
    class Lazy(dict[str, Any]):
        pass

    assert fields.is_mapping(Lazy())
    assert not fields.is_mapping([])
