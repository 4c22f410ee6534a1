from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.candidate import Kind
from ckpt_indexer.errors import DatabaseAbsent
from ckpt_indexer.store.read_place import Place, places_of
from tests.store.fakes import ROOT, Catalog

if TYPE_CHECKING:
    from pathlib import Path


def test_places_are_bytes_in_the_order_asked_for(catalog: Catalog) -> None:
    first, second = catalog.describe(b"a\xff.ckpt", inode=1), catalog.describe("d", inode=2, kind=Kind.DIRECTORY)
    link = catalog.describe("link.ckpt", inode=3, kind=Kind.SYMLINK, alias_of=first)
    assert places_of(catalog.path, [link, second, 99, first]) == [
        Place(link, ROOT, b"link.ckpt", "symlink", first),
        Place(second, ROOT, b"d", "directory", None),
        Place(first, ROOT, b"a\xff.ckpt", "file", None),
    ]


def test_no_catalog_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAbsent):
        places_of(tmp_path / "none.db", [1])
