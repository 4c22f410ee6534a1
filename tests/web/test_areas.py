from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.web import areas
from ckpt_indexer.web.areas import Area, areas_of, inside
from ckpt_indexer.web.parallel import Axis, names_of
from ckpt_indexer.web.words import metric_field
from tests.web.catalogs import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog

    Of = Callable[[list[dict[str, Any]]], LocalCatalog]

HMEAN = Axis("hmean", [0.8123, 0.85, 0.8999, 0.95], is_number=True)


def query(axis: Axis, *marked: tuple[float, float]) -> str | None:
    return areas.query([axis], {0: [Area(*one) for one in marked]})


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([[0.5, 0.25]], (Area(0.25, 0.5),)), ([[0, 1], [3, 2]], (Area(0, 1), Area(2, 3))), ([], ()), (None, ()),
        ("ab", ()), ([[1]], ()), ([[1, 2, 3]], ()), ([["1", 2]], ()), ([[float("nan"), 1]], ()),
        ([[float("inf"), 1]], ()), ([None, {}, [0.0, 0.0]], (Area(0, 0),)), ([[0, 1]] * 99, (Area(0, 1),) * areas.MOST),
    ],
)  # fmt: skip
def test_what_a_browser_says_is_areas_or_nothing(said: Any, found: tuple[Area, ...]) -> None:
    assert areas_of(said) == found


def test_borders_have_as_few_digits_as_the_eye_can_tell() -> None:
    assert query(HMEAN, (0.80006, 0.90004)) == "hmean:0.8..0.9"
    assert query(HMEAN, (0.8731, 0.9312)) == "hmean:0.873..0.931"


def test_rounding_never_passes_a_line() -> None:
    assert query(HMEAN, (0.81235, 0.89985)) == "hmean:0.8124..0.89985"
    assert query(HMEAN, (0.8123, 0.9499)) == "hmean:0.8123..0.9499"


def test_a_border_that_is_a_value_keeps_it() -> None:
    exact = Axis("hmean", [0.1 + 0.2, 0.3], is_number=True)
    assert query(exact, (0.1 + 0.2, 0.1 + 0.2)) == f"hmean:{0.1 + 0.2}..{0.1 + 0.2}"


def test_several_areas_of_one_axis_are_alternatives() -> None:
    assert query(HMEAN, (0.94, 0.96), (0.81, 0.82)) == "hmean:0.81..0.82,0.94..0.96"


def test_whole_numbers_stay_whole() -> None:
    epoch = Axis("epoch", [0, 3, None, 12], is_number=True)
    assert query(epoch, (-0.4, 3.2)) == "epoch:0..3"
    assert query(epoch, (0.5, 3.99), (5.2, 5.8)) == "epoch:1..3"
    assert query(Axis("num_parameters", [24_312_345, 8], is_number=True), (8.5, 3e7)) == "num_parameters:9..30000000"


def test_between_two_whole_numbers_is_nothing() -> None:
    assert query(Axis("epoch", [0, 3], is_number=True), (1.2, 1.8)) is None
    other = {0: [Area(0.8, 0.9)], 1: [Area(1.2, 1.8)]}
    assert areas.query([HMEAN, Axis("epoch", [1, 2, 3, 4], is_number=True)], other) is None


def test_names_are_listed_and_those_that_look_alike_are_all_meant() -> None:
    axis = Axis("backbone", ["swin", None, "r\u202e18", 'a "b", c', "r\\u202e18"])
    assert names_of(axis) == ['a "b", c', "r\\u202e18", "swin"]
    assert query(axis, (0, 1)) == 'backbone:"a \\"b\\", c","r\\\\u202e18","r\u202e18"'
    assert query(axis, (0.2, 0.8)) is None


def test_several_axes_must_all_hold_and_unknown_is_in_none() -> None:
    axes = [HMEAN, Axis("decoder", ["fpn", None, "pan", "pan"])]
    assert inside(axes, {0: [Area(0.84, 1.0)], 1: [Area(0, 1)]}) == [2, 3]
    assert areas.query(axes, {1: [Area(1, 1)], 0: [Area(0.84, 1.0)]}) == 'hmean:0.84..1 decoder:"pan"'
    assert inside(axes, {0: []}) == [0, 1, 2, 3]
    assert areas.query(axes, {0: []}) is None


@pytest.mark.parametrize("metric", ["hmean", "val/iou", "f1", "val-loss", "epoch", "my metric", 'a:"b",c', HOSTILE])
@pytest.mark.parametrize("sign", [1, -1000])
def test_a_query_finds_just_the_lines_that_are_marked(of: Of, metric: str, sign: int) -> None:
    rng = random.Random(7)
    rows = [
        {
            "path": f"{n}.ckpt", "epoch": n % 9, "backbone": rng.choice(["r18", "r50", "x,y", HOSTILE, None]),
            "metrics": {metric: (value := sign * rng.random())}, "hmean": value if metric == "hmean" else None,
        }
        for n in range(60)
    ]  # fmt: skip
    catalog = of(rows)
    top = list(catalog.best(metric, "none", k=60, mode="max"))
    assert len(top) == 60
    axes = [
        Axis("backbone", [row["backbone"] for row in top]),
        Axis("epoch", [row["epoch"] for row in top], is_number=True),
        Axis(metric, [row["value"] for row in top], is_number=True, field=metric_field(metric)),
    ]
    for _ in range(25):
        one, other = sorted(sign * rng.random() for _ in range(2))
        marked = {0: [Area(0, 1), Area(3, 3)], 1: [Area(rng.random() * 4, 5.5)], 2: [Area(one, other)]}
        asked = areas.query(axes, marked)
        assert asked is not None
        assert {row["id"] for row in catalog.find(asked, limit=60)} == {top[n]["id"] for n in inside(axes, marked)}
