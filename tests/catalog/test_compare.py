from __future__ import annotations

from typing import Any

import pytest

from ckpt_indexer.catalog.compare import compared, differ, side_by_side
from ckpt_indexer.errors import InvalidFilter
from tests.fakes.catalog import FakeCatalog


def rows(*facts: dict[str, Any]) -> list[Any]:
    catalog = FakeCatalog()
    for one in facts:
        catalog.having("a.ckpt", **one)
    return [catalog.get(number) for number in range(1, len(facts) + 1)]


def test_every_metric_parameter_and_component_has_a_name_of_its_own() -> None:
    decoder = {"role": "decoder", "name": "pan", "params": {"inner": 256}}
    found = side_by_side(rows({"metrics": {"val/iou": 0.7}, "components": [decoder]}, {"params": {"lr": 0.1}}))
    assert found["metrics.val/iou"] == [0.7, None]
    assert found["param.lr"] == [None, 0.1]
    assert (found["components.decoder"], found["components.decoder.inner"]) == (["pan", None], [256, None])
    assert "components" not in found


def test_components_of_one_role_are_told_apart() -> None:
    parts: list[dict[str, Any]] = [{"role": "head", "name": name, "params": {}} for name in ("a", "b")]
    found = side_by_side(rows({"components": parts}))
    assert (found["components.head"], found["components.head-2"]) == (["a"], ["b"])


def test_fields_come_in_the_order_of_the_row_whoever_has_them() -> None:
    found = list(side_by_side(rows({"params": {"b": 1}}, {"params": {"a": 1}, "metrics": {"m": 1.0}})))
    assert found.index("hmean") < found.index("metrics.m") < found.index("param.b") < found.index("param.a")


def test_only_what_differs_is_compared() -> None:
    fields = compared(rows({"epoch": 1, "backbone": "r"}, {"epoch": 2, "backbone": "r"}))["fields"]
    assert fields == {"epoch": [1, 2]}


def test_what_rows_never_share_is_left_out() -> None:
    assert not {"id", "seq", "provenance", "problems"} & side_by_side(rows({})).keys()


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 1.0], False), ([True, 1], True), ([0, False], True), ([None, 0], True), ([None, None], False), ([1], False)],
)
def test_numbers_are_equal_by_value_and_flags_are_no_numbers(values: list[Any], expected: bool) -> None:
    assert differ(values) is expected


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(InvalidFilter):
        compared([])
