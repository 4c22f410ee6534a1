from __future__ import annotations

from typing import Any

import pytest

from ckpt_indexer.web.reclaim import reasons


def row(number: int, **said: Any) -> dict[str, Any]:
    usual: dict[str, Any] = dict.fromkeys(
        ("alias_of", "duplicate_of", "monitor", "monitor_mode", "saved_as", "epoch", "global_step", "hmean",
         "precision", "recall", "validation_loss"),
    )  # fmt: skip
    usual |= {"id": number, "root": "outputs", "run_dir": "run", "presence": "present", "pinned": False, "metrics": {}}
    return usual | said


def run(*hmeans: float | None) -> list[dict[str, Any]]:
    return [row(epoch, epoch=epoch, hmean=hmean) for epoch, hmean in enumerate(hmeans)]


def test_neither_the_best_nor_the_last_goes() -> None:
    assert reasons(run(0.5, 0.9, 0.7)) == {0: "hmean 0.4000 below the best of its run, and not the last"}


def test_all_that_are_best_stay() -> None:
    assert reasons(run(0.9, 0.9, 0.7)) == {}


def test_what_is_not_measured_stays() -> None:
    assert reasons(run(None, 0.9, 0.7)) == {}
    assert reasons(run(None, None)) == {}


@pytest.mark.parametrize(
    "said",
    [{"pinned": True}, {"alias_of": 7}, {"presence": "missing"}, {"saved_as": "last"}, {"epoch": None}],
    ids=lambda said: next(iter(said)),
)
def test_what_should_stay_does(said: dict[str, Any]) -> None:
    assert reasons([row(0, **{"epoch": 0, "hmean": 0.5} | said), *run(None, 0.9, 0.7)[1:]]) == {}


def test_runs_are_judged_each_by_itself() -> None:
    other = [row(10, run_dir="other", epoch=0, hmean=0.1), row(11, run_dir="other", epoch=1, hmean=0.05)]
    assert reasons(run(0.5, 0.9) + other).keys() == {0}
    elsewhere = [one | {"root": "archive"} for one in run(0.1)]
    assert reasons(elsewhere + run(0.5, 0.9)).keys() == {0}


def test_a_run_is_judged_by_what_it_monitored() -> None:
    rows = [
        row(step, global_step=step, monitor="val/ppl", monitor_mode="min", metrics={"val/ppl": ppl})
        for step, ppl in ((1, 9.0), (2, 7.0), (3, 8.0))
    ]
    assert reasons(rows) == {1: "val/ppl 2.0000 above the best of its run, and not the last"}


def test_the_best_by_hmean_stays_even_when_something_else_was_monitored() -> None:
    monitored = {"monitor": "val/loss", "monitor_mode": "min"}
    rows = [
        row(0, epoch=0, hmean=0.9, metrics={"val/loss": 3.0}, **monitored),
        row(1, epoch=1, hmean=0.8, metrics={"val/loss": 1.0}, **monitored),
        row(2, epoch=2, hmean=0.7, metrics={"val/loss": 2.0}, **monitored),
        row(3, epoch=3, hmean=0.6, metrics={"val/loss": 4.0}, **monitored),
    ]
    assert reasons(rows).keys() == {2}


def test_a_run_without_either_is_judged_by_its_loss() -> None:
    rows = [row(epoch, epoch=epoch, validation_loss=loss) for epoch, loss in enumerate((3.0, 1.0, 2.0))]
    assert reasons(rows).keys() == {0}


def test_a_metric_of_unknown_direction_judges_nothing() -> None:
    rows = [row(one, epoch=one, monitor="x", metrics={"x": float(one)}) for one in range(3)]
    assert reasons(rows) == {}


def test_of_equal_files_the_first_stays() -> None:
    assert reasons([row(1, hmean=0.9, epoch=1), row(2, hmean=0.9, epoch=1, duplicate_of=1)]) == {
        2: "same content as #1"
    }


def test_a_copy_of_what_could_go_stays() -> None:
    rows = [
        row(1, epoch=0, hmean=0.5),
        row(2, epoch=1, hmean=0.9),
        row(3, run_dir="copy", epoch=0, hmean=0.5, duplicate_of=1),
    ]
    assert reasons(rows).keys() == {1}


def test_a_copy_of_something_elsewhere_and_a_pinned_copy_stay() -> None:
    assert reasons([row(2, hmean=0.9, epoch=1, duplicate_of=99)]) == {}
    assert reasons([row(1, epoch=1, hmean=0.9), row(2, epoch=1, hmean=0.9, duplicate_of=1, pinned=True)]) == {}


def test_the_last_by_step_stays_when_epochs_are_unknown() -> None:
    rows = [row(step, global_step=step, hmean=hmean) for step, hmean in ((1, 0.5), (2, 0.9), (3, 0.7))]
    assert reasons(rows).keys() == {1}


def test_a_best_that_is_gone_does_not_make_the_others_superfluous() -> None:
    rows = run(0.5, 0.9, 0.4)
    rows[1]["presence"] = "missing"
    assert reasons(rows) == {}
