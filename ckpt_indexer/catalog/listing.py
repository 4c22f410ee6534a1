"""All rows of an answer, fetched a page at a time: a hundred thousand rows need not fit into memory at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ckpt_indexer.errors import InvalidCursor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Row

PAGE = 2000


class Listing:
    """The rows of one question, in its order."""

    def __init__(
        self,
        catalog: Catalog,
        query: str | Sequence[str] = "",
        sort: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        *,
        page: int = PAGE,
    ) -> None:
        """Ask for the first page; `page` rows are asked for at once. Raises InvalidFilter, InvalidCursor."""
        self._page = page
        self._left = limit
        self._ask = partial(catalog.find, query, sort=sort)
        self.first = self._ask(limit=self._size(), cursor=cursor)
        self.next = self.first.next
        """Where the rows after the last one begin; None when there are none."""
        self.count = 0
        """Rows given so far."""

    def _size(self) -> int:
        return self._page if self._left is None else min(self._page, self._left)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows. Once.

        Raises:
            InvalidCursor: the catalog was built anew between two pages; what was given belongs to the old one.
        """
        page = self.first
        while True:
            for row in page:
                self.count += 1
                yield row
            if self._left is not None:
                self._left -= len(page)
            self.next = page.next
            if page.next is None or self._left == 0:
                return
            page = self._ask(limit=self._size(), cursor=page.next)
            if page.catalog != self.first.catalog:
                raise InvalidCursor("the catalog was built anew while its rows were read; ask again")
