"""What happens, as it happens: server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from ckpt_indexer.api.described import events as described_events
from ckpt_indexer.api.routes.parameters import interface_of, known_parameters

router = APIRouter(tags=["live"], dependencies=[Depends(known_parameters)])
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


@router.get("/events", responses=described_events())
async def events(
    request: Request,
    since: Annotated[int | None, Query(ge=0, lt=2**62, description="A seq: begin with what happened after it.")] = None,
    last_event_id: Annotated[str | None, Header(description="What a returning `EventSource` sends; wins.")] = None,
) -> Response:
    """`hello`, then `catalog` (what changed), `new_best`, `scan` (progress); `reset` when a client must ask anew."""
    place = int(last_event_id[:18]) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else since
    stream = interface_of(request).stream
    return StreamingResponse(stream.listen(place, stream.now()), media_type="text/event-stream", headers=HEADERS)
