from __future__ import annotations

import pytest

from ckpt_indexer.sources.trainer.rows import (
    AMBIGUOUS,
    History,
    Row,
    answer_of,
    covers,
    is_evaluation,
    is_training,
    joined,
    measured,
    number,
    whole,
)


@pytest.mark.parametrize(
    "name",
    [
        "val/loss", "val_loss", "valid_acc", "Validation/F1", "eval_top1", "cleval/hmean", "hmean", "f1", "dev.em",
        "val_loss_epoch",
    ],
)  # fmt: skip
def test_evaluations_are_known_by_a_word_or_as_headline_metrics(name: str) -> None:
    assert is_evaluation(name, None)


@pytest.mark.parametrize(
    "name",
    [
        "train/loss", "loss", "lr-Adam", "test/hmean", "train_val_gap", "val_loss_step", "accuracy", "interval",
        "evaluator",
    ],
)  # fmt: skip
def test_other_names_are_no_evaluations(name: str) -> None:
    assert not is_evaluation(name, None)


def test_what_a_callback_decides_by_is_an_evaluation() -> None:
    assert is_evaluation("accuracy", "accuracy")
    assert is_evaluation("train/loss", "train/loss")


def test_names_of_training() -> None:
    training = ("loss", "lr", "lr-SGD", "train_x", "test_x", "x_step")
    assert all(is_training(name) for name in training)
    assert not any(is_training(name) for name in ("map_50", "val/x", "accuracy"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("99", 99), ("99.0", 99), (" 7 ", 7), (3, 3), (3.0, 3), ("0", 0), ("9" * 30, None), ("-1", None), ("1.5", None),
        ("x", None), ("", None), (True, None), (None, None), ("nan", None), ("inf", None), ("\u0664", 4), ("1_0", None),
        (1 << 70, None), ([1], None),
    ],
)  # fmt: skip
def test_whole_numbers(value: object, expected: int | None) -> None:
    assert whole(value) == expected


def test_numbers_of_a_table() -> None:
    assert [number(cell) for cell in ("1e-3", "-.5", " 2", "", "x", "1_0", "0x1")] == [
        0.001,
        -0.5,
        2.0,
        None,
        None,
        None,
        None,
    ]


def test_measurements_of_json() -> None:
    assert measured(0) == (True, 0.0)
    assert measured(0.5) == (True, 0.5)
    assert measured(float("nan")) == (True, None)
    assert measured(True) == (False, None)
    assert measured("0.5") == (False, None)
    assert measured(1 << 80) == (False, None)


def test_rows_of_one_moment_join_and_single_precision_is_the_same() -> None:
    rows = [Row(1, 0, {"a": 0.1, "b": None}), Row(1, 0, {"a": 0.10000000149011612, "b": None, "c": 2.0})]
    assert joined(rows) == ({"a": 0.1, "b": None, "c": 2.0}, [])


def test_what_rows_of_one_moment_disagree_on_is_unknown() -> None:
    answer = answer_of([Row(1, 0, {"a": 0.1, "b": 1.0}), Row(1, 0, {"a": 0.2, "b": 1.0})])
    assert answer.metrics == {"b": 1.0}
    assert [kind for kind, _ in answer.problems] == [AMBIGUOUS]


def test_only_a_whole_log_that_goes_on_proves_an_absence() -> None:
    rows = [Row(9, 0, {"a": 1.0})]
    assert covers(History(rows, 0, 9), 5)
    assert not covers(History(rows, 0, 9), 9)
    assert not covers(History(rows, 6, 9), 5)
    assert not covers(History(rows, 0, 9, complete=False), 5)
    assert not covers(History([], 0, 9), 5)
    assert not covers(History(rows), 5)
