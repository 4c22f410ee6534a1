from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ckpt_indexer.web.brush import NARROWED, said
from ckpt_indexer.web.tops import Question
from tests.journeys.harness import eventually
from tests.web.browser_tab import tab
from tests.web.drawing import tags_of, text_of

if TYPE_CHECKING:
    from tests.api.interface import Interface

RANKED = Question("val/iou", "decoder", "dataset:receipts", "min")


def test_what_is_marked_leads_to_the_checkpoints_and_to_a_ranking_of_them() -> None:
    made = said(12, 250, "epoch:3..5", 31, RANKED)
    assert text_of(made).split("\n") == [
        "12 of 250 marked",
        "epoch:3..5",
        "Show all 31 checkpoints",
        "·",
        "Rank only these",
    ]
    links = [urlsplit(str(attributes["href"])) for name, attributes in tags_of(made) if name == "a"]
    whole = "dataset:receipts epoch:3..5"
    assert [(one.path, parse_qs(one.query)) for one in links] == [
        ("/ui/", {"q": [whole]}),
        ("/ui/best", {"metric": ["val/iou"], "by": ["decoder"], "mode": ["min"], "q": [whole]}),
    ]


def test_nothing_there_and_too_much_are_said_and_lead_nowhere() -> None:
    for made, words in (
        (said(0, 250, None, None, RANKED), "no value lies there"),
        (said(9, 250, "epoch:1", None, RANKED), NARROWED),
    ):
        assert words in text_of(made)
        assert [name for name, _ in tags_of(made) if name == "a"] == []


def test_a_query_of_names_is_inert() -> None:
    assert "<b>" not in said(1, 2, 'backbone:"<b>\u202e"', 1, RANKED)


# -- an open page. Axes are known by their place: backbone, decoder, epoch, precision, hmean


def heard(axis: Any, *intervals: Any, more: bool = False) -> tuple[str, dict[str, Any]]:
    return "chart:axisareaselected", {"axis": axis, "intervals": list(intervals), "more": more}


def test_what_is_marked_is_counted_added_to_and_cleared(page: Interface) -> None:
    with tab(page, "best") as one:
        one.emit(*heard("2", [1.6, 3.4]))
        eventually(lambda: "epoch:2..3" in one.drawn(), what="a query")
        assert "4 of 24 marked" in one.drawn()
        assert "Show all 4 checkpoints" in one.drawn()
        one.emit(*heard("2", [9.5, 11], more=True))
        eventually(lambda: "epoch:2..3,10..11" in one.drawn(), what="another mark")
        assert "8 of 24 marked" in one.drawn()
        one.emit(*heard("0", [1, 1]))
        eventually(lambda: "4 of 24 marked" in one.drawn().partition("8 of 24")[2], what="a second axis")
        one.emit("click")
        eventually(lambda: "Drag along an axis" in one.drawn(), what="nothing to be marked")
        run = one.scripts()
        assert '"parallelAxisId":"2","intervals":[[1.6,3.4],[9.5,11.0]]' in run
        assert '"parallelAxisId":"2","intervals":[]' in run
        assert '"parallelAxisId":"0","intervals":[]' in run


@pytest.mark.parametrize("said", [heard("99", [0, 1]), heard(None, [0, 1]), ("chart:axisareaselected", "nonsense")])
def test_what_is_said_of_no_axis_changes_nothing(page: Interface, said: tuple[str, Any]) -> None:
    with tab(page, "best") as one:
        one.emit(*said)
        one.emit(*heard("2", [0, 0]))
        eventually(lambda: "epoch:0..0" in one.drawn(), what="a query")
        assert one.drawn().count("24 marked") == 1
