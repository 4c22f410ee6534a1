"""The door of the page: assets and the table's rows at once, NiceGUI from the first time that somebody looks.

Adapts NiceGUI's way of living inside another application. Its modules are one per process: what is drawn belongs to
the interface that was opened last.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from ckpt_indexer.api import problems
from ckpt_indexer.errors import CheckpointNotFound, CkptIndexerError
from ckpt_indexer.web.detail import detail, missing
from ckpt_indexer.web.rows import Lists

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ckpt_indexer.api.application import Face

log = logging.getLogger(__name__)

ASSETS = Path(__file__).parent / "assets"


class Entrance:
    """An ASGI application under `/ui`."""

    def __init__(self, face: Face, tidy: Callable[[], None] | None = None) -> None:
        """Keep what is needed; nothing of NiceGUI is imported yet. `tidy` gives memory back after pages were drawn."""
        self._face = face
        self._tidy = tidy
        self._page: ASGIApp | None = None
        self._lock = asyncio.Lock()
        self._open = AsyncExitStack()
        self._lists = Lists(face.desk)
        self._router = Router(
            [
                Route("/data/rows", self._rows, methods=["GET"]),
                Route("/data/detail", self._detail, methods=["GET"]),
                Mount("/assets", StaticFiles(directory=ASSETS)),
                Mount("/", self._drawn),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or carry one websocket."""
        await self._router(scope, receive, send)

    async def _rows(self, request: Request) -> Response:
        return await self._lists.answer(request)

    async def _detail(self, request: Request) -> Response:
        number = request.query_params.get("id", "")
        try:
            row_id = int(number) if number.isascii() and number.isdigit() and len(number) < 20 else -1
            row = await self._face.desk.read(lambda catalog: catalog.get(row_id))
        except CheckpointNotFound as error:
            return HTMLResponse(missing(error.message), 404)
        except CkptIndexerError as error:
            return problems.of_error(error)
        sources = row.details()
        return HTMLResponse(detail(row, sources), headers={"cache-control": "no-store"})

    async def _drawn(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "POST"):
            await PlainTextResponse("Method Not Allowed", 405)(scope, receive, send)
            return
        if self._page is None:
            async with self._lock:
                if self._page is None:
                    self._page = await self._opened()
        await self._page(scope, receive, send)

    async def _opened(self) -> ASGIApp:
        """Import NiceGUI beside the loop, which goes on answering, and have it begin."""
        await asyncio.to_thread(_import_nicegui)
        from ckpt_indexer.web import building

        app = building.build(self._face, self._tidy)
        await self._open.enter_async_context(app.router.lifespan_context(app))
        return app


def _import_nicegui() -> None:
    from ckpt_indexer.web import building

    log.debug("the page is made with NiceGUI %s", building.VERSION)
