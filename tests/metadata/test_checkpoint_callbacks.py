from __future__ import annotations

from typing import Any

import pytest

from ckpt_indexer.metadata.checkpoint_callbacks import find_monitor

SAVER = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "monitor": "val/hmean", "mode": "max"}
STOPPER = {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "val/loss", "mode": "min"}
BOTH = {"monitor": "val/hmean", "monitor_mode": "max"}


@pytest.mark.parametrize(
    "config",
    [
        {"callbacks": {"model_checkpoint": SAVER}},
        {"callbacks": {"early_stopping": STOPPER, "model_checkpoint": SAVER}},
        {"training": {"callbacks": {"early": STOPPER, "best": SAVER}}},
        {
            "trainer": {
                "callbacks": [
                    {"class_path": "EarlyStopping", "init_args": {"monitor": "val/loss"}},
                    {"class_path": "x.ModelCheckpoint", "init_args": {k: SAVER[k] for k in ("monitor", "mode")}},
                ]
            }
        },
        {"callbacks": {"model_checkpoint": {"monitor": "val/hmean", "mode": "max"}, "lr": {"monitor": "lr"}}},
        {"checkpoint": {"monitor": "val/hmean", "mode": "max"}},
        {"callbacks": {"a": SAVER, "b": {**SAVER, "save_top_k": 1}}},
        {"callbacks": {"a": SAVER, "b": {"_target_": "ModelCheckpoint", "monitor": None}}},
        {"callbacks": {"only_stopping": {**STOPPER, "monitor": "val/hmean", "mode": "max"}}},
    ],
)
def test_the_callback_that_saves_decides(config: dict[str, Any]) -> None:
    assert find_monitor(config) == BOTH


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"callbacks": None},
        {"callbacks": "model_checkpoint"},
        {"callbacks": {"model_checkpoint": True, 3: {"filename": "best"}}},
        {"callbacks": {"model_checkpoint": {"monitor": 7}}},
        {"callbacks": {"model_checkpoint": {"monitor": "${metric}"}}},
        {"callbacks": {"a": SAVER, "b": {**SAVER, "monitor": "val/loss"}}},
        {"callbacks": {"a": {"b": {"c": {"d": {"model_checkpoint": SAVER}}}}}},
    ],
)
def test_what_is_open_is_absent(config: dict[str, Any]) -> None:
    assert find_monitor(config) == {}


def test_a_mode_that_is_no_end_of_a_metric_is_absent() -> None:
    assert find_monitor({"callbacks": {"model_checkpoint": {"monitor": "val/iou", "mode": "auto"}}}) == {
        "monitor": "val/iou"
    }


def test_savers_that_disagree_on_the_mode_agree_on_the_monitor() -> None:
    assert find_monitor({"callbacks": {"a": SAVER, "b": {**SAVER, "mode": "min"}}}) == {"monitor": "val/hmean"}
