from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.web.headline import chosen, direction_of, grouping, headline, mode_of, of_rows, value_of
from tests.web import catalogs

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog

    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


def test_detectors_are_judged_by_hmean_and_grouped_by_backbone(of: Of) -> None:
    catalog = of(catalogs.detectors())
    assert (headline(catalog), grouping(catalog)) == ("hmean", "backbone")


def test_classifiers_are_judged_by_what_they_monitor(of: Of) -> None:
    assert headline(of(catalogs.classifiers())) == "val/acc"


def test_language_models_are_judged_by_the_loss_and_grouped_by_architecture(of: Of) -> None:
    catalog = of(catalogs.language_models())
    assert (headline(catalog), grouping(catalog)) == ("validation_loss", "architecture")


def test_an_empty_catalog_waits_for_hmean(of: Of) -> None:
    catalog = of([])
    assert (headline(catalog), grouping(catalog)) == ("hmean", "backbone")


def test_rows_say_themselves_what_they_are_judged_by(of: Of) -> None:
    for rows, metric in ((catalogs.classifiers(), "val/acc"), (catalogs.language_models(), "validation_loss")):
        assert of_rows(of(rows).find()) == metric
    assert of_rows([]) == "hmean"
    mixed = [*of(catalogs.classifiers()).find(), *of(catalogs.detectors()).find(limit=1)]
    assert of_rows(mixed) == "hmean"


@pytest.mark.parametrize(
    ("names", "monitors", "metric"),
    [
        ((), {}, "hmean"),
        (("val/loss", "val/acc"), {}, "val/acc"),
        (("train/acc", "test/acc", "val_loss"), {}, "val_loss"),
        (("train/acc", "odd"), {}, "odd"),
        (("precision", "recall", "validation_loss", "accuracy"), {}, "accuracy"),
        (("precision", "recall", "validation_loss"), {}, "validation_loss"),
        (("val/acc", "val/iou"), {None: 9, "val/gone": 5, "val/iou": 2}, "val/iou"),
        (("validation_loss", "val_loss"), {"val_loss": 1}, "validation_loss"),
        (("val_loss",), {"val_loss": 1}, "val_loss"),
    ],
)
def test_the_likeliest_metric(names: tuple[str, ...], monitors: dict[str | None, int], metric: str) -> None:
    assert chosen(names, monitors) == metric


def row(monitor: str | None, mode: str | None) -> dict[str, Any]:
    return {"monitor": monitor, "monitor_mode": mode, "hmean": None, "metrics": {"x": 0.5, "hmean": 0.25}}


def test_which_end_is_better() -> None:
    assert (mode_of("hmean"), mode_of("validation_loss"), mode_of("val/acc"), mode_of("ppl")) == (
        "max",
        "min",
        "max",
        "min",
    )
    assert mode_of("x") is None
    assert mode_of("x", [row("x", "min"), row("y", "max"), row("x", None)]) == "min"
    assert mode_of("x", [row("x", "min"), row("x", "max")]) is None
    assert mode_of("val/acc", [row("val/acc", "min")]) == "min"


def test_documents_have_a_say_in_which_end_is_better(of: Of) -> None:
    rows = [
        {"path": f"{n}.ckpt", "metrics": {"odd": float(n), "other": 1.0}, "monitor": "odd", "monitor_mode": "min"}
        for n in range(3)
    ]
    catalog = of(rows)
    assert (direction_of(catalog, "odd"), direction_of(catalog, "validation_loss")) == ("min", "min")
    with pytest.raises(InvalidFilter, match="mode"):
        direction_of(catalog, "other")


def test_a_headline_metric_is_the_row_s_own_and_any_other_the_logged_one() -> None:
    assert (value_of(row(None, None), "hmean"), value_of(row(None, None), "x")) == (None, 0.5)
    assert value_of(row(None, None), "y") is None
