from __future__ import annotations

import math
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.metadata.params import MAX_DEPTH, MAX_VALUES, flatten

if TYPE_CHECKING:
    from ckpt_indexer.metadata.record import Problem


def test_nested_parameters_get_dotted_keys_in_document_order() -> None:
    problems: list[Problem] = []
    tree = {"b": 1, "a": {"y": True, "x": {"z": "w"}}, "c": [1, "two"], 3: 0.5}
    flat = flatten(tree, "params.", problems)
    assert list(flat.items()) == [("b", 1), ("a.y", True), ("a.x.z", "w"), ("c", [1, "two"]), ("3", 0.5)]
    assert problems == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E+3", 1000.0),
        ("1.5e5", 150000.0),
        ("12e5", "12e5"),
        ("1234e567", "1234e567"),
        ("1.0e999", "1.0e999"),
        ("0.5", "0.5"),
        ("adam", "adam"),
    ],
)
def test_an_exponent_that_yaml_left_as_text_becomes_a_number_unless_it_may_be_a_name(text: str, value: object) -> None:
    assert flatten({"k": text}, "", []) == {"k": value}


def test_null_says_nothing() -> None:
    problems: list[Problem] = []
    assert flatten({"k": None, "l": {}}, "", problems) == {}
    assert problems == []


def test_moments_become_text() -> None:
    found = flatten({"d": date(2025, 1, 2), "m": datetime(2025, 1, 2, 3)}, "", [])  # noqa: DTZ001  # as YAML makes it
    assert found == {"d": "2025-01-02", "m": "2025-01-02T03:00:00"}


@pytest.mark.parametrize("value", [[{}], [[1]], [None], 2**63, b"x", "a\0", {1}])
def test_what_is_no_scalar_is_a_problem_and_left_out(value: object) -> None:
    problems: list[Problem] = []
    assert flatten({"k": value, "l": 1}, "params.", problems) == {"l": 1}
    assert problems[0].message.startswith("params.k: expected ")


def test_a_parameter_that_is_not_finite_is_a_problem_of_its_own() -> None:
    problems: list[Problem] = []
    assert flatten({"k": math.inf}, "params.", problems) == {}
    assert problems == [("not_finite", "params.k: inf is not a finite number")]


def test_a_key_given_flat_and_nested_is_read_once() -> None:
    problems: list[Problem] = []
    assert flatten({"a.b": 1, "a": {"b": 2}}, "", problems) == {"a.b": 1}
    assert "given twice" in problems[0].message


def test_a_document_deeper_than_allowed_is_cut() -> None:
    tree: dict[str, Any] = {"leaf": 1}
    for _ in range(MAX_DEPTH + 1):
        tree = {"a": tree}
    problems: list[Problem] = []
    assert flatten(tree, "", problems) == {}
    assert "levels deep" in problems[0].message


def test_shared_mappings_cannot_multiply_without_end() -> None:
    tree: dict[str, Any] = {}
    for _ in range(20):
        tree = {str(n): tree for n in range(9)}
    problems: list[Problem] = []
    assert flatten(tree, "", problems) == {}
    assert len(problems) < MAX_VALUES


def test_a_mapping_that_holds_itself_ends() -> None:
    tree: dict[str, Any] = {}
    tree["again"] = tree
    problems: list[Problem] = []
    assert flatten(tree, "", problems) == {}
    assert len(problems) == 1
