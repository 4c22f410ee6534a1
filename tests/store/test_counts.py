from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ckpt_indexer.candidate import Kind
from ckpt_indexer.metadata.record import Metric, Presence, Problem
from ckpt_indexer.store.changes import Arrived, Described, Moved, PresenceChanged, RootChanged
from ckpt_indexer.store.checks import ALL_CHECKS
from ckpt_indexer.store.counts import Tally, emptied, upserts
from ckpt_indexer.store.notes import Edit
from tests.store.fakes import Catalog, candidate, record

PATHS = ("a.ckpt", "b.ckpt", "d/a.ckpt", "d/b.ckpt", "e/c.ckpt")

paths = st.sampled_from(PATHS)
stats: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"size": st.integers(1, 3), "inode": st.integers(1, 4), "ctime": st.integers(1, 3)}
)
kinds = st.builds(lambda stat, kind: {**stat, "kind": kind}, stats, st.sampled_from(Kind))
values = st.one_of(st.none(), st.sampled_from((0.0, 0.5, float("nan"), float("inf"))))
records = st.builds(
    record,
    hmean=st.one_of(st.none(), st.sampled_from((0.0, 0.25))),
    metrics=st.dictionaries(
        st.sampled_from(("hmean", "val/iou", "recall", "")), st.builds(Metric, values, st.booleans()), max_size=3
    ),
    problems=st.lists(st.builds(Problem, st.sampled_from(("one", "two")), st.just("x")), max_size=2).map(tuple),
    backbone=st.sampled_from((None, "", "resnet18", "résnet")),
    experiment=st.sampled_from((None, "x")),
    dataset=st.sampled_from((None, "d")),
)


class Rows(RuleBasedStateMachine):
    """Any batches of changes: after each, the file agrees with itself in every count."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="counts-", dir=Rows.base))
        shutil.copy(Rows.template, self.folder / "catalog.db")
        self.catalog = Catalog(self.folder / "catalog.db")
        self.roots = (self.catalog.root, self.catalog.writer.add_root(b"/two").id)
        self.batch: list[Any] = []

    def teardown(self) -> None:
        if hasattr(self, "catalog"):
            self.catalog.writer.close()
            shutil.rmtree(self.folder)

    @rule(root=st.integers(0, 1), path=paths, stat=stats)
    def arrive(self, root: int, path: str, stat: dict[str, Any]) -> None:
        self.batch.append(Arrived(self.roots[root], candidate(path, **stat)))

    @rule(root=st.integers(0, 1), path=paths, stat=kinds, of=records, alias=st.none() | st.integers(1, 6))  # fmt: skip
    def describe(self, root: int, path: str, stat: dict[str, Any], of: Any, alias: int | None) -> None:
        rows = {row_id for (row_id,) in self.catalog.ask("SELECT id FROM checkpoints")}
        target = alias if alias in rows else None
        self.batch.append(Described(self.roots[root], candidate(path, **stat), of, target))

    @rule(row=st.integers(1, 8), root=st.integers(0, 1), path=paths, stat=stats)
    def move(self, row: int, root: int, path: str, stat: dict[str, Any]) -> None:
        self.batch.append(Moved(row, self.roots[root], candidate(path, **stat)))

    @rule(row=st.integers(1, 8), presence=st.sampled_from(Presence))
    def change_presence(self, row: int, presence: Presence) -> None:
        self.batch.append(PresenceChanged(row, presence))

    @rule(root=st.integers(0, 1))
    def lose_root(self, root: int) -> None:
        self.batch.append(RootChanged(self.roots[root], state="unreachable"))

    @rule()
    def forget(self) -> None:
        self.catalog.writer.forget_missing("2027")

    @precondition(lambda self: not self.batch)
    @rule(path=paths, pinned=st.booleans())
    def annotate(self, path: str, pinned: bool) -> None:
        if self.catalog.writer.known_at(self.catalog.root, path.encode()):
            self.catalog.writer.annotate(self.catalog.root, path.encode(), Edit(tags_add=("t",), pinned=pinned))

    @rule()
    def write(self) -> None:
        self.catalog.clock.tick(seconds=1)
        self.catalog.writer.apply(self.batch)
        self.batch = []

    @invariant()
    def agrees_with_itself(self) -> None:
        if hasattr(self, "catalog"):
            with closing(sqlite3.connect(self.catalog.path)) as connection:
                assert [finding for check in ALL_CHECKS for finding in check(connection)] == []

    base: Path
    template: Path


def test_any_changes_leave_counts_that_counting_gives(template: Path, tmp_path: Path) -> None:
    Rows.base, Rows.template = tmp_path, template
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Rows,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


def test_what_comes_and_goes_counts_nothing() -> None:
    tally = Tally()
    row = {"presence": "present", "size_bytes": 5, "rankable": 1, **dict.fromkeys(FACET_COLUMNS)}
    tally.add(row, lambda: ("hmean",))
    tally.add(row, lambda: ("hmean",), sign=-1)
    assert tally.differences() == {}


def test_only_what_lost_rows_can_have_come_to_nothing() -> None:
    differences = {("a", "b", 0, ""): [-1, -5], ("c", "", 1, ""): [1, 5]}
    assert emptied(differences) == [("a", "b", 0, "")]
    assert upserts(differences) == [("a", "b", 0, "", -1, -5), ("c", "", 1, "", 1, 5)]


FACET_COLUMNS = (
    "backbone", "architecture", "decoder", "head", "loss", "experiment", "dataset", "root", "format", "source",
    "saved_as", "split", "training_phase", "read_state", "sidecar_state",
)  # fmt: skip
