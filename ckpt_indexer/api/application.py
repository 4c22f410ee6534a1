"""The whole of the HTTP interface, put together: guard, kept answers, routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Match

from ckpt_indexer.api import described, problems
from ckpt_indexer.api.desk import Desk, address_of, is_known
from ckpt_indexer.api.guard import Guard
from ckpt_indexer.api.interface import Interface
from ckpt_indexer.api.metrics import Traffic
from ckpt_indexer.api.options import PREFIX
from ckpt_indexer.api.routes import changing, exports, health, lists, live, one, reports, start
from ckpt_indexer.api.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ckpt_indexer.api.control import Control
    from ckpt_indexer.api.options import Options
    from ckpt_indexer.catalog.protocol import Catalog

DESCRIPTION = (
    "Every checkpoint there is, what it is, and which is the best. "
    "Reads are open to this machine; changes and SQL need the token."
)


class Face:
    """An ASGI application that answers for one catalog. `app` may be given further pages before it serves."""

    def __init__(self, *, catalog: Catalog, stamp: Callable[[], Hashable], control: Control, options: Options) -> None:
        """Build everything. `stamp` returns something else after every commit that a new question would see."""
        self.desk = Desk(catalog=catalog, stamp=stamp, control=control, options=options)
        self.traffic = Traffic()
        self.stream = Stream(self.desk, self.traffic)
        self.app = _routes(Interface(self.desk, self.traffic, self.stream), options.version)
        self._guard = Guard(_Kept(self.app, self.desk), options, self.traffic, takes=self._takes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._guard(scope, receive, send)

    def _takes(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is Match.FULL for route in self.app.routes)

    def close(self) -> None:
        """End streams and threads."""
        self.desk.close()
        self.desk.catalog.close()


def _routes(interface: Interface, version: str) -> FastAPI:
    app = FastAPI(
        title="ckpt-indexer", version=version, description=DESCRIPTION, docs_url=None, redoc_url=None,
        openapi_url=None, redirect_slashes=False, default_response_class=Response,
    )  # fmt: skip
    app.state.interface = interface
    problems.install(app)
    for room in (lists, one, reports, exports, live, changing):
        app.include_router(room.router, prefix=PREFIX)
    for room in (start, health):
        app.include_router(room.router)
    app.openapi = lambda: described.openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def without_body(send: Send) -> Send:
    """Return what an application that answers `GET` is given for a `HEAD`: its answer ends where the body would begin.
    A stream, which may never end, then hears that the client left."""
    ended = False

    async def send_head(message: Message) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b""})

    return send_head


class _Kept:
    """Gives answers that were given before, when nothing was committed since; `HEAD` is `GET` without its body."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        reply = self._desk.kept.find(address_of(scope)) if scope["path"].startswith(PREFIX) else None
        if reply is None:
            if scope["method"] == "HEAD":
                scope, send = {**scope, "method": "GET"}, without_body(send)
            await self._app(scope, receive, send)
            return
        scope["kept_route"] = "kept"
        known = is_known(scope, reply.etag)
        status, head, body = (304, reply.short_head, b"") if known else (200, reply.head, reply.body)
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})
