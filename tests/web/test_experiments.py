from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.web import experiment
from ckpt_indexer.web.experiment import Question
from ckpt_indexer.web.experiments import MOST, Wanted, listing, ordered, spark
from ckpt_indexer.web.experiments import look as look_at
from ckpt_indexer.web.words import UNKNOWN
from tests.web.drawing import rows_of, tags_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog
    from tests.web.drawing import Drawing

    Look = Callable[[str], Drawing]
    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


def test_every_experiment_with_its_best(look: Look) -> None:
    rows = rows_of(look("experiments?order=name").html)
    assert rows[1:] == [
        ["dbnet-r18", "0.6100", "11", "", "11", "12", "12 MB", "2026-06-12 10:00"],
        ["dbnet-r50", "0.7100", "11", "", "11", "12", "12 MB", "2026-06-12 10:00"],
    ]


@pytest.mark.parametrize(("order", "first"), [("best", "dbnet-r50"), ("name", "dbnet-r18"), ("nosuch", "dbnet-r18")])
def test_orders(look: Look, order: str, first: str) -> None:
    assert rows_of(look(f"experiments?order={order}").html)[1][0] == first


def test_the_list_is_narrowed_by_a_query_and_about_any_metric(look: Look) -> None:
    rows = rows_of(look("experiments?q=exp:*r50&metric=val/iou&mode=min").html)
    assert rows[0][1] == "best val/iou"
    assert [row[:3] for row in rows[1:]] == [["dbnet-r50", "0.2500", "0"]]


def test_each_experiment_has_a_small_curve(look: Look) -> None:
    drawn = [attributes for name, attributes in tags_of(look("experiments").html) if name == "polyline"]
    assert len(drawn) == 2
    assert all(str(one["points"]).count(",") == 12 for one in drawn)


def test_a_bad_query_and_an_empty_answer_say_so(look: Look) -> None:
    assert "That cannot be shown" in look("experiments?q=nosuch:1").text
    assert "No experiment matches" in look("experiments?q=exp:none").text


def test_a_metric_of_unknown_direction_lists_experiments_without_a_best(of: Of) -> None:
    wanted = Wanted("", "best", "odd", None)
    found = look_at(of([{"path": "a.ckpt", "experiment": "a", "metrics": {"odd": 1.0}}]), wanted)
    assert found.refusal is not None
    assert "mode" in found.refusal
    made = listing(found, wanted)
    assert rows_of(made)[1][:2] == ["a", UNKNOWN]
    assert found.refusal in text_of(made)


def test_an_experiment_nobody_named_leads_to_its_checkpoints(of: Of) -> None:
    wanted = Wanted("", "newest", "", None)
    made = listing(look_at(of([{"path": "a.ckpt"}]), wanted), wanted)
    assert rows_of(made)[1][0] == "unknown"
    assert "/ui/?q=experiment%3A" in [attributes.get("href") for _, attributes in tags_of(made)]


def test_what_does_not_say_comes_last() -> None:
    said = (("a", None), ("b", "2026"), ("c", "2027"))
    some: list[dict[str, Any]] = [{"name": name, "newest": newest} for name, newest in said]
    assert [one["name"] for one in ordered(some, "newest", {})] == ["c", "b", "a"]
    assert [one["name"] for one in ordered(some, "best", {"b": 0})] == ["b", "a", "c"]


def test_more_experiments_than_anybody_reads_are_cut_and_told(of: Of) -> None:
    rows = [{"path": f"{n}.ckpt", "experiment": f"e{n:04}"} for n in range(MOST + 1)]
    wanted = Wanted("", "name", "", None)
    made = listing(look_at(of(rows), wanted), wanted)
    assert len(rows_of(made)) == MOST + 1
    assert f"{MOST} of {MOST + 1} experiments: narrow them" in text_of(made)


def test_a_curve_of_one_point_is_none() -> None:
    assert spark([("a", [{"epoch": 0, "global_step": 0, "value": 0.5}])], "max") == ""
    flat = [{"epoch": n, "global_step": n, "value": 0.5} for n in range(3)]
    assert "polyline" in spark([("a", flat)], "max")


# -- one experiment


def test_the_curve_of_an_experiment_with_its_best_point(look: Look) -> None:
    drawing = look("experiments?name=dbnet-r18")
    (chart,) = drawing.charts
    assert chart["series"][0]["data"][0] == [0.0, 0.5]
    assert chart["series"][0]["markPoint"]["data"] == [{"coord": [11.0, 0.61]}]
    assert "hmean by epoch" in drawing.text
    assert drawing.title == "dbnet-r18 · ckpt-indexer"


