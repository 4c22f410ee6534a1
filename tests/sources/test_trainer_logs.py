"""The tables and logs of the trainers, each as its trainer writes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ckpt_indexer.errors import SourceRejected
from ckpt_indexer.sources.around_bytes import Lines
from ckpt_indexer.sources.trainer.hf import answer_of_state, parse_state
from ckpt_indexer.sources.trainer.lightning import answer_by_step, read_metrics_csv
from ckpt_indexer.sources.trainer.mmengine import answer_by_count, read_scalars_json
from ckpt_indexer.sources.trainer.rows import MAX_CELLS, Answer, Wanted
from ckpt_indexer.sources.trainer.timm import answer_by_epoch, read_summary_csv
from ckpt_indexer.sources.trainer.ultralytics import answer_by_values, read_results_csv

TIMM = """\
epoch,train_loss,eval_loss,eval_top1,eval_top5,lr
0,6.9,6.1,1.5,5.5,0.1
1,5.9,5.1,11.5,25.5,0.1
2,4.9,4.1,21.5,45.5,0.1
"""
YOLO = """\
                  epoch,         train/box_loss,   metrics/precision(B),       metrics/mAP50(B),           val/box_loss,                 lr/pg0
                      0,                 1.2345,                0.51234,                0.41234,                1.11234,                0.00333
                      1,                 1.1345,                0.61234,                0.51234,                1.01234,                0.00333
