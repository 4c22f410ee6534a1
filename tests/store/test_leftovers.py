"""Metrics a file only carries on from an earlier one of its run never rank."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from ckpt_indexer.metadata.record import Metric, Presence, Record
from ckpt_indexer.store.changes import Described, PresenceChanged
from ckpt_indexer.store.maintenance import check
from tests.store.fakes import Catalog, candidate, record

MEASURED: dict[str, Any] = {"val/hmean": 0.625, "val_loss": 0.25, "train/loss": 0.1}


def own(step: int | None, metrics: dict[str, Any] | None = None, *, run: str = "run", source: str = "header",
        epoch: int | None = None) -> Record:  # fmt: skip
    """What a file says of itself."""
    values = MEASURED if metrics is None else metrics
    hmean = values.get("val/hmean")
    told = record(
        metrics=values, hmean=hmean if isinstance(hmean, float) else None, epoch=epoch, global_step=step, run_dir=run
    )
    told.provenance["metrics"] = source
    told.header = {"complete": True}
    return told


def ranked(catalog: Catalog) -> dict[str, float | None]:
    """Return path -> hmean, having compared what the row says with what the tables say."""
    assert check(catalog.path).findings == ()
    stale = {(path, name) for path, name in catalog.ask(
        "SELECT c.path, m.name FROM metrics m JOIN checkpoints c ON c.id = m.checkpoint_id WHERE m.stale = 1"
    )}  # fmt: skip
    rows = catalog.ask("SELECT path, hmean, nested FROM checkpoints ORDER BY path")
    assert stale == {(path, name) for path, _, nested in rows for name in json.loads(nested).get("_stale", ())}
    return {path: hmean for path, hmean, _ in rows}


@pytest.mark.parametrize("order", list(itertools.permutations(["a", "b", "c"])))
@pytest.mark.parametrize("at_once", [True, False])
def test_the_earliest_keeps_the_values_in_whatever_order_they_come(
    catalog: Catalog, order: tuple[str, ...], at_once: bool
) -> None:
    steps = {"a": 30, "b": 10, "c": 20}
    changes = [Described(catalog.root, candidate(f"run/{name}.ckpt"), own(steps[name])) for name in order]
    for part in [changes] if at_once else [[change] for change in changes]:
        catalog.writer.apply(part)
    assert ranked(catalog) == {"run/a.ckpt": None, "run/b.ckpt": 0.625, "run/c.ckpt": None}
    assert catalog.ask("SELECT name FROM metrics WHERE stale = 0 AND checkpoint_id = ? ORDER BY name",
                       catalog.id_of("run/a.ckpt")) == [("train/loss",)]  # fmt: skip


@pytest.mark.parametrize(
    "second",
    [
        own(10), own(20, {**MEASURED, "val_loss": 0.5}), own(20, run="other"), own(20, source="trainer"),
        own(20, source="sidecar"), own(None), own(20, {"val/hmean": 0.625}),
    ],
)  # fmt: skip
def test_other_moments_values_runs_and_voices_are_no_leftovers(catalog: Catalog, second: Record) -> None:
    catalog.describe("run/a.ckpt", own(10))
    catalog.describe("run/b.ckpt", second)
    assert ranked(catalog) == {"run/a.ckpt": 0.625, "run/b.ckpt": 0.625}


def test_values_that_come_twice_by_themselves_are_kept(catalog: Catalog) -> None:
    for step in (1, 2):
        catalog.describe(f"run/{step}.ckpt", own(step, {"val/hmean": 0.0}))
    assert ranked(catalog) == {"run/1.ckpt": 0.0, "run/2.ckpt": 0.0}


def test_epochs_are_compared_where_there_are_no_steps(catalog: Catalog) -> None:
    for epoch in (1, 0):
        catalog.describe(f"run/{epoch}.ckpt", own(None, epoch=epoch))
    assert ranked(catalog) == {"run/0.ckpt": 0.625, "run/1.ckpt": None}


def test_when_the_earlier_file_goes_the_next_one_counts_and_back(catalog: Catalog) -> None:
    first = catalog.describe("run/a.ckpt", own(10))
    for step in (20, 30):
        catalog.describe(f"run/{step}.ckpt", own(step))
    before = catalog.row("run/20.ckpt")
    catalog.writer.apply([PresenceChanged(first, Presence.MISSING)])
    assert ranked(catalog) == {"run/20.ckpt": 0.625, "run/30.ckpt": None, "run/a.ckpt": 0.625}
    after = catalog.row("run/20.ckpt")
    assert after["seq"] > before["seq"]
    catalog.writer.apply([PresenceChanged(first, Presence.PRESENT)])
    assert ranked(catalog) == {"run/20.ckpt": None, "run/30.ckpt": None, "run/a.ckpt": 0.625}
    assert catalog.row("run/20.ckpt")["nested"] == before["nested"]


def test_a_new_evaluation_or_a_document_ends_it(catalog: Catalog) -> None:
    catalog.describe("run/a.ckpt", own(10))
    catalog.describe("run/b.ckpt", own(20))
    catalog.describe("run/c.ckpt", own(30))
    catalog.describe("run/b.ckpt", own(20, source="sidecar"))
    catalog.describe("run/a.ckpt", own(10, {**MEASURED, "val/hmean": 0.5}))
    assert ranked(catalog) == {"run/a.ckpt": 0.5, "run/b.ckpt": 0.625, "run/c.ckpt": 0.625}


def test_what_is_stale_for_another_reason_stays_so(catalog: Catalog) -> None:
    within = {**MEASURED, "val/hmean": Metric(0.625, stale=True)}
    first = catalog.describe("run/a.ckpt", own(10))
    catalog.describe("run/b.ckpt", own(20, within))
    assert ranked(catalog)["run/b.ckpt"] is None
    catalog.writer.apply([PresenceChanged(first, Presence.MISSING)])
    assert ranked(catalog)["run/b.ckpt"] is None
    assert json.loads(catalog.row("run/b.ckpt")["nested"])["_stale"] == ["val/hmean"]


def test_describing_again_changes_nothing(catalog: Catalog) -> None:
    for step in (10, 20):
        catalog.describe(f"run/{step}.ckpt", own(step))
    before = catalog.ask("SELECT * FROM checkpoints")
    for step in (20, 10):
        catalog.describe(f"run/{step}.ckpt", own(step))
    assert catalog.ask("SELECT * FROM checkpoints") == before


def test_many_files_of_one_evaluation_go_at_once(catalog: Catalog) -> None:
    changes = [Described(catalog.root, candidate(f"run/{step:03}.ckpt"), own(step)) for step in range(200)]
    catalog.writer.apply(changes)
    gone = [PresenceChanged(catalog.id_of(f"run/{step:03}.ckpt"), Presence.MISSING) for step in range(150)]
    catalog.writer.apply(gone)
    values = ranked(catalog)
    assert [path for path, hmean in values.items() if hmean is not None and path >= "run/150"] == ["run/150.ckpt"]


def test_another_name_of_a_file_says_what_the_file_says(catalog: Catalog) -> None:
    catalog.describe("run/a.ckpt", own(10))
    target = catalog.describe("run/b.ckpt", own(20))
    catalog.describe("run/last.ckpt", own(20), alias_of=target)
    assert ranked(catalog) == {"run/a.ckpt": 0.625, "run/b.ckpt": None, "run/last.ckpt": None}
