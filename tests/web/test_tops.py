from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.web.tops import common, trade
from tests.web import catalogs
from tests.web.drawing import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.client.local import LocalCatalog
    from ckpt_indexer.web.parallel import Axis

    Of = Callable[[list[dict[str, Any]]], LocalCatalog]


def test_what_tells_the_best_apart_is_drawn_and_what_does_not_is_left_out(of: Of) -> None:
    drawing = common(of(catalogs.detectors()).best("hmean", "none", k=10), "hmean")
    assert drawing is not None
    names = [axis["name"] for axis in drawing.options["parallelAxis"]]
    assert names == ["decoder", "epoch", "precision", "hmean"]
    assert rows_of(drawing.table)[1] == ["epoch=11.ckpt", "pan", "11", "0.9100", "0.7100"]


def test_models_without_epochs_are_told_apart_by_steps(of: Of) -> None:
    drawing = common(of(catalogs.language_models()).best("eval_loss", "none", k=10), "eval_loss")
    assert drawing is not None
    assert [axis["name"] for axis in drawing.options["parallelAxis"]] == ["global step", "eval_loss".replace("_", " ")]


def test_the_best_stands_on_top_whichever_end_it_is(of: Of) -> None:
    def last(rows: list[dict[str, Any]], metric: str) -> Axis:
        drawing = common(of(rows).best(metric, "none", k=10), metric)
        assert drawing is not None
        return drawing.axes[-1]

    loss = last(catalogs.language_models(), "eval_loss")
    assert (loss.is_inverted, loss.field) == (True, "metric.eval_loss")
    assert last(catalogs.detectors(), "hmean").is_inverted is False


def test_the_metric_of_the_ranking_is_no_second_axis(of: Of) -> None:
    drawing = common(of(catalogs.detectors()).best("precision", "none", k=10), "precision")
    assert drawing is not None
    assert [axis.name for axis in drawing.axes] == ["backbone", "decoder", "epoch", "precision"]


def test_one_row_has_nothing_in_common(of: Of) -> None:
    assert common(of(catalogs.detectors()).best("hmean", "none", k=1), "hmean") is None
    same = [{"path": f"{n}.ckpt", "hmean": 0.5, "metrics": {"hmean": 0.5}} for n in range(3)]
    assert common(of(same).best("hmean", "none", k=3), "hmean") is None


def test_precision_is_traded_for_recall_where_both_are_known(of: Of) -> None:
    drawing = trade(of(catalogs.detectors()).best("hmean", "none", k=5))
    assert drawing is not None
    assert drawing.options["series"][0]["data"][0] == [0.7, 0.91]
    assert drawing.title == "Precision and recall of the best 5"
    assert trade(of(catalogs.classifiers()).best("val/acc", "none", k=5)) is None
