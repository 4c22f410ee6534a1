from __future__ import annotations

import json
from typing import Any

import pytest

from ckpt_indexer.web import charts
from ckpt_indexer.web.parallel import Axis, parallel
from tests.web.catalogs import HOSTILE


def keys_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in keys_of(item))]
    return [key for item in value for key in keys_of(item)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    "options",
    [
        charts.bars([":" + HOSTILE], [0.5], name=":" + HOSTILE),
        charts.lines([(":" + HOSTILE, [(0.0, 0.5)])], x=":epoch", best=[0]),
        charts.treemap([{"name": ":" + HOSTILE, "value": 1, "children": [{"name": ":x", "value": 1}]}]),
        parallel([Axis(":" + HOSTILE, [":" + HOSTILE]), Axis("x", [0.5], is_number=True)]),
        charts.scatter([(0.5, 0.5)], x="recall", y="precision", curves=(0.8,)),
    ],
    ids=["bars", "lines", "treemap", "parallel", "scatter"],
)
def test_names_are_values_and_never_keys_that_are_run(options: dict[str, Any]) -> None:
    assert [key for key in keys_of(options) if key.startswith(":") or "<" in key] == []
    assert json.loads(json.dumps(options)) == options


def test_bars_begin_below_the_smallest_unless_that_would_mislead() -> None:
    def begin(*values: float) -> Any:
        return charts.bars(["x"] * len(values), values, name="m")["xAxis"]["min"]

    assert begin(0.9, 0.8) == pytest.approx(0.774)
    assert begin(0.9, 0.1) == 0.0
    assert begin(0.7) == 0.0
    assert begin(0.0, 0.0) == 0.0
    assert begin(0.5, -0.5) is None


def test_bars_keep_their_order() -> None:
    made = charts.bars(["b", "a"], [0.9, 0.8], name="hmean")
    assert (made["yAxis"]["data"], made["yAxis"]["inverse"]) == (["b", "a"], True)
    assert [one["value"] for one in made["series"][0]["data"]] == [0.9, 0.8]
    assert [one["label"]["formatter"] for one in made["series"][0]["data"]] == ["0.9000", "0.8000"]


def test_the_best_point_of_each_line_is_marked_where_it_is_known() -> None:
    made = charts.lines([("a", [(0.0, 0.1), (1.0, 0.9)]), ("b", [(0.0, 0.5)])], x="epoch", best=[1, None])
    assert made["series"][0]["markPoint"]["data"] == [{"coord": [1.0, 0.9]}]
    assert "markPoint" not in made["series"][1]
    assert made["xAxis"]["name"] == "epoch"


def test_points_of_a_long_line_are_not_drawn_one_by_one() -> None:
    short, long = (charts.lines([("a", [(float(x), 0.0) for x in range(n)])], x="epoch") for n in (200, 201))
    assert (short["series"][0]["showSymbol"], long["series"][0]["showSymbol"]) == (True, False)


def test_curves_of_equal_f1_are_curves_of_equal_f1() -> None:
    made = charts.scatter([(0.9, 0.8)], x="recall", y="precision", curves=(0.8, 0.9))
    for level, series in zip((0.8, 0.9), made["series"][1:], strict=True):
        assert series["data"]
        for recall, precision in series["data"]:
            assert 0 < precision <= 1
            assert 2 * recall * precision / (recall + precision) == pytest.approx(level, abs=2e-4)


def test_the_axes_of_a_scatter_hold_every_point() -> None:
    for points, begin in (([(0.9, 0.97)], 0.85), ([(0.02, 0.5)], 0.0), ([], 0.0)):
        made = charts.scatter(points, x="recall", y="precision", curves=())
        assert made["xAxis"]["min"] == made["yAxis"]["min"] == pytest.approx(begin)


def test_rectangles_have_colours_of_their_own() -> None:
    made = charts.treemap([{"name": str(n), "value": n} for n in range(20)])
    colours = [node["itemStyle"]["color"] for node in made["series"][0]["data"]]
    assert len(colours) == 20
    assert set(colours) == set(charts.DEEP)


@pytest.mark.parametrize("name", charts.OF_EVERY_OBJECT)
def test_no_text_is_a_member_of_every_object(name: str) -> None:
    made = charts.drawable(charts.bars([name, f"{name}s", "plain"], [3.0, 2.0, 1.0], name=name))
    assert made["yAxis"]["data"] == [f" {name}", f" {name}s", "plain"]
    assert made["series"][0]["name"] == f" {name}"
    assert charts.drawable({"name": f"a\n{name}", "value": 1}) == {"name": f"a\n {name}", "value": 1}
