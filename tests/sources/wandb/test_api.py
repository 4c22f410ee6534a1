from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.metadata.record import Finding, Metric
from ckpt_indexer.sources.wandb.api import (
    Outcome,
    WandbApiSource,
    WandbOptions,
    complete,
    is_stale,
    kept_answer,
    run_said,
)
from ckpt_indexer.sources.wandb.cache import Cached, MemoryCache
from ckpt_indexer.sources.wandb.run import RunRef, RunSaid
from tests.sources.wandb_files import candidate, said

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

OPTIONS = WandbOptions(enabled=True, entity="ent", project="proj")
RUN = RunSaid("abc", "ent", "proj", "finished", facts={"backbone": "resnet18"}, summary={"val/acc": 0.9})
RUN.rows = [{"epoch": 0, "trainer/global_step": 9, "val/acc": 0.5}]


class Wishes:
    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[int, ...]]] = []

    def __call__(self, run: RunRef, steps: Iterable[int]) -> None:
        self.made.append((run.key, tuple(steps)))


def source(cache: MemoryCache, wishes: Wishes, options: WandbOptions = OPTIONS, now: float = 0.0) -> WandbApiSource:
    return WandbApiSource(options=options, cache=cache, want=wishes, now=lambda: now)


def test_an_unknown_run_is_wished_for_and_nothing_is_said(tmp_path: Path) -> None:
    wishes = Wishes()
    facts: dict[str, Any] = {"wandb_run_id": "abc", "global_step": 10}
    assert source(MemoryCache(), wishes).find(candidate(tmp_path), said(**facts)) is None
    assert wishes.made == [("ent/proj/abc", (10,))]


def test_a_kept_answer_is_said_at_once_and_not_asked_again(tmp_path: Path) -> None:
    cache, wishes = MemoryCache(), Wishes()
    cache.put("ent/proj/abc", kept_answer(Outcome.OK, RUN), 0.0, final=True)
    facts: dict[str, Any] = {"wandb_run_id": "abc", "global_step": 10, "epoch": 0}
    found = source(cache, wishes, now=1e9).find(candidate(tmp_path), said(**facts))
    assert found is not None
    assert (found.facts["backbone"], found.metrics) == ("resnet18", {"val/acc": Metric(0.5)})
    assert found.also[0].metrics == {"val/acc": Metric(0.9, stale=True)}
    assert wishes.made == []


def test_an_old_answer_about_a_live_run_is_said_and_asked_again(tmp_path: Path) -> None:
    cache, wishes = MemoryCache(), Wishes()
    cache.put("ent/proj/abc", kept_answer(Outcome.OK, RUN), 0.0, final=False)
    assert source(cache, wishes, now=1_000.0).find(candidate(tmp_path), said(wandb_run_id="abc")) is not None
    assert wishes.made == [("ent/proj/abc", ())]


def test_what_the_runs_own_directory_told_is_not_asked_for(tmp_path: Path) -> None:
    wishes = Wishes()
    known = said(wandb_run_id="abc")
    known.findings.append(Finding("wandb", "wandb/run-1-abc", metrics={"val/acc": Metric(0.5)}))
    assert source(MemoryCache(), wishes).find(candidate(tmp_path), known) is None
    assert wishes.made == []


@pytest.mark.parametrize(
    ("options", "run_id"),
    [
        (WandbOptions(entity="ent", project="proj"), "abc"),
        (WandbOptions(enabled=True), "abc"),
        (OPTIONS, "../../graphql"),
        (OPTIONS, "a b"),
        (OPTIONS, "http://evil.example/x"),
        (OPTIONS, "a" * 65),
        (OPTIONS, None),
    ],
)
def test_what_must_not_be_sent_is_not_wished_for(tmp_path: Path, options: WandbOptions, run_id: str | None) -> None:
    wishes = Wishes()
    facts = {} if run_id is None else {"wandb_run_id": run_id}
    assert source(MemoryCache(), wishes, options).find(candidate(tmp_path), said(**facts)) is None
    assert wishes.made == []


def test_a_run_that_names_its_project_keeps_it() -> None:
    assert complete(RunRef("abc", "other", "team"), OPTIONS) == RunRef("abc", "other", "team")
    assert complete(RunRef("abc", "other"), WandbOptions(enabled=True)) == RunRef("abc", "other")


@pytest.mark.parametrize(
    ("answer", "age_s", "final", "stale"),
    [
        (kept_answer(Outcome.OK, RUN), 1e9, True, False),
        (kept_answer(Outcome.OK, RUN), 299.0, False, False),
        (kept_answer(Outcome.OK, RUN), 301.0, False, True),
        (kept_answer(Outcome.OK, RUN), -1e6, False, True),
        (kept_answer(Outcome.NOTFOUND, None), 3_600.0, False, False),
        (kept_answer(Outcome.NOTFOUND, None), 90_000.0, False, True),
        ({"version": 0}, 0.0, True, True),
        ({}, 0.0, True, True),
    ],
)
def test_how_long_answers_hold(answer: dict[str, Any], age_s: float, final: bool, stale: bool) -> None:
    assert is_stale(Cached(answer, 1e9, final), 1e9 + age_s, OPTIONS) is stale


def test_answers_of_other_releases_are_not_understood() -> None:
    assert run_said({"version": 99, "run": {"anything": 1}}) is None
    assert run_said(kept_answer(Outcome.NOTFOUND, None)) is None
    assert run_said(kept_answer(Outcome.OK, RUN)) == RUN


def test_it_consults_no_files(tmp_path: Path) -> None:
    assert source(MemoryCache(), Wishes()).surroundings(bytes(tmp_path), b"") == []
