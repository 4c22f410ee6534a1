"""What every page works with: questions to the catalog, and the news of what changes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from ckpt_indexer.api import freshness
from ckpt_indexer.web.events import highest_id
from ckpt_indexer.web.live import Live
from ckpt_indexer.web.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.api.application import Face
    from ckpt_indexer.api.freshness import Freshness
    from ckpt_indexer.catalog.protocol import Catalog

T = TypeVar("T")

TIDY_S = 5.0
"""How long after the last page was drawn memory is given back."""


class Site:
    """The interface a page belongs to, as the page sees it."""

    def __init__(self, face: Face, tidy: Callable[[], None] | None = None) -> None:
        """Keep what pages ask. `tidy` gives memory back that drawing them took, in a process that does so rarely."""
        self.desk = face.desk
        self.tail = Tail(lambda: datetime.now(UTC))
        self.live = Live(face.stream, self.freshness, begin=self._begin, heard=self.tail.hear)
        self._tidy = tidy
        self._waits: asyncio.TimerHandle | None = None

    def stir(self) -> None:
        """Something was drawn, or let go: have memory given back when that is over."""
        if self._tidy is not None:
            if self._waits is not None:
                self._waits.cancel()
            loop = asyncio.get_running_loop()
            self._waits = loop.call_later(TIDY_S, loop.run_in_executor, None, self._tidy)

    async def ask(self, question: Callable[[Catalog], T]) -> T:
        """Return what the catalog says, asked on a thread. Raises CkptIndexerError."""
        return await self.desk.read(question)

    async def _begin(self) -> None:
        self.tail.begin(await self.ask(highest_id))

    async def freshness(self) -> Freshness:
        """Return the state the catalog is in."""
        return await self.ask(freshness.now)
