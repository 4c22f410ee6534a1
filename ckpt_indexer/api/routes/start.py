"""Where a newcomer looks: the first address, the description, and what is said when the page is not installed."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from ckpt_indexer.api.described import document
from ckpt_indexer.api.encoding import encoded
from ckpt_indexer.api.options import PREFIX
from ckpt_indexer.api.routes.parameters import desk_of

router = APIRouter(include_in_schema=False)
MISSING = "the page is not installed: pip install 'ckpt-indexer[ui]' and start the daemon again"


@router.get("/")
async def index(request: Request) -> Response:
    """The page, where there is one; else where to go."""
    if desk_of(request).options.page:
        return RedirectResponse("/ui/")
    addresses = {"api": PREFIX, "openapi": f"{PREFIX}/openapi.json", "health": "/healthz", "ready": "/readyz"}
    return Response(
        encoded({"name": "ckpt-indexer", "version": desk_of(request).options.version} | addresses),
        media_type="application/json",
    )


@router.get("/openapi.json")
@router.get(PREFIX + "/openapi.json")
async def openapi(request: Request) -> Response:
    """The description of every address, in OpenAPI 3.1."""
    return Response(document(request.app), media_type="application/json")


@router.get("/ui")
@router.get("/ui/{rest:path}")
async def no_page(request: Request) -> Response:
    """Say how to get the page; where there is one it is mounted before this, at `/ui/`."""
    options = desk_of(request).options
    if options.page and request.url.path == "/ui":
        return RedirectResponse(f"/ui/?{request.url.query}" if request.url.query else "/ui/")
    raise HTTPException(404, options.no_page or MISSING)
