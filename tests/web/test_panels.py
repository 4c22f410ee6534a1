from __future__ import annotations

import json
from typing import Any

from ckpt_indexer.web import charts
from ckpt_indexer.web.panels import Curves, drawing, table
from ckpt_indexer.web.words import UNKNOWN
from tests.web.catalogs import HOSTILE
from tests.web.drawing import rows_of


def curve(*values: float, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"epoch": n, "global_step": n * 10, "value": value, "id": 100 + n, "path": f"a/{n}.ckpt"}
        for n, value in enumerate(values, start=first)
    ]


MEAN = Curves("hmean", "max", [("a", curve(0.1, 0.9, 0.5)), ("b", curve(0.2, 0.3))])
LOSS = Curves("loss", "min", [("a", curve(900.0, 800.0)), ("b", curve(700.0, 600.0, 650.0, 640.0, first=2))])
NONE = Curves("nothing", None, [("a", []), ("b", [])])


def test_one_metric_is_one_chart() -> None:
    made = drawing([MEAN])
    assert (made.title, made.height) == ("hmean by epoch", 380)
    assert made.options == charts.lines(
        [("a", [(0.0, 0.1), (1.0, 0.9), (2.0, 0.5)]), ("b", [(0.0, 0.2), (1.0, 0.3)])], x="epoch", best=[1, 1]
    )


def test_each_further_metric_has_a_scale_of_its_own_over_a_common_axis() -> None:
    made = drawing([MEAN, LOSS])
    options = made.options
    assert made.title == "hmean, loss by epoch"
    assert [(one["xAxisIndex"], one["yAxisIndex"]) for one in options["series"]] == [(0, 0), (0, 0), (1, 1), (1, 1)]
    assert [axis["gridIndex"] for axis in options["yAxis"]] == [0, 1]
    assert {(axis["min"], axis["max"]) for axis in options["xAxis"]} == {(0.0, 5.0)}
    assert [axis["name"] for axis in options["xAxis"]] == ["", "epoch"]
    first, second = options["grid"]
    assert first["top"] + first["height"] < second["top"]
    assert second["top"] + second["height"] < made.height


def test_an_experiment_has_the_same_colour_in_every_panel() -> None:
    alone = Curves("loss", "min", [("b", curve(700.0, 600.0))])
    colors = [(one["name"], one["color"]) for one in drawing([MEAN, alone]).options["series"]]
    assert colors[1] == colors[2]
    assert colors[0][1] != colors[1][1]


def test_the_best_of_each_metric_is_marked_at_its_own_end() -> None:
    marks = [one["markPoint"]["data"][0]["coord"] for one in drawing([MEAN, LOSS]).options["series"]]
    assert marks == [[1.0, 0.9], [1.0, 0.3], [1.0, 800.0], [3.0, 600.0]]


def test_a_metric_without_a_point_has_no_panel() -> None:
    assert drawing([MEAN, NONE]).options == drawing([MEAN]).options
    assert [one["text"] for one in drawing([MEAN, NONE, LOSS]).options["title"]] == ["hmean", "loss"]
    assert drawing([NONE]).title == "nothing by epoch"
    assert drawing([NONE, NONE]).options["series"] == []


def test_one_moment_is_no_axis_from_itself_to_itself() -> None:
    one = Curves("loss", "min", [("a", curve(3.0))])
    assert "max" not in drawing([one, one]).options["xAxis"][0]


def test_the_table_has_a_row_for_each_checkpoint_and_a_column_for_each_metric() -> None:
    rows = rows_of(table([MEAN, LOSS]))
    assert rows[0] == ["experiment", "epoch", "step", "hmean", "loss", "checkpoint"]
    assert [row[:5] for row in rows[1:4]] == [
        ["a", "0", "0", "0.1000", "900.0000"],
        ["a", "1", "10", "0.9000", "800.0000"],
        ["a", "2", "20", "0.5000", UNKNOWN],
    ]
    assert [row[:2] for row in rows[4:]] == [["b", str(epoch)] for epoch in range(6)]
    assert rows[-1][3:] == [UNKNOWN, "640.0000", "5.ckpt"]


def test_names_are_values_and_never_keys_that_are_run() -> None:
    evil = Curves(f":{HOSTILE}", "max", [(f":{HOSTILE}", curve(0.1, 0.2))])
    options = drawing([evil, evil]).options
    assert json.loads(json.dumps(options)) == options

    def keys(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [*value, *(key for item in value.values() for key in keys(item))]
        return [key for item in value for key in keys(item)] if isinstance(value, list) else []

    assert [key for key in keys(options) if key.startswith(":")] == []
