from __future__ import annotations

import pytest

from ckpt_indexer.metadata.metrics import HEADLINES, Headline, direction, headline
from ckpt_indexer.metadata.record import Metric

DESIGNED = {
    "hmean": ("hmean", "val/hmean", "cleval/hmean", "f1", "val/f1"),
    "precision": ("precision", "val/precision", "cleval/precision"),
    "recall": ("recall", "val/recall", "cleval/recall"),
    "validation_loss": ("validation_loss", "val/loss", "cleval/loss"),
}


@pytest.mark.parametrize("wanted", HEADLINES, ids=lambda wanted: wanted.name)
def test_aliases_begin_in_the_promised_order(wanted: Headline) -> None:
    promised = DESIGNED[wanted.name]
    assert wanted.aliases[: len(promised)] == promised


@pytest.mark.parametrize("wanted", HEADLINES, ids=lambda wanted: wanted.name)
def test_no_alias_is_measured_on_test_or_training_data(wanted: Headline) -> None:
    assert not [alias for alias in wanted.aliases if alias.startswith(("test", "train")) or alias == "loss"]
    assert len(set(wanted.aliases)) == len(wanted.aliases)


@pytest.mark.parametrize("wanted", HEADLINES, ids=lambda wanted: wanted.name)
def test_the_words_of_every_alias_tell_its_direction(wanted: Headline) -> None:
    assert {direction(alias) for alias in wanted.aliases} == {wanted.mode}


@pytest.mark.parametrize(
    ("first", "second"), [(a, b) for w in HEADLINES for a, b in zip(w.aliases, w.aliases[1:], strict=False)]
)
def test_an_earlier_alias_wins(first: str, second: str) -> None:
    values, _ = headline({second: Metric(0.2), first: Metric(0.1)})
    assert list(values.values()) == [0.1]


def test_a_value_that_is_stale_or_missing_is_passed_over() -> None:
    metrics = {"hmean": Metric(None), "val/hmean": Metric(0.9, stale=True), "f1": Metric(0.0)}
    assert headline(metrics) == ({"hmean": 0.0}, [])


@pytest.mark.parametrize("value", [84.3, 1.0001, 100.0, -0.1, 250.0])
def test_a_value_off_the_scale_leaves_the_headline_empty(value: float) -> None:
    values, problems = headline({"hmean": Metric(value), "val/hmean": Metric(0.8)})
    assert values == {}
    assert [problem.kind for problem in problems] == ["scale"]


def test_a_loss_has_no_upper_end() -> None:
    assert headline({"val/loss": Metric(250.0)}) == ({"validation_loss": 250.0}, [])


def test_a_configured_headline_is_found_under_its_own_name() -> None:
    wanted = Headline("val/iou", ("val/iou",), "max", unit_scale=False)
    assert headline({"val/iou": Metric(72.0)}, [wanted]) == ({"val/iou": 72.0}, [])


@pytest.mark.parametrize(
    "name",
    [
        "loss", "val/loss", "val_loss", "loss_bbox", "dice_loss", "loss_iou", "train/losses", "loss/val", "eval_loss",
        "perplexity", "val_ppl", "wer", "test/cer", "mae", "val_mse", "RMSE", "fid", "top1_error", "top1_err", "nll",
    ],
)  # fmt: skip
def test_less_is_better(name: str) -> None:
    assert direction(name) == "min"


@pytest.mark.parametrize(
    "name",
    [
        "accuracy", "val_acc", "val/top1", "eval_top5", "f1", "hmean", "cleval/hmean", "precision", "recall@5",
        "val/iou", "metrics/mAP50(B)", "metrics/mAP50-95(B)", "AP75", "auc", "bleu4", "rouge1", "dice", "psnr", "ssim",
        "r2", "score", "accuracy/val", "val/recall/total",
    ],
)  # fmt: skip
def test_more_is_better(name: str) -> None:
    assert direction(name) == "max"


@pytest.mark.parametrize(
    "name",
    [
        "", "/", "lr", "val", "epoch", "time", "loss_scale", "loss_weight", "accuracy/time", "neg_mean_squared_error",
        "neg_log_loss", "val/mean", "mae_score", "x", "best_accuracy",
    ],
)  # fmt: skip
def test_the_direction_is_unknown_rather_than_guessed(name: str) -> None:
    assert direction(name) is None


def test_a_declared_direction_beats_the_words() -> None:
    assert direction("loss", {"loss": "max"}) == "max"
    assert direction("loss", {"other": "max"}) == "min"
