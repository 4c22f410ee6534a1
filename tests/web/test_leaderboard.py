from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.web.leaderboard import ranking, winners
from ckpt_indexer.web.tops import Question
from tests.web.drawing import rows_of, tags_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog
    from tests.web.drawing import Drawing

    Look = Callable[[str], Drawing]
    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


def test_the_winner_of_each_backbone_and_how_far_it_is_behind(look: Look) -> None:
    rows = rows_of(look("best").html)
    assert ["resnet50", "0.7100", "", "11", "12", "dbnet-r50", "epoch=11.ckpt"] in rows
    assert ["resnet18", "0.6100", "-0.1000", "11", "12", "dbnet-r18", "epoch=11.ckpt"] in rows


def test_bars_scatter_and_parallel_axes_are_drawn(look: Look) -> None:
    types = [chart["series"][0]["type"] for chart in look("best").charts]
    assert sorted(types) == ["bar", "parallel", "scatter"]


def test_cards_say_how_much_there_is(look: Look) -> None:
    text = look("best").text
    for words in ("24\ncheckpoints", "2\nexperiments", "0.7100\nbest hmean", "24 MB\non disk", "100.0 %\nread in full"):
        assert words in text


def test_any_metric_can_be_ranked_either_way(look: Look) -> None:
    assert ["resnet18", "0.3600", "", "11", "12", "dbnet-r18", "epoch=11.ckpt"] in rows_of(
        look("best?metric=val/iou").html
    )
    worst = look("best?metric=val/iou&mode=min")
    assert ["resnet18", "0.2500", "", "0", "12", "dbnet-r18", "epoch=0.ckpt"] in rows_of(worst.html)
    assert "best val/iou" in worst.text


@pytest.mark.parametrize("by", ["architecture", "decoder", "head", "loss", "experiment", "dataset", "root", "none"])
def test_any_group_can_be_ranked(look: Look, by: str) -> None:
    drawing = look(f"best?by={by}")
    assert "0.7100" in drawing.html
    assert len(rows_of(drawing.html)) > 1


def test_a_query_narrows_the_ranking(look: Look) -> None:
    drawing = look("best?q=epoch:..3")
    assert ["resnet50", "0.6300", "", "3", "4", "dbnet-r50", "epoch=3.ckpt"] in rows_of(drawing.html)
    (field,) = [attributes for name, attributes in tags_of(drawing.html) if name == "input"]
    assert field["value"] == "epoch:..3"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("best?metric=nosuch", "No checkpoint has nosuch"),
        ("best?by=nosuch", "That cannot be ranked"),
        ("best?q=nosuch:1", "That cannot be ranked"),
        ("best?mode=up", "That cannot be ranked"),
        ("best?q=epoch:99", "No checkpoint has hmean"),
    ],
)
def test_what_cannot_be_ranked_says_why_and_can_be_mended(look: Look, address: str, said: str) -> None:
    drawing = look(address)
    assert (drawing.status, drawing.charts) == (200, [])
    assert said in drawing.text
    options = [attributes["value"] for name, attributes in tags_of(drawing.html) if name == "option"]
    assert {"hmean", "val/iou", "experiment", "min"} <= set(options)


def test_the_metrics_that_could_be_ranked_are_named(look: Look) -> None:
    assert "Metrics that can be ranked: " in look("best?metric=nosuch").text
    assert "val/iou" in look("best?metric=nosuch").text


def test_a_group_leads_to_its_checkpoints_best_first(look: Look) -> None:
    hrefs = [attributes.get("href") for _, attributes in tags_of(look("best?q=epoch:..3").html)]
    assert "/ui/?q=epoch%3A..3+backbone%3A%22resnet18%22" in hrefs


def test_an_unknown_group_that_is_better_is_what_the_others_are_behind(of: Of) -> None:
    catalog = of(
        [
            {"path": "a.ckpt", "backbone": "known", "hmean": 0.5, "metrics": {"hmean": 0.5}},
            {"path": "b.ckpt", "hmean": 0.9, "metrics": {"hmean": 0.9}},
        ]
    )
    question = Question("hmean", "backbone", "", None)
    found = ranking(catalog, question)
    assert found.best == 0.9
    table = rows_of(winners(question, found.rows, found.best))
    assert [row[:3] for row in table[1:]] == [["known", "0.5000", "-0.4000"], ["unknown", "0.9000", ""]]


def test_mixed_datasets_are_told(of: Of) -> None:
    rows = [
        {"path": f"{dataset}.ckpt", "dataset": dataset, "hmean": 0.5, "metrics": {"hmean": 0.5}, "backbone": "r18"}
        for dataset in ("icdar13", "icdar15")
    ]
    assert any("dataset" in warning for warning in ranking(of(rows), Question("", "", "", None)).warnings)
