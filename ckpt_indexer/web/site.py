"""What every page works with: questions to the catalog, and the news of what changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ckpt_indexer.api import freshness
from ckpt_indexer.web.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.api.application import Face
    from ckpt_indexer.api.freshness import Freshness
    from ckpt_indexer.catalog.protocol import Catalog

T = TypeVar("T")


class Site:
    """The interface a page belongs to, as the page sees it."""

    def __init__(self, face: Face) -> None:
        self.desk = face.desk
        self.live = Live(face.stream)

    async def ask(self, question: Callable[[Catalog], T]) -> T:
        """Return what the catalog says, asked on a thread. Raises CkptIndexerError."""
        return await self.desk.read(question)

    async def freshness(self) -> Freshness:
        """Return the state the catalog is in."""
        return await self.ask(freshness.now)
