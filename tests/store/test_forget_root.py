from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.store.maintenance import check, replay
from ckpt_indexer.store.notes import Edit
from tests.store.fakes import Catalog

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "c.db")


def test_a_forgotten_root_leaves_nothing_behind_but_the_journal(catalog: Catalog) -> None:
    for number in range(3):
        catalog.describe(f"d/{number}.ckpt", inode=number)
    catalog.writer.annotate(catalog.root, b"d/1.ckpt", Edit(tags_add=("mine",)))
    other = catalog.writer.add_root(b"/other")
    before = catalog.writer.seq
    assert catalog.writer.forget_root(catalog.root) == 3
    assert catalog.writer.seq == before + 1
    assert [root.path for root in catalog.writer.roots()] == [other.path]
    for table in ("checkpoints", "metrics", "annotations", "directories", "problems", "inputs", "facets"):
        assert catalog.ask(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert check(catalog.path).findings == ()


def test_what_people_said_is_back_with_the_root(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    catalog.writer.annotate(catalog.root, b"a.ckpt", Edit(tags_add=("mine",), pinned=True))
    (root,) = catalog.writer.roots()
    catalog.writer.forget_root(root.id)
    catalog.root = catalog.writer.add_root(root.path).id
    assert replay(catalog.path, catalog.writer).restored == 1
    catalog.describe("a.ckpt")
    assert catalog.row("a.ckpt")["pinned"] == 1


def test_rows_of_other_roots_stay(catalog: Catalog) -> None:
    catalog.describe("a.ckpt")
    other = catalog.writer.add_root(b"/other")
    assert catalog.writer.forget_root(other.id) == 0
    assert catalog.ask("SELECT count(*) FROM checkpoints") == [(1,)]
    assert check(catalog.path).is_ok
