from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckpt_indexer.metadata.leftovers import Moment, carried_on, evaluation, evaluation_of


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"val/hmean": 0.5, "hmean": 0.25}, (("hmean", 0.25), ("val/hmean", 0.5))),
        ({"val_loss": 0.3, "loss": 0.1, "train/acc": 0.4, "lr": 0.01, "train_loss": 2.0}, (("val_loss", 0.3),)),
        ({"val/hmean": 0.0, "acc": 1.0, "iou": 0.5}, (("acc", 1.0), ("iou", 0.5), ("val/hmean", 0.0))),
        ({"val/hmean": 0.0, "val/acc": 1.0}, ()), ({"val/hmean": None}, ()), ({"loss": 0.5}, ()), ({}, ()),
    ],
)  # fmt: skip
def test_an_evaluation_is_what_was_measured_to_judge(
    metrics: dict[str, float | None], expected: tuple[tuple[str, float], ...]
) -> None:
    assert evaluation(metrics) == expected


@pytest.mark.parametrize(
    ("provenance", "names"),
    [
        ({"metrics": "header"}, ["a", "b"]), ({"metrics": "header", "metrics.b": "trainer"}, ["a"]),
        ({"metrics": "sidecar", "metrics.b": "header"}, []), ({}, []),
    ],
)  # fmt: skip
def test_only_the_files_own_word_is_compared(provenance: dict[str, str], names: list[str]) -> None:
    assert [name for name, _ in evaluation_of({"a": 0.5, "b": 0.25}, provenance)] == names


@pytest.mark.parametrize(
    ("moments", "late"),
    [
        ([(0, 10), (1, 20), (1, 20)], [False, True, True]), ([(5, 10), (4, 20)], [False, True]),
        ([(0, None), (1, None)], [False, True]), ([(0, 10), (0, 10)], [False, False]),
        ([(None, 10), (1, None)], [False, False]), ([(0, 10), (1, None)], [False, False]),
        ([(0, None), (1, 10), (None, None), (2, None)], [False, False, False, True]), ([], []),
    ],
)  # fmt: skip
def test_all_but_the_earliest_carry_values_on(moments: list[tuple[int | None, int | None]], late: list[bool]) -> None:
    assert carried_on([Moment(*moment) for moment in moments]) == late


@given(st.lists(st.tuples(st.none() | st.integers(0, 5), st.none() | st.integers(0, 5)), max_size=6))
def test_it_is_late_exactly_when_another_is_earlier(moments: list[tuple[int | None, int | None]]) -> None:
    def earlier(one: Moment, other: Moment) -> bool:
        (epoch, step), (own_epoch, own_step) = one, other
        if step is not None and own_step is not None:
            return step < own_step
        if step is not None or own_step is not None:
            return False
        return epoch is not None and own_epoch is not None and epoch < own_epoch

    told = [Moment(*moment) for moment in moments]
    late = carried_on(told)
    assert late == [any(earlier(other, one) for other in told) for one in told]
    for order in itertools.islice(itertools.permutations(range(len(told))), 6):
        assert carried_on([told[place] for place in order]) == [late[place] for place in order]
