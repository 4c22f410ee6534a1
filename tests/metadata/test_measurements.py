from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.metadata.measurements import read_directions, read_metrics
from ckpt_indexer.metadata.record import Metric

if TYPE_CHECKING:
    from ckpt_indexer.metadata.record import Problem


def read(block: dict[str, Any], *, bounded: bool = False) -> tuple[dict[str, Metric], list[Problem]]:
    problems: list[Problem] = []
    return read_metrics(block, problems, stale=False, bounded=bounded), problems


def test_every_value_is_kept_under_its_logged_name() -> None:
    found, problems = read({"hmean": 0.8, "recall": 0, "additional_metrics": {"val/iou": 0.5, "n": 3, "gone": None}})
    assert found == {
        "hmean": Metric(0.8), "recall": Metric(0.0), "val/iou": Metric(0.5), "n": Metric(3.0), "gone": Metric(None),
    }  # fmt: skip
    assert problems == []


def test_a_headline_that_is_null_is_taken_from_the_additional_metrics() -> None:
    assert read({"hmean": None, "additional_metrics": {"hmean": 0.7}})[0] == {"hmean": Metric(0.7)}


def test_a_headline_that_is_null_and_nowhere_else_says_nothing() -> None:
    assert read({"hmean": None, "additional_metrics": None})[0] == {}


def test_two_values_of_one_name_are_a_conflict_and_the_top_one_is_used() -> None:
    found, problems = read({"hmean": 0.8, "additional_metrics": {"hmean": 0.7}})
    assert found == {"hmean": Metric(0.8)}
    assert [problem.kind for problem in problems] == ["conflict"]


@pytest.mark.parametrize("other", [0.8, None, "text"])
def test_the_same_value_twice_is_no_conflict(other: object) -> None:
    assert read({"hmean": 0.8, "additional_metrics": {"hmean": other}}) == ({"hmean": Metric(0.8)}, [])


def test_numbers_beside_the_known_keys_are_metrics_too() -> None:
    found, problems = read({"val/f1": 0.5, "note": "by hand", "hmean": 0.8})
    assert found == {"hmean": Metric(0.8), "val/f1": Metric(0.5)}
    assert problems == []


def test_infinity_is_null_and_a_problem() -> None:
    found, problems = read({"hmean": math.nan, "additional_metrics": {"val/loss": math.inf}})
    assert found == {"hmean": Metric(None), "val/loss": Metric(None)}
    assert [problem.kind for problem in problems] == ["not_finite", "not_finite"]


@pytest.mark.parametrize(
    ("name", "value"), [("hmean", 84.3), ("precision", -0.1), ("recall", 1.01), ("validation_loss", -0.5)]
)
def test_a_value_that_version_1_forbids_is_kept_and_a_problem(name: str, value: float) -> None:
    found, problems = read({name: value}, bounded=True)
    assert found == {name: Metric(value)}
    assert [problem.kind for problem in problems] == ["field"]
    assert read({name: value})[1] == []


@pytest.mark.parametrize(
    ("name", "value"), [("hmean", 1), ("precision", 0.0), ("validation_loss", 250.0), ("recall", math.nan)]
)
def test_a_value_that_version_1_allows_is_no_problem_of_scale(name: str, value: float) -> None:
    assert [p for p in read({name: value}, bounded=True)[1] if p.kind == "field"] == []


@pytest.mark.parametrize(
    "block",
    [
        {"hmean": "0.8"},
        {"hmean": True},
        {"hmean": [0.8]},
        {"additional_metrics": [0.8]},
        {"additional_metrics": {"a": "high"}},
        {"additional_metrics": {"": 0.5}},
        {"additional_metrics": {"a\0": 0.5}},
        {"additional_metrics": {3: 0.5}},
        {"additional_metrics": {"val": {"hmean": 0.5}}},
        {"additional_metrics": {"n": 2**63}},
    ],
)
def test_what_is_no_named_number_is_a_problem_and_left_out(block: dict[str, Any]) -> None:
    found, problems = read(block)
    assert found == {}
    assert [problem.kind for problem in problems] == ["field"]


def test_stale_values_say_so() -> None:
    block = {"hmean": 0.8, "additional_metrics": {"a": 0.5, "b": 1}}
    found = read_metrics(block, [], stale=True, bounded=False)
    assert all(metric.stale for metric in found.values())
    assert len(found) == 3


def test_declared_directions_are_read() -> None:
    problems: list[Problem] = []
    assert read_directions({"directions": {"a": "min", "b": "max"}}, problems) == {"a": "min", "b": "max"}
    assert read_directions({}, problems) == {}
    assert problems == []


@pytest.mark.parametrize("declared", ["max", {"a": "up"}, {"": "max"}, {3: "max"}, {"a": []}])
def test_a_bad_direction_is_a_problem(declared: object) -> None:
    problems: list[Problem] = []
    assert read_directions({"directions": declared}, problems) == {}
    assert [problem.kind for problem in problems] == ["field"]
