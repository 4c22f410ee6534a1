from __future__ import annotations

from typing import Any

from ckpt_indexer.web.curves import drawn, together


def curve(*points: tuple[int | None, int | None, float]) -> list[dict[str, Any]]:
    return [{"epoch": epoch, "global_step": step, "value": value} for epoch, step, value in points]


def test_epochs_are_the_axis_where_each_point_has_its_own() -> None:
    found = drawn([("a", curve((0, 10, 0.1), (1, 20, 0.3)))], "max")
    assert (found.x, found.lines, found.best) == ("epoch", [("a", [(0.0, 0.1), (1.0, 0.3)])], [1])


def test_steps_are_the_axis_where_epochs_repeat() -> None:
    assert drawn([("a", curve((0, 10, 0.1), (0, 20, 0.3)))], None).lines == [("a", [(10.0, 0.1), (20.0, 0.3)])]


def test_steps_are_the_axis_without_epochs() -> None:
    found = drawn([("a", curve((None, 500, 3.0), (None, 1000, 2.0)))], "min")
    assert (found.x, found.best) == ("step", [1])


def test_lines_share_one_axis() -> None:
    found = drawn([("a", curve((0, 10, 0.1))), ("b", curve((None, 20, 0.2)))], "max")
    assert (found.x, found.lines) == ("step", [("a", [(10.0, 0.1)]), ("b", [(20.0, 0.2)])])


def test_repeating_epochs_are_better_than_nothing() -> None:
    assert drawn([("a", curve((0, None, 0.1), (0, 7, 0.2)))], None).x == "epoch"


def test_points_that_say_nothing_are_counted() -> None:
    found = drawn([("a", curve((None, None, 0.1), (3, None, 0.2)))], None)
    assert (found.x, found.lines, found.best) == ("checkpoint", [("a", [(0.0, 0.1), (1.0, 0.2)])], [None])


def test_experiments_without_points_are_left_out() -> None:
    found = drawn([("a", []), ("b", curve((1, 1, 0.5)))], "max")
    assert [name for name, _ in found.lines] == ["b"]
    assert drawn([("a", [])], "max").lines == []


def test_several_sets_share_one_axis_and_keep_their_own_best() -> None:
    mean, loss = [("a", curve((0, 10, 0.1), (1, 20, 0.3)))], [("a", curve((None, 10, 9.0), (None, 20, 8.0)))]
    found = together([(mean, "max"), (loss, "min"), ([("a", [])], "max")])
    assert [one.x for one in found] == ["step"] * 3
    assert [one.best for one in found] == [[1], [1], []]
    assert found[1].lines == [("a", [(10.0, 9.0), (20.0, 8.0)])]
