"""Which rows are read anew because a file around them changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.ingest.around import BURST_S, PAUSE_S, Around
from tests.store.fakes import Catalog, record

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.store.changes import RootRow

ROOT = b"/data/outputs"


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    made = Catalog(tmp_path / "catalog.db")
    yield made
    made.writer.close()


@pytest.fixture
def root(catalog: Catalog) -> RootRow:
    (row,) = catalog.writer.roots()
    return row


def around(catalog: Catalog, state: dict[bytes, bytes]) -> Around:
    def scope(path: bytes) -> bytes | None:
        return path.rpartition(b"/")[0] if path.endswith(b"metrics.csv") else None

    return Around(catalog.writer, digest=lambda _, directory: state[directory], scope_of=scope)


def hint(path: bytes) -> Hint:
    return Hint(HintKind.PATH, ROOT, path)


def test_a_scan_reads_the_rows_anew_whose_surroundings_differ(catalog: Catalog, root: RootRow) -> None:
    catalog.describe("run/a.ckpt", record(surroundings=b"old"))
    catalog.describe("run/b.ckpt", record(surroundings=b"new"))
    catalog.describe("run/c.ckpt", record())
    looks = around(catalog, {b"run": b"new"})
    for known in (looks.known(root, b""), looks.known(root, b"run"), looks.known(root, b"run", alone=True)):
        assert looks.stale_in(root, b"run", known) == {b"run/a.ckpt"}
        assert looks.stale_in(root, b"elsewhere", known) == frozenset()
    assert looks.known(root, b"elsewhere") == {}


def test_an_event_reads_rows_anew_after_the_burst(catalog: Catalog, root: RootRow) -> None:
    catalog.describe("run/a.ckpt", record(surroundings=b"old"))
    catalog.describe("run/deep/b.ckpt", record(surroundings=b"old"))
    catalog.describe("runner/c.ckpt", record(surroundings=b"old"))
    looks = around(catalog, {b"run": b"new", b"run/deep": b"new", b"runner": b"new"})
    assert looks.note(hint(b"run/metrics.csv"), 0.0)
    assert not looks.note(hint(b"run/other.txt"), 0.0)
    assert looks.due(BURST_S / 2, {root.path: root}) == []
    assert sorted(looks.due(BURST_S, {root.path: root})) == [
        (root.path, b"run/a.ckpt"),
        (root.path, b"run/deep/b.ckpt"),
    ]


def test_a_log_that_keeps_growing_is_looked_at_now_and_then(catalog: Catalog, root: RootRow) -> None:
    looks = around(catalog, {})
    looks.note(hint(b"run/metrics.csv"), 0.0)
    looks.due(BURST_S, {root.path: root})
    looks.note(hint(b"run/metrics.csv"), BURST_S + 0.1)
    assert looks.next_due() == BURST_S + PAUSE_S


def test_an_unchanged_state_reads_nothing_anew(catalog: Catalog, root: RootRow) -> None:
    catalog.describe("run/a.ckpt", record(surroundings=b"same"))
    looks = around(catalog, {b"run": b"same"})
    looks.note(hint(b"run/metrics.csv"), 0.0)
    assert looks.due(9.0, {root.path: root}) == []
    looks.note(hint(b"run/metrics.csv"), 20.0)
    assert looks.due(30.0, {}) == []  # its root went meanwhile


def test_without_sources_around_nothing_is_looked_at(catalog: Catalog, root: RootRow) -> None:
    looks = Around(catalog.writer)
    assert looks.known(root, b"") == {}
    assert looks.stale_in(root, b"run", {b"run": {b"old"}}) == frozenset()
    assert not looks.note(hint(b"run/metrics.csv"), 0.0)
