"""How fresh an answer is, and the envelope that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ckpt_indexer.api.encoding import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Page, RootView

_BEYOND = 2**62
"""A seq no catalog reaches: asking for changes after it yields nothing but freshness."""


class Freshness(NamedTuple):
    """Which state of which catalog an answer shows."""

    catalog: str
    seq: int
    as_of: str | None
    roots: tuple[RootView, ...]

    @property
    def etag(self) -> str:
        """Return the validator of every answer made from this state."""
        return f'W/"{self.catalog}-{self.seq}"'

    def keys(self) -> dict[str, Any]:  # JSON values
        """Return what an answer's envelope says of it."""
        roots = [root._asdict() for root in self.roots]
        return {"catalog": self.catalog, "seq": self.seq, "as_of": self.as_of, "roots": roots}


class Answer(NamedTuple):
    """What a question yielded: JSON, and the state it shows."""

    freshness: Freshness
    body: bytes
    next: str | None = None
    """Address of the page that follows."""


def of_page(page: Page) -> Freshness:
    """Return the freshness of a page."""
    return Freshness(page.catalog, page.seq, page.as_of, page.roots)


def now(catalog: Catalog) -> Freshness:
    """Return the state the catalog is in. Ask before the question itself: an answer may then be newer than it says,
    never older."""
    return of_page(catalog.changes_since(_BEYOND, limit=1))


def listed(freshness: Freshness, items: Iterable[bytes], **more: Any) -> Answer:  # noqa: ANN401  # JSON values
    """Return an answer with items that are JSON already."""
    fragments = [orjson.Fragment(item) for item in items]
    return Answer(freshness, encoded(freshness.keys() | {"items": fragments, "next": None} | more))


def plain(freshness: Freshness, **more: Any) -> Answer:  # noqa: ANN401  # JSON values
    """Return an answer of named values."""
    return Answer(freshness, encoded(freshness.keys() | more))
