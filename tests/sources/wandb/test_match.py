from __future__ import annotations

import math
from typing import Any

import pytest

from ckpt_indexer.metadata.record import Metric
from ckpt_indexer.sources.wandb.match import HINTS, Progress, history_denies, is_validation, last_values_fit, match
from ckpt_indexer.sources.wandb.run import row_of
from tests.sources.wandb_files import lightning_rows

Rows = list[dict[str, Any]]
LIGHTNING = [row for row in map(row_of, lightning_rows(4)) if row is not None]
TRAINER: Rows = [
    {"_step": 2, "eval/loss": 0.4, "train/epoch": 1.0, "train/global_step": 50},
    {"_step": 5, "eval/loss": 0.3, "train/epoch": 2.0, "train/global_step": 100},
]
OWN_COUNTER: Rows = [
    {"_step": 3, "epoch": 0, "step": 10, "val_acc": 0.1},
    {"_step": 7, "epoch": 1, "step": 20, "val_acc": 0.2},
]
EPOCHS: Rows = [{"_step": 0, "epoch": 0, "val_acc": 0.1}, {"_step": 1, "epoch": 1, "val_acc": 0.2}]
STEPS: Rows = [{"_step": 100, "val_acc": 0.1}, {"_step": 200, "val_acc": 0.2}]


@pytest.mark.parametrize(
    ("rows", "epoch", "global_step", "value"),
    [
        (LIGHTNING, 0, 10, 0.0),
        (LIGHTNING, 2, 30, 0.2),
        (LIGHTNING, None, 30, 0.2),
        (LIGHTNING, 4, 40, 0.3),
        (TRAINER, 1, 50, 0.4),
        (TRAINER, None, 100, 0.3),
        (OWN_COUNTER, None, 20, 0.2),
        (OWN_COUNTER, 1, 20, 0.2),
        (OWN_COUNTER, 0, None, 0.1),
        (EPOCHS, 0, None, 0.1),
        (EPOCHS, 1, 999, 0.2),
        (STEPS, None, 200, 0.2),
        (STEPS, 5, 200, 0.2),
    ],
)
def test_the_row_of_the_checkpoint_is_found(
    rows: Rows, epoch: int | None, global_step: int | None, value: float
) -> None:
    found = match(rows, Progress(epoch, global_step)).metrics
    names = [name for name in ("val/hmean", "eval/loss", "val_acc") if name in found]
    assert [found[name] for name in names] == [Metric(value)]


@pytest.mark.parametrize(
    ("rows", "epoch", "global_step"),
    [
        (LIGHTNING, 2, 31),
        (LIGHTNING, 2, 29),
        (LIGHTNING, 0, 30),
        (LIGHTNING, 4, 30),
        (LIGHTNING, 2, None),
        (LIGHTNING, None, None),
        (TRAINER, 1, 51),
        (TRAINER, 1, None),
        (OWN_COUNTER, 0, 20),
        (OWN_COUNTER, None, 7),
        (EPOCHS, 2, None),
        (EPOCHS, None, 1),
        (STEPS, 1, 199),
        ([], 0, 1),
    ],
)
def test_no_other_row_will_do(rows: Rows, epoch: int | None, global_step: int | None) -> None:
    assert match(rows, Progress(epoch, global_step)).metrics == {}


def test_rows_of_one_step_add_up_and_counters_are_no_metrics() -> None:
    rows: Rows = [
        {"_step": 1, "_runtime": 2.0, "epoch": 0, "trainer/global_step": 9, "val/a": 1},
        {"_step": 2, "epoch": 0, "trainer/global_step": 9, "val/b": None, "train/loss_epoch": 3.0},
    ]
    found = match(rows, Progress(0, 10))
    assert found.metrics == {"val/a": Metric(1.0), "val/b": Metric(None), "train/loss_epoch": Metric(3.0)}
    assert (found.epoch, found.problems) == (0, [])