def test_others_are_laid_over_and_taken_away(look: Look) -> None:
    drawing = look("experiments?name=dbnet-r18&over=dbnet-r50&over=none&metric=val/iou")
    (chart,) = drawing.charts
    assert [series["name"] for series in chart["series"]] == ["dbnet-r18", "dbnet-r50"]
    hrefs = [attributes.get("href") for _, attributes in tags_of(drawing.html)]
    assert "/ui/experiments?name=dbnet-r18&metric=val%2Fiou&over=none" in hrefs


def test_files_that_could_go_say_why(look: Look) -> None:
    rows = rows_of(look("experiments?name=dbnet-r18").html)
    said = {row[0]: row[-1] for row in rows if len(row) == 7}
    assert said["epoch=0.ckpt"] == "hmean 0.1100 below the best of its run, and not the last"
    assert said["epoch=11.ckpt"] == ""
    assert "in 11 files that could go" in look("experiments?name=dbnet-r18").text


def test_no_such_experiment(look: Look) -> None:
    drawing = look("experiments?name=none")
    assert "There is no such experiment" in drawing.text
    assert drawing.charts == []


def test_nothing_could_go_where_not_all_files_are_known(of: Of, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "MOST_FILES", 2)
    rows = [
        {"path": f"{n}.ckpt", "experiment": "a", "epoch": n, "hmean": n / 10, "metrics": {"hmean": n / 10}}
        for n in range(3)
    ]
    found = experiment.look(of(rows), Question("a", ""))
    assert (len(found.rows), found.is_whole, found.going) == (2, False, {})
    assert "2 +\ncheckpoints" in text_of(experiment.heading(found))


def test_which_end_is_better_can_be_said(of: Of) -> None:
    rows = [{"path": f"{n}.ckpt", "experiment": "a", "epoch": n, "metrics": {"odd": float(n)}} for n in range(3)]
    catalog = of(rows)
    for mode, value in ((None, None), ("max", 2.0), ("min", 0.0)):
        found = experiment.look(catalog, Question("a", "odd", mode=mode))
        assert experiment.best(found.rows, "odd", found.mode) == value


def test_further_metrics_have_panels_of_their_own_with_their_best(look: Look) -> None:
    drawing = look("experiments?name=dbnet-r18&over=dbnet-r50&also=val/iou&also=precision&also=hmean")
    (chart,) = drawing.charts
    assert [one["text"] for one in chart["title"]] == ["hmean", "val/iou", "precision"]
    assert [(one["name"], one["yAxisIndex"]) for one in chart["series"]] == [
        (name, panel) for panel in range(3) for name in ("dbnet-r18", "dbnet-r50")
    ]
    assert all(one["markPoint"]["data"][0]["coord"][0] == 11.0 for one in chart["series"])
    hrefs = [attributes.get("href") for _, attributes in tags_of(drawing.html)]
    assert "/ui/experiments?name=dbnet-r18&metric=hmean&also=precision&over=dbnet-r50" in hrefs
    assert "/ui/experiments?name=dbnet-r18&metric=hmean&also=val%2Fiou&also=precision" in hrefs


def test_metrics_that_are_shown_are_not_offered_again(of: Of) -> None:
    metrics = {f"m{n}": n / 10 for n in range(9)}
    catalog = of([{"path": f"{n}.ckpt", "experiment": "a", "epoch": n, "metrics": metrics} for n in range(2)])

    def offered(*also: str) -> list[str]:
        made = experiment.heading(experiment.look(catalog, Question("a", "m0", also=also)))
        return re.findall(r'<option value="(m\d)">', made.partition('name="also"')[2])

    assert offered("m3") == ["m1", "m2", "m4", "m5", "m6", "m7", "m8"]
    most = tuple(f"m{n}" for n in range(1, 8))
    assert offered(*most) == []
    found = experiment.look(catalog, Question("a", "m0", also=most))
    assert len(found.curves) == 1 + experiment.MOST_ALSO


def test_which_end_is_better_is_said_of_the_first_metric_alone(of: Of) -> None:
    rows = [
        {"path": f"{n}.ckpt", "experiment": "a", "epoch": n, "hmean": n / 10, "metrics": {"odd": float(n)}}
        for n in range(3)
    ]
    found = experiment.look(of(rows), Question("a", "odd", mode="min", also=("hmean",)))
    assert [one.mode for one in found.curves] == ["min", "max"]


def test_an_experiment_shows_its_configuration(look: Look) -> None:
    rows = rows_of(look("experiments?name=dbnet-r18").html)
    assert ["param.lr", "0.001"] in rows
    assert ["dataset", "icdar15"] in rows
