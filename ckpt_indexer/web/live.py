"""The news, from the daemon's event stream to every open page over the connection it has already.

An `EventSource` per tab would take one of the six connections a browser grants a host: the seventh tab would hang.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from nicegui import background_tasks

from ckpt_indexer.catalog.cells import to_json
from ckpt_indexer.errors import CkptIndexerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nicegui import Client

    from ckpt_indexer.api.freshness import Freshness
    from ckpt_indexer.api.stream import Stream

log = logging.getLogger(__name__)

SOON_S = 0.3
"""For what else changes at the same time."""
PAUSE_S = 2.0
"""Between two times that one page draws itself anew, at least."""
BREATH = 4
"""How many times as long as it took to draw a page it is left as it is: a catalog of a million rows is asked no more
than a fifth of the time."""
NEWS = (b"hello", b"catalog", b"scan", b"new_best", b"reset")


class Live:
    """Everybody who looks at a page, and the task that tells them. Belongs to the event loop's thread."""

    def __init__(
        self, stream: Stream, now: Callable[[], Awaitable[Freshness]], *, begin: Callable[[], Awaitable[None]],
        heard: Callable[[str, bytes], None],
    ) -> None:  # fmt: skip
        """Keep what is asked later. `now` returns the state the catalog is in, for who comes while others listen.
        `begin` is awaited before listening begins; `heard` is told name and data of each event."""
        self._stream = stream
        self._now = now
        self._begin = begin
        self._heard = heard
        self._viewers: dict[str, _Viewer] = {}
        self._task: asyncio.Task[None] | None = None

    def join(self, client: Client, redraw: Callable[[], Awaitable[None]] | None = None) -> None:
        """Tell a page what happens until its tab is closed; have it draw itself anew after changes."""
        viewer = _Viewer(client, redraw)
        self._viewers[client.id] = viewer
        client.on_delete(lambda: self._viewers.pop(client.id, None))
        client.on_connect(lambda: self._arrived(viewer))

    def _arrived(self, viewer: _Viewer) -> None:
        """Begin to listen, which begins with a greeting; or greet somebody who came later, or came back."""
        if self._task is None or self._task.done():
            self._task = background_tasks.create(self._tell(), name="news of the catalog")
        else:
            background_tasks.create(self._greet(viewer), name="greet a page")

    async def _greet(self, viewer: _Viewer) -> None:
        try:
            viewer.hear("hello", to_json((await self._now()).keys()))
        except CkptIndexerError as error:
            log.debug("a page was not greeted: %s", error)

    async def _tell(self) -> None:
        while self._viewers:
            try:
                await self._tell_all()
            except CkptIndexerError as error:
                log.debug("the page's news ended, trying again: %s", error)
            await asyncio.sleep(PAUSE_S)

    async def _tell_all(self) -> None:
        await self._begin()
        async for piece in self._stream.listen(None, self._stream.now()):
            if not self._viewers:
                return
            kind, data = parsed(piece)
            if kind in NEWS:
                self._heard(kind.decode(), data)
                for viewer in list(self._viewers.values()):
                    viewer.hear(kind.decode(), data.decode())


class _Viewer:
    """One open page."""

    def __init__(self, client: Client, redraw: Callable[[], Awaitable[None]] | None) -> None:
        self._client = client
        self._redraw = redraw
        self._is_stale = False
        self._is_drawing = False

    def hear(self, kind: str, data: str) -> None:
        """Pass an event on; a change leads to a drawing, many changes within a moment to one."""
        if self._client.has_socket_connection:
            self._client.run_javascript(f"ckpt.hear({kind!a}, {data})")
        if kind in ("catalog", "reset") and self._redraw is not None:
            self._is_stale = True
            if not self._is_drawing:
                self._is_drawing = True
                background_tasks.create(self._draw(self._redraw), name="draw a page anew")

    async def _draw(self, redraw: Callable[[], Awaitable[None]]) -> None:
        try:
            while self._is_stale and not self._client.is_deleted:
                await asyncio.sleep(SOON_S)
                if self._client.is_deleted:
                    return
                self._is_stale = False
                began = time.monotonic()
                with self._client:
                    await redraw()
                await asyncio.sleep(max(PAUSE_S, BREATH * (time.monotonic() - began)))
        except CkptIndexerError as error:
            log.debug("a page was not drawn anew: %s", error)
        finally:
            self._is_drawing = False


def parsed(piece: bytes) -> tuple[bytes, bytes]:
    """Return name and data of an event as it is sent; empty for a comment."""
    kind = data = b""
    for line in piece.split(b"\n"):
        name, _, value = line.partition(b": ")
        if name == b"event":
            kind = value
        elif name == b"data":
            data = value
    return kind, data
