"""Rows of roots that went away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.ingest import lost
from ckpt_indexer.ingest.lost import LostRoots
from ckpt_indexer.ingest.outbox import Outbox
from ckpt_indexer.store.changes import RootChanged
from tests.store.fakes import Catalog

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    made = Catalog(tmp_path / "catalog.db")
    yield made
    made.writer.close()


def presences(catalog: Catalog) -> list[str]:
    return [found for (found,) in catalog.ask("SELECT presence FROM checkpoints ORDER BY id")]


def test_rows_turn_unreachable_a_few_at_a_time_and_once(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "AT_ONCE", 2)
    for name in "abc":
        catalog.describe(f"{name}.ckpt")
    outbox = Outbox(catalog.writer)
    roots = LostRoots(outbox)
    roots.reload(catalog.writer.roots())
    assert not roots.busy
    catalog.writer.apply([RootChanged(catalog.root, state="unreachable")])
    roots.reload(catalog.writer.roots())
    roots.do()
    assert (len(outbox), roots.busy) == (2, True)
    roots.reload(catalog.writer.roots())  # another root came meanwhile
    outbox.flush()
    assert presences(catalog) == ["unreachable", "unreachable", "present"]
    for _ in range(3):
        roots.do()
    assert (outbox.flush(), roots.busy) == (1, False)
    assert presences(catalog) == ["unreachable"] * 3


def test_what_cannot_be_written_yet_is_not_made_more(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    catalog.writer.apply([RootChanged(catalog.root, state="unreachable")])
    outbox = Outbox(catalog.writer, batch=0)
    roots = LostRoots(outbox)
    roots.reload(catalog.writer.roots())
    roots.do()
    assert (len(outbox), roots.busy) == (0, True)


def test_a_root_that_is_there_again_loses_nothing_more(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    catalog.writer.apply([RootChanged(catalog.root, state="unreachable")])
    roots = LostRoots(Outbox(catalog.writer))
    roots.reload(catalog.writer.roots())
    catalog.writer.apply([RootChanged(catalog.root, state="present")])
    roots.reload(catalog.writer.roots())
    roots.do()
    assert (presences(catalog), roots.busy) == (["present"], False)
