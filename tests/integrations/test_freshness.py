from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.integrations.freshness import Freshness


def evaluated(freshness: Freshness, step: int, **values: float) -> None:
    """Let an evaluation at this step return these values, as new objects."""
    shown = {name: object() for name in values}
    freshness.evaluation_began({})
    freshness.evaluation_ended(step, shown, values)


def test_values_of_the_same_step_are_the_checkpoint_s_own() -> None:
    freshness = Freshness()
    evaluated(freshness, 4, hmean=0.5)
    measured = freshness.measured(4, {"hmean": 0.5}, (), decides=None)
    assert (measured.values, measured.step) == ({"hmean": 0.5}, 4)


def test_values_of_an_earlier_step_are_null() -> None:
    freshness = Freshness()
    evaluated(freshness, 4, hmean=0.5)
    measured = freshness.measured(5, {"hmean": 0.5, "train": 1.0}, {"train"}, decides="hmean")
    assert (measured.values, measured.step) == ({"hmean": None, "train": None}, 4)


def test_before_the_first_evaluation_training_speaks_for_itself() -> None:
    measured = Freshness().measured(3, {"train": 1.0, "old": 2.0}, {"train"}, decides=None)
    assert (measured.values, measured.step) == ({"train": 1.0, "old": None}, 3)


def test_nothing_measured_has_no_step() -> None:
    assert Freshness().measured(3, {}, (), decides=None).step is None


def test_a_training_metric_that_decides_outweighs_an_old_evaluation() -> None:
    freshness = Freshness()
    evaluated(freshness, 4, hmean=0.5)
    measured = freshness.measured(6, {"hmean": 0.5, "train": 1.0}, {"train"}, decides="train")
    assert (measured.values, measured.step) == ({"hmean": None, "train": 1.0}, 6)


def test_only_what_changed_during_an_evaluation_is_its_result() -> None:
    freshness = Freshness()
    old, new = object(), object()
    freshness.evaluation_began({"train": old, "hmean": old})
    freshness.evaluation_ended(4, {"train": old, "hmean": new}, {"train": 1.0, "hmean": 0.5})
    assert freshness.measured(4, {"train": 1.0, "hmean": 0.5}, (), decides=None).values == {"train": None, "hmean": 0.5}


def test_a_later_value_of_the_same_name_does_not_replace_the_evaluation() -> None:
    freshness = Freshness()
    evaluated(freshness, 4, loss=7.0)
    assert freshness.measured(4, {"loss": 1.0}, {"loss"}, decides=None).values == {"loss": 7.0}


def test_two_evaluations_at_one_step_add_up() -> None:
    freshness = Freshness()
    evaluated(freshness, 4, hmean=0.5)
    evaluated(freshness, 4, test=0.6)
    assert freshness.measured(4, {}, (), decides=None).values == {"hmean": 0.5, "test": 0.6}


def test_what_training_logged_at_this_step_is_remembered_when_the_trainer_forgot() -> None:
    freshness = Freshness()
    freshness.measured(4, {"train": 1.0}, {"train"}, decides=None)
    assert freshness.measured(4, {"train": 1.0}, (), decides=None).values == {"train": 1.0}
    assert freshness.measured(5, {"train": 1.0}, (), decides=None).values == {"train": None}


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=12))
def test_a_value_is_shown_only_at_the_step_it_was_measured_at(events: list[tuple[bool, int]]) -> None:
    freshness = Freshness()
    step, last = 0, None
    for evaluates, forward in events:
        step += forward
        if evaluates:
            evaluated(freshness, step, hmean=float(step))
            last = step
        measured = freshness.measured(step, {"hmean": 0.0 if last is None else float(last)}, (), decides=None)
        assert measured.values["hmean"] == (float(step) if last == step else None)
        assert measured.step == last
