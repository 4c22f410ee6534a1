from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.catalog.listing import Listing
from ckpt_indexer.client.local import LocalCatalog
from ckpt_indexer.errors import InvalidCursor
from tests.client.catalog_database import build
from tests.fakes.catalog import FakeCatalog

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def catalog() -> FakeCatalog:
    catalog = FakeCatalog()
    for name in "abcde":
        catalog.having(f"{name}.ckpt")
    return catalog


def test_all_rows_come_a_page_at_a_time(catalog: FakeCatalog) -> None:
    listing = Listing(catalog, page=2)
    assert [row["path"][0] for row in listing] == list("abcde")
    assert (listing.count, listing.next) == (5, None)
    assert [call[3] for call in catalog.asked] == [2, 2, 2]


def test_pages_of_two_catalogs_are_never_mixed(tmp_path: Path) -> None:
    paths = [{"path": f"{name}.ckpt"} for name in "abcd"]
    path = build(tmp_path / "c.db", paths, wal=False)
    with LocalCatalog(path) as catalog:
        rows = iter(Listing(catalog, page=2))
        assert [next(rows)["path"], next(rows)["path"]] == ["a.ckpt", "b.ckpt"]
        build(tmp_path / "new.db", paths, catalog="beef", wal=False).replace(path)
        with pytest.raises(InvalidCursor, match="built anew"):
            next(rows)


def test_a_limit_ends_within_a_page_and_says_where_to_go_on(catalog: FakeCatalog) -> None:
    listing = Listing(catalog, limit=3, page=2)
    assert [row["path"][0] for row in listing] == list("abc")
    assert listing.next == "3"
    assert [row["path"][0] for row in Listing(catalog, cursor=listing.next)] == ["d", "e"]
