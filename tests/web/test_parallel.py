from __future__ import annotations

from ckpt_indexer.web.charts import COLORS, GREY
from ckpt_indexer.web.parallel import Axis, names_of, parallel


def test_lines_cross_an_axis_for_each_column() -> None:
    axes = [Axis("backbone", ["r50", None, "r18"]), Axis("hmean", [0.5, 0.7, 0.6], is_number=True)]
    made = parallel(axes)
    assert [axis["type"] for axis in made["parallelAxis"]] == ["category", "value"]
    assert made["parallelAxis"][0]["data"] == ["r18", "r50"]
    assert made["series"][0]["data"] == [["r50", 0.5], [None, 0.7], ["r18", 0.6]]
    assert (made["visualMap"]["min"], made["visualMap"]["max"], made["visualMap"]["dimension"]) == (0.5, 0.7, 1)


def test_an_axis_is_known_by_its_place() -> None:
    made = parallel([Axis("epoch", [1, 2], is_number=True), Axis("hmean", [0.5, 0.7], is_number=True)])
    assert [axis["id"] for axis in made["parallelAxis"]] == ["0", "1"]


def test_the_best_of_a_loss_is_on_top_and_in_the_colour_of_the_best() -> None:
    def drawn(*, is_inverted: bool) -> tuple[bool, str, str]:
        made = parallel([Axis("loss", [0.1, 0.9], is_number=True, is_inverted=is_inverted)])
        colors = made["visualMap"]["inRange"]["color"]
        return made["parallelAxis"][0].get("inverse", False), colors[0], colors[-1]

    assert drawn(is_inverted=False) == (False, GREY, COLORS[0])
    assert drawn(is_inverted=True) == (True, COLORS[0], GREY)


def test_texts_that_look_the_same_share_a_place() -> None:
    assert names_of(Axis("dataset", ["b", None, "a\u202e", "a\\u202e", "b"])) == ["a\\u202e", "b"]