"""  # noqa: E501  # as it is written
YOLO_NEW = """\
epoch,time,train/box_loss,metrics/precision(B),metrics/mAP50(B),val/box_loss,lr/pg0
1,3.5,1.2345,0.51234,0.41234,1.11234,0.00333
2,6.5,1.1345,0.61234,0.51234,1.01234,0.00333
"""
MMENGINE = """\
{"lr": 0.01, "data_time": 0.1, "loss": 2.5, "time": 0.2, "epoch": 1, "iter": 50, "memory": 10, "step": 50}
{"coco/bbox_mAP": 0.31, "coco/bbox_mAP_50": 0.5, "data_time": 0.1, "time": 0.2, "step": 1}
{"lr": 0.01, "data_time": 0.1, "loss": 1.5, "time": 0.2, "epoch": 2, "iter": 100, "memory": 10, "step": 100}
{"coco/bbox_mAP": 0.41, "coco/bbox_mAP_50": 0.6, "data_time": 0.1, "time": 0.2, "step": 2}
{"lr": 0.01, "loss": 1.0, "epoch": 3, "iter": 150, "step": 150}
"""


def lines(text: str, *, complete: bool = True) -> Lines:
    return Lines(text.encode(), complete)


def lightning(text: str, **wanted: Any) -> Answer:
    return answer_by_step(read_metrics_csv(lines(text), wanted.get("monitor")), Wanted(**wanted))


def test_the_row_one_before_the_step_is_the_checkpoint_s() -> None:
    text = "acc,epoch,step,train_loss,val_loss\n,0,9,0.5,\n0.7,0,9,,0.4\n,1,19,0.3,\n0.8,1,19,,0.2\n"
    assert lightning(text, epoch=0, global_step=10).metrics == {"val_loss": 0.4, "acc": 0.7}
    assert lightning(text, epoch=1, global_step=20).facts == {"metrics_step": 20}
    assert lightning(text, epoch=1, global_step=19).metrics == {}


def test_several_rows_of_one_step_are_one() -> None:
    text = "epoch,step,val/hmean,val/loss\n0,9,0.5,\n0,9,,0.25\n"
    assert lightning(text, epoch=0, global_step=10).metrics == {"val/hmean": 0.5, "val/loss": 0.25}


def test_a_later_epoch_s_row_is_another_checkpoint_s() -> None:
    text = "epoch,step,val_loss\n1,9,0.5\n"
    assert lightning(text, epoch=0, global_step=10).metrics == {}
    assert lightning(text, epoch=2, global_step=10).metrics == {"val_loss": 0.5}
    assert lightning(text, epoch=3, global_step=10).metrics == {}
    assert lightning(text, global_step=10).facts == {"metrics_step": 10, "epoch": 1}


def test_without_a_step_an_epoch_with_one_validation_tells() -> None:
    text = "epoch,step,val_loss\n0,9,0.5\n1,14,0.4\n1,19,0.3\n"
    assert lightning(text, epoch=0).metrics == {"val_loss": 0.5}
    assert lightning(text, epoch=1).metrics == {}
    assert lightning(text).metrics == {}


def test_a_step_that_was_not_validated_is_denied() -> None:
    text = "epoch,step,train_loss,val_loss\n0,0,1,\n0,9,,0.5\n1,12,1,\n1,19,,0.4\n"
    assert lightning(text, epoch=1, global_step=13).denies
    assert not lightning(text, epoch=0, global_step=10).denies
    assert not lightning(text, epoch=2, global_step=30).denies
    assert not lightning("epoch,step,train_loss\n0,0,1\n0,9,1\n", epoch=0, global_step=5).denies


def test_a_training_value_beside_a_validation_is_not_kept() -> None:
    merged = "epoch,step,train_loss,val_loss,acc,lr-SGD\n0,9,0.7,0.5,0.9,0.1\n"
    assert lightning(merged, epoch=0, global_step=10).metrics == {"val_loss": 0.5}


def test_the_monitor_counts_whatever_it_is_called() -> None:
    text = "epoch,step,score\n0,9,0.5\n"
    assert lightning(text, epoch=0, global_step=10).metrics == {}
    assert lightning(text, epoch=0, global_step=10, monitor="score").metrics == {"score": 0.5}


def test_a_nan_is_a_measurement_without_a_value() -> None:
    assert lightning("epoch,step,val_loss\n0,9,nan\n", epoch=0, global_step=10).metrics == {"val_loss": None}


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "epoch,val_loss\n0,0.5\n", "step,val_loss\n9,0.5\n", "a,b\n1,2\n", "epoch,step,val_loss\n0,9\n",
        "epoch,step,val_loss\nx,y,z\n", 'epoch,step,"val_loss\n0,9,0.5\n', "epoch,step,val_loss\n0,9,0.5,7\n",
    ],
)  # fmt: skip
def test_another_or_a_broken_table_says_nothing(text: str) -> None:
    assert lightning(text, epoch=0, global_step=10).metrics == {}


def test_a_table_of_too_many_values_keeps_the_last() -> None:
    text = "epoch,step,val_loss\n" + "".join(f"0,{step},0.5\n" for step in range(MAX_CELLS + 10))
    history = read_metrics_csv(lines(text), None)
    assert len(history.rows) <= MAX_CELLS
    assert answer_by_step(history, Wanted(0, MAX_CELLS + 10)).metrics == {"val_loss": 0.5}
    assert not answer_by_step(history, Wanted(0, 5)).denies
    assert [kind for kind, _ in history.problems] == ["trainer_limit"]


def timm(**wanted: Any) -> Answer:
    return answer_by_epoch(read_summary_csv(lines(TIMM)), Wanted(**wanted))


def test_timm_counts_epochs_as_its_checkpoints() -> None:
    assert timm(epoch=1).metrics == {"eval_loss": 5.1, "eval_top1": 11.5, "eval_top5": 25.5}
    assert timm(epoch=0).metrics["eval_top1"] == 1.5
    assert timm(epoch=7).metrics == {}
    assert timm().metrics == {}


def test_the_number_in_timm_s_names_is_the_epoch_where_nothing_else_tells() -> None:
    answer = timm(name="checkpoint-2")
    assert (answer.metrics["eval_top1"], answer.facts) == (21.5, {"epoch": 2})
    assert timm(name="checkpoint-2", epoch=0).metrics["eval_top1"] == 1.5
    assert timm(name="model_best").metrics == {}


def test_a_resumed_table_repeats_its_header() -> None:
    text = (
        TIMM + "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n2,4.9,4.0,22.5,45.5,0.1\n3,3.9,3.1,31.5,55.5,0.1\n"
    )
    history = read_summary_csv(lines(text))
    assert answer_by_epoch(history, Wanted(3)).metrics["eval_top1"] == 31.5
    again = answer_by_epoch(history, Wanted(2))
    assert again.metrics == {"eval_top5": 45.5}
    assert again.problems


@pytest.mark.parametrize("text", [YOLO, YOLO_NEW], ids=["from 0", "from 1"])
def test_ultralytics_tables_count_from_0_or_from_1(text: str) -> None:
    history = read_results_csv(lines(text))
    answer = answer_by_values(history, Wanted(1))
    assert answer.metrics == {"metrics/precision(B)": 0.61234, "metrics/mAP50(B)": 0.51234, "val/box_loss": 1.01234}
    assert answer_by_values(history, Wanted(2)).metrics == {}


@pytest.mark.parametrize("text", [YOLO, YOLO_NEW], ids=["from 0", "from 1"])
def test_a_stripped_checkpoint_is_recognised_by_its_own_values(text: str) -> None:
    history = read_results_csv(lines(text))
    own = {"metrics/precision(B)": 0.6123412, "metrics/mAP50(B)": 0.5123378, "fitness": 0.5}
    answer = answer_by_values(history, Wanted(metrics=own))
    assert answer.facts == {"epoch": 1}
    assert answer.metrics["val/box_loss"] == 1.01234
    assert answer_by_values(history, Wanted(metrics={"metrics/precision(B)": 0.61234})).metrics == {}
    assert answer_by_values(history, Wanted()).metrics == {}


def test_a_line_that_contradicts_the_checkpoint_is_not_believed() -> None:
    answer = answer_by_values(read_results_csv(lines(YOLO)), Wanted(1, metrics={"metrics/mAP50(B)": 0.41234}))
    assert answer.metrics == {}
    assert [kind for kind, _ in answer.problems] == ["trainer_ambiguous"]


def test_a_table_that_begins_elsewhere_leaves_its_count_open() -> None:
    assert read_results_csv(lines("epoch,metrics/mAP50(B)\n5,0.5\n")).rows == []
    assert read_results_csv(lines(YOLO_NEW, complete=False)).rows == []


def mmengine(text: str = MMENGINE, **wanted: Any) -> Answer:
    return answer_by_count(read_scalars_json(lines(text)), Wanted(**wanted))


def test_mmengine_s_validations_are_numbered_as_its_checkpoints() -> None:
    assert mmengine(epoch=1, global_step=50).metrics == {"coco/bbox_mAP": 0.31, "coco/bbox_mAP_50": 0.5}
    assert mmengine(epoch=2, global_step=100).facts == {"metrics_step": 100}
    assert mmengine(epoch=3).metrics == {}
    assert mmengine().metrics == {}


def test_a_run_of_iterations_counts_those() -> None:
    rows = ['{"loss": 1.0, "iter": 500, "step": 500}', '{"mIoU": 55.5, "time": 1.0, "step": 500}']
    text = "\n".join([*rows, '{"mIoU": 65.5, "step": 1000}', ""])
    assert mmengine(text, epoch=0, global_step=1000).metrics == {"mIoU": 65.5}
    assert mmengine(text, epoch=500, global_step=7).metrics == {}


def test_broken_lines_are_passed_over() -> None:
    text = (
        '{"mAP": 0.5, "step": 1}\n{"mAP": 0.\n[1]\n'
        + "[" * 100_000
        + '\n{"epoch": 9, "iter": 1, "step": 1}\n{"step": 2}\n'
    )
    answer = read_scalars_json(lines(text))
    assert len(answer.rows) == 1
    assert [kind for kind, _ in answer.problems] == ["trainer_unreadable"]


def state(**more: Any) -> dict[str, Any]:
    history = [
        {"epoch": 1.0, "loss": 0.9, "step": 10},
        {"epoch": 1.0, "eval_loss": 0.8, "eval_f1": 0.4, "step": 10},
        {"epoch": 2.0, "loss": 0.7, "step": 20},
        {"epoch": 2.0, "eval_loss": 0.6, "eval_f1": 0.5, "step": 20},
    ]
    base = {"epoch": 2.0, "global_step": 20, "num_train_epochs": 3, "train_batch_size": 8, "log_history": history}
    return {**base, "best_metric": 0.8, "best_model_checkpoint": "out/checkpoint-10", **more}


def test_a_checkpoint_s_own_state_tells_its_step_and_evaluation() -> None:
    answer = answer_of_state(state(), own=True)
    assert answer.facts == {"max_epochs": 3, "global_step": 20, "epoch": 2, "metrics_step": 20}
    assert answer.metrics == {"eval_loss": 0.6, "eval_f1": 0.5}
    assert answer.params == {"train_batch_size": 8, "num_train_epochs": 3}
    assert not answer.denies


def test_an_epoch_that_is_a_fraction_is_none() -> None:
    assert "epoch" not in answer_of_state(state(epoch=1.5), own=True).facts


def test_the_best_value_of_the_run_is_never_the_checkpoint_s() -> None:
    answer = answer_of_state(state(global_step=15), own=True)
    assert answer.metrics == {}
    assert answer.denies


def test_several_evaluations_of_one_step_are_one() -> None:
    rows = [
        {"eval_a_loss": 1.0, "step": 20},
        {"eval_b_loss": 2, "step": 20},
        {"eval_c": "x", "eval_d": None, "step": 20},
    ]
    assert answer_of_state(state(log_history=rows), own=True).metrics == {"eval_a_loss": 1.0, "eval_b_loss": 2.0}


@pytest.mark.parametrize(
    ("best", "known"),
    [
        (None, True),
        ("out/checkpoint-20", True),
        ("C:\\out\\checkpoint-20", True),
        ("out/checkpoint-10", False),
        (5, False),
    ],
)
def test_a_state_beside_the_weights_tells_their_step_only_when_they_are_the_last(best: object, *, known: bool) -> None:
    answer = answer_of_state(state(best_model_checkpoint=best), own=False)
    assert ("global_step" in answer.facts) is known
    assert bool(answer.metrics) is known
    assert answer.facts["max_epochs"] == 3


def test_endless_epochs_are_no_number() -> None:
    assert "max_epochs" not in answer_of_state(state(num_train_epochs=2**63 - 1), own=True).facts


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"{", b"\xff", b"[" * 100_000, b'{"global_step": "x"}'])
def test_what_is_no_state_is_refused(data: bytes) -> None:
    with pytest.raises(SourceRejected):
        parse_state(data)


def test_a_state_of_odd_values_says_nothing() -> None:
    odd = parse_state(json.dumps({"global_step": 5, "epoch": "x", "log_history": "y", "num_train_epochs": []}).encode())
    assert answer_of_state(odd, own=True).facts == {"global_step": 5}