def test_a_name_with_two_values_is_nobodys() -> None:
    rows: Rows = [
        {"epoch": 0, "trainer/global_step": 9, "val/a": 1.0, "val/b": 5.0},
        {"epoch": 0, "trainer/global_step": 9, "val/a": 2.0, "val/b": 5.0},
    ]
    found = match(rows, Progress(0, 10))
    assert found.metrics == {"val/b": Metric(5.0)}
    assert [problem.kind for problem in found.problems] == ["wandb_ambiguous"]


@pytest.mark.parametrize(
    "name",
    [
        "val/hmean",
        "val_loss",
        "valLoss",
        "Val/Acc",
        "VAL/acc",
        "eval/loss",
        "validation.f1",
        "hmean",
        "f1",
        "precision",
        "cleval/recall",
        "metrics/val/iou",
        "dev/bleu",
    ],
)
def test_validation_values_are_known_by_their_names(name: str) -> None:
    assert is_validation(name)
    assert any(hint in name.encode() for hint in HINTS), "the quick look at the bytes would miss it"


@pytest.mark.parametrize(
    "name",
    [
        "train/loss",
        "loss",
        "interval",
        "value",
        "train/val_loss",
        "test/hmean",
        "epoch",
        "trainer/global_step",
        "_step",
        "_runtime",
        "device",
        "retrieval",
        "lr-Adam",
    ],
)
def test_other_values_are_not(name: str) -> None:
    assert not is_validation(name)


def test_what_chose_the_checkpoints_is_a_validation_value_whatever_its_name() -> None:
    assert not is_validation("mIoU")
    assert is_validation("mIoU", "mIoU")


@pytest.mark.parametrize(
    ("rows", "global_step", "ended", "denied"),
    [
        (LIGHTNING, 30, True, False),
        (LIGHTNING, 25, False, True),
        (LIGHTNING, 5, True, False),
        (LIGHTNING, 45, False, False),
        (LIGHTNING, 45, True, True),
        (LIGHTNING, None, True, False),
        (TRAINER, 75, False, True),
        (EPOCHS, 75, True, False),
        ([], 75, True, False),
    ],
)
def test_a_history_denies_what_it_would_have_seen(
    rows: Rows, global_step: int | None, ended: bool, denied: bool
) -> None:
    assert history_denies(rows, Progress(None, global_step), ended=ended) is denied


def test_rows_keep_numbers_only() -> None:
    row = row_of(
        {
            "val/a": 1,
            "val/b": math.nan,
            "val/c": "NaN",
            "val/d": "text",
            "val/e": True,
            "val/f": [1],
            "x": {"_type": "image", "n": 1},
            "y": {"z": 2},
            "val/big": 10**30,
        }
    )
    assert row == {"val/a": 1, "val/b": None, "val/c": None, "y.z": 2}


@pytest.mark.parametrize(
    ("last", "progress", "fits"),
    [
        ({"trainer/global_step": 9.0}, Progress(0, 10), True), ({"trainer/global_step": 10.0}, Progress(0, 10), False),
        ({"trainer/global_step": 9.0, "epoch": 3.0}, Progress(0, 10), False),
        ({"trainer/global_step": 9.0, "epoch": 0.0}, Progress(1, 10), True), ({"step": 10.0}, Progress(4, 10), True),
        ({"train/global_step": 10.0}, Progress(None, 10), True), ({"step": 10.0}, Progress(4, None), None),
        ({"epoch": 4.0}, Progress(4, 10), None), ({"epoch": 4.0}, Progress(5, None), None),
        ({"epoch": 4.0}, Progress(2, None), False), ({"_step": 10.0}, Progress(4, 10), None),
        ({"trainer/global_step": None}, Progress(4, 10), None), ({}, Progress(), None),
        ({"epoch": 1.0}, Progress(), None),
    ],
)  # fmt: skip
def test_counters_tell_whether_last_values_were_logged_at_the_step(
    last: dict[str, float | None], progress: Progress, fits: bool | None
) -> None:
    assert last_values_fit(last, progress) is fits
