from __future__ import annotations

import json

import pytest

from ckpt_indexer.metadata.record import Metric
from ckpt_indexer.sources.wandb.match import Progress
from ckpt_indexer.sources.wandb.run import RunRef, RunSaid, speak, summary_of

ROWS: list[dict[str, float | None]] = [{"epoch": 0, "trainer/global_step": 9, "val/hmean": 0.5}]


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("abc12345", RunRef("abc12345")),
        (" abc12345\n", RunRef("abc12345")),
        ("proj/abc", RunRef("abc", "proj")),
        ("ent/proj/abc", RunRef("abc", "proj", "ent")),
        ("/ent/proj/runs/abc", RunRef("abc", "proj", "ent")),
        ("", None),
        ("a//b", None),
        ("a/b/c/d", None),
        (7, None),
        (None, None),
    ],
)
def test_runs_are_named_in_several_ways(text: object, run: RunRef | None) -> None:
    assert RunRef.parse(text) == run


@pytest.mark.parametrize(
    ("run", "sendable"),
    [
        (RunRef("abc-1_Z", "proj", "ent"), True),
        (RunRef("abc", "proj.2"), True),
        (RunRef("abc"), False),
        (RunRef("a" * 65, "p", "e"), False),
        (RunRef("a.b", "p", "e"), False),
        (RunRef("a\n", "p", "e"), False),
        (RunRef("é", "p", "e"), False),
        (RunRef("abc", "..", "e"), False),
        (RunRef("abc", "p?x=1", "e"), False),
        (RunRef("abc", "p", "e e"), False),
    ],
)
def test_only_harmless_ids_are_sent(run: RunRef, sendable: bool) -> None:
    assert run.sendable is sendable


def test_history_speaks_first_and_the_summary_is_stale() -> None:
    said = RunSaid("abc", facts={"backbone": "resnet18"}, rows=ROWS, summary={"val/hmean": 0.9}, params={"lr": 1})
    main, last = speak(said, Progress(0, 10), detail="here").findings
    assert main.facts == {"backbone": "resnet18", "wandb_run_id": "abc", "metrics_step": 10}
    assert main.metrics == {"val/hmean": Metric(0.5)}
    assert (last.source, last.metrics) == ("wandb:summary", {"val/hmean": Metric(0.9, stale=True)})


def test_the_summary_of_a_run_with_one_checkpoint_is_its_own() -> None:
    said = RunSaid("abc", summary={"val/hmean": 0.9})
    assert speak(said, Progress(), detail="", alone=True).findings[1].metrics == {"val/hmean": Metric(0.9)}


@pytest.mark.parametrize(("epoch", "step", "stale"), [(0, 10, False), (None, None, False), (1, 20, True)])
def test_a_history_tells_whether_the_last_values_are_a_checkpoints(
    epoch: int | None, step: int | None, stale: bool
) -> None:
    said = RunSaid("abc", rows=ROWS, summary={"val/hmean": 0.9, "_step": 7})
    _, last = speak(said, Progress(epoch, step), detail="", alone=True).findings
    assert last.metrics == {"val/hmean": Metric(0.9, stale)}


def test_last_values_at_a_step_that_the_history_denies_are_stale() -> None:
    said = RunSaid("abc", state="finished", rows=ROWS, summary={"val/hmean": 0.9, "trainer/global_step": 24})
    answer = speak(said, Progress(2, 25), detail="", alone=True)
    assert (answer.denies, answer.findings[1].metrics) == (True, {"val/hmean": Metric(0.9, stale=True)})


def test_an_unread_history_denies_nothing() -> None:
    said = RunSaid("abc", rows=ROWS, state="finished")
    assert speak(said, Progress(0, 15), detail="").denies
    said.whole = False
    assert not speak(said, Progress(0, 15), detail="").denies


def test_it_survives_a_process_border() -> None:
    said = RunSaid("abc", "ent", "proj", "running", rows=ROWS, summary={"a": None})
    said.add_config({"model": {"encoder": {"model_name": "resnet18", "layers": [1, 2]}}, "long": "x" * 10_000})
    assert RunSaid.from_json(json.loads(json.dumps(said.to_json()))) == said
    assert "long" not in said.params


def test_the_summary_has_dotted_names_and_no_media() -> None:
    values = {"a": {"max": 1.5, "min": {"b": 2}}, "_step": 3, "img": {"_type": "image-file", "size": 3}, "t": "text"}
    assert summary_of(values) == {"a.max": 1.5, "a.min.b": 2, "_step": 3}
