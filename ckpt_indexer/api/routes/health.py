"""Whether it lives, whether it is ready, and numbers for a monitoring system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from ckpt_indexer.api import models
from ckpt_indexer.api.described import answers, text
from ckpt_indexer.api.encoding import encoded
from ckpt_indexer.api.metrics import exposition
from ckpt_indexer.api.routes.parameters import desk_of, interface_of
from ckpt_indexer.errors import CkptIndexerError

if TYPE_CHECKING:
    from ckpt_indexer.catalog.protocol import Catalog

router = APIRouter(tags=["health"])
NO_STORE = {"cache-control": "no-store"}


@router.get("/healthz", responses=answers(models.Health))
async def healthz(request: Request) -> Response:
    """How the daemon is: 200 as long as it answers; `status` is `ok`, or `degraded` with the reasons."""
    desk = desk_of(request)
    health = await desk.order(lambda control: dict(control.health()))
    if desk.options.guards_reads:  # this address is open to everybody, its details are not
        health = {"status": health.get("status", "degraded")}
    return Response(encoded(health), media_type="application/json", headers=NO_STORE)


@router.get("/readyz", responses=answers(models.Ready) | {503: {"model": models.Ready, "description": "Not yet."}})
async def readyz(request: Request) -> Response:
    """200 once the first reconcile is done and nothing is pending, as long as the catalog can be written."""
    ready = await desk_of(request).order(lambda control: control.is_ready())
    headers = NO_STORE if ready else NO_STORE | {"retry-after": "1"}
    return Response(encoded({"ready": ready}), 200 if ready else 503, headers, media_type="application/json")


@router.get("/metrics", responses=text("text/plain", "Prometheus's text format."))
async def metrics(request: Request) -> Response:
    """How far behind, how many of each kind, which source answered, what failed: for Prometheus."""
    interface = interface_of(request)
    health = await interface.desk.order(lambda control: control.health())
    try:
        stats, sources = await interface.desk.read(_counts)
    except CkptIndexerError:  # the catalog cannot be read now, which `degraded` tells
        stats, sources = None, None
    body = exposition(interface.traffic, health, stats, sources)
    return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8", headers=NO_STORE)


def _counts(catalog: Catalog) -> tuple[dict[str, Any], dict[str | None, int]]:  # JSON values
    return dict(catalog.stats()), dict(catalog.facets(["source"])["source"])
