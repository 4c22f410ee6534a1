"""The page of models that have nothing to do with text detection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.web.words import UNKNOWN
from tests.web import catalogs
from tests.web.drawing import Drawing, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.interface import Interface
    from tests.web.conftest import Opened


@pytest.fixture(scope="module", params=["classifiers", "language_models"])
def kind(request: pytest.FixtureRequest, opened: Opened) -> Iterator[tuple[str, Interface]]:
    with opened(getattr(catalogs, request.param)()) as page:
        yield request.param, page


def look(page: Interface, address: str) -> Drawing:
    return Drawing(page.get("/ui/" + address))


def test_no_page_speaks_of_hmean_unless_asked(kind: tuple[str, Interface]) -> None:
    for address in (
        "best",
        "experiments",
        "experiments?name=cls-a",
        "experiments?name=lm-a",
        "compare?ids=1,2",
        "disk",
    ):
        drawing = look(kind[1], address)
        assert drawing.status == 200
        assert "hmean" not in drawing.text, address


def test_the_leaderboard_ranks_by_what_the_models_are_judged_by(kind: tuple[str, Interface]) -> None:
    rows = rows_of(look(kind[1], "best").html)
    expected = {
        "classifiers": ["vit_b", "0.6400", "", "4", "10", "cls-b", "epoch=4.ckpt"],
        "language_models": ["LlamaForCausalLM", "0.5000", "", UNKNOWN, "6", "lm-b", "checkpoint-1500"],
    }
    assert expected[kind[0]] in rows


def test_the_leaderboard_draws_no_empty_chart(kind: tuple[str, Interface]) -> None:
    drawing = look(kind[1], "best")
    assert [chart["series"][0]["type"] for chart in drawing.charts] == ["bar", "parallel"]
    assert "Precision and recall" not in drawing.text


def test_experiments_are_listed_with_their_best(kind: tuple[str, Interface]) -> None:
    rows = rows_of(look(kind[1], "experiments?order=best").html)
    expected = {"classifiers": ["cls-b", "0.6400", "4"], "language_models": ["lm-b", "0.5000", UNKNOWN]}
    assert rows[1][:3] == expected[kind[0]]


def test_a_curve_is_drawn_over_what_is_counted(kind: tuple[str, Interface]) -> None:
    name, x = {"classifiers": ("cls-a", "epoch"), "language_models": ("lm-a", "step")}[kind[0]]
    (chart,) = look(kind[1], f"experiments?name={name}").charts
    assert chart["xAxis"]["name"] == x
    assert chart["series"][0]["markPoint"]["data"]


def test_files_that_could_go_are_judged_by_what_the_run_monitored(kind: tuple[str, Interface]) -> None:
    name, said = {
        "classifiers": ("cls-a", "val/acc 0.0400 below the best of its run, and not the last"),
        "language_models": ("lm-a", "eval_loss 1.0000 above the best of its run, and not the last"),
    }[kind[0]]
    reasons = [row[-1] for row in rows_of(look(kind[1], f"experiments?name={name}").html)]
    if kind[0] == "classifiers":
        assert reasons.count(said) == 1
    else:
        assert [one for one in reasons if "above the best of its run" in one]


def test_comparing_marks_the_best_of_any_metric(kind: tuple[str, Interface]) -> None:
    assert 'class="best"' in look(kind[1], "compare?ids=1,2").html
