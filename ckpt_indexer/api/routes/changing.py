"""What changes something, or costs something: tags, notes, pins, scans, free SQL. All of it needs the token."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from ckpt_indexer.api import bodies, models, problems
from ckpt_indexer.api.control import Annotation
from ckpt_indexer.api.described import answers
from ckpt_indexer.api.encoding import encoded
from ckpt_indexer.api.routes.one import one
from ckpt_indexer.api.routes.parameters import RowId, desk_of, interface_of, known_parameters
from ckpt_indexer.api.row_models import OneRow
from ckpt_indexer.errors import QueryError

if TYPE_CHECKING:
    from ckpt_indexer.catalog.protocol import Catalog

router = APIRouter(tags=["changes"], dependencies=[Depends(known_parameters)])


@router.post("/checkpoints/{id}/annotations", responses=answers(OneRow, token=True))
async def annotate(request: Request, id: RowId, body: bodies.AnnotationBody) -> Response:  # noqa: A002  # as in the address
    """Change tags, notes and pin of a checkpoint at once; the answer is its row as it is then."""
    return await _annotate(request, id, body)


@router.post("/checkpoints/{id}/tags", responses=answers(OneRow, token=True))
async def tags(request: Request, id: RowId, body: bodies.TagsBody) -> Response:  # noqa: A002  # as in the address
    """Add and remove tags."""
    return await _annotate(request, id, bodies.AnnotationBody(tags_add=body.add, tags_remove=body.remove))


@router.post("/checkpoints/{id}/note", responses=answers(OneRow, token=True))
async def note(request: Request, id: RowId, body: bodies.NoteBody) -> Response:  # noqa: A002  # as in the address
    """Replace the note; an empty one takes it away."""
    return await _annotate(request, id, bodies.AnnotationBody(notes=body.text))


@router.post("/checkpoints/{id}/pin", responses=answers(OneRow, token=True))
async def pin(request: Request, id: RowId, body: bodies.PinBody) -> Response:  # noqa: A002  # as in the address
    """Pin a checkpoint, or let it go."""
    return await _annotate(request, id, bodies.AnnotationBody(pinned=body.pinned))


@router.post("/rescan", status_code=202, responses=answers(models.Rescan, token=True, status=202))
async def rescan(request: Request, body: bodies.RescanBody) -> Response:
    """Begin to scan one root, or all. The event stream and /readyz tell of its end."""
    names = await desk_of(request).order(lambda control: control.rescan(body.root, full=body.full))
    interface_of(request).stream.expect_scan()
    return Response(encoded({"accepted": True, "roots": list(names)}), 202, media_type="application/json")


@router.post("/sql", responses=answers(models.SqlResult, token=True))
async def sql(request: Request, body: bodies.SqlBody) -> Response:
    """One SELECT, read-only: at most 1,000 rows, a second, and a megabyte. Bytes come as {"base64": ...}."""
    began = time.perf_counter()
    try:
        found = await desk_of(request).select(lambda control: control.sql(body.sql))
    except QueryError as error:
        status = 408 if "deadline_s" in error.details else 400
        return problems.respond(status, "sql", error.message)
    rows = [[_json_value(value) for value in row] for row in found.rows]
    ms = round((time.perf_counter() - began) * 1000, 1)
    answer = {"columns": found.columns, "rows": rows, "truncated": found.truncated, "ms": ms}
    return Response(encoded(answer), media_type="application/json", headers={"cache-control": "no-store"})


async def _annotate(request: Request, row_id: str, body: bodies.AnnotationBody) -> Response:
    desk, number = desk_of(request), int(row_id)
    said = Annotation(tuple(body.tags_add), tuple(body.tags_remove), body.notes, body.pinned)

    def show(catalog: Catalog) -> bytes:
        return one(catalog, number, desk.rows).body

    if number >= 2**63:
        return problems.respond(404, "not-found", f"there is no checkpoint with the id {row_id}")
    await desk.order(lambda control: control.annotate(number, said))
    headers = {"cache-control": "no-store"}
    return Response(await desk.read(show), media_type="application/json", headers=headers)


def _json_value(value: Any) -> Any:  # noqa: ANN401  # a SQLite value in, a JSON value out
    return {"base64": b64encode(value).decode()} if isinstance(value, bytes) else value
