"""One checkpoint, and several side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from ckpt_indexer.api import models
from ckpt_indexer.api.described import answers
from ckpt_indexer.api.encoding import encoded
from ckpt_indexer.api.freshness import Answer, now, plain
from ckpt_indexer.api.routes.parameters import RowId, desk_of, known_parameters, words
from ckpt_indexer.api.row_models import OneRow
from ckpt_indexer.errors import CheckpointNotFound, InvalidFilter

if TYPE_CHECKING:
    from ckpt_indexer.api.encoding import RowBytes
    from ckpt_indexer.catalog.protocol import Catalog, Ref

router = APIRouter(tags=["checkpoints"], dependencies=[Depends(known_parameters)])
COMPARED = 12


@router.get("/checkpoints/by-ref", responses=answers(OneRow))
async def by_ref(
    request: Request,
    ref: Annotated[str, Query(min_length=1, max_length=8000, description="An id, a path, or a query with one answer.")],
) -> Response:
    """The one checkpoint a reference means: id, path (absolute, relative, or its unique end), or query."""
    desk = desk_of(request)
    return await desk.answer(request.scope, lambda catalog: one(catalog, ref, desk.rows))


@router.get("/checkpoints/by-path", responses=answers(OneRow))
async def by_path(
    request: Request, path: Annotated[str, Query(min_length=1, max_length=8000, description="A path, or its end.")]
) -> Response:
    """The checkpoint at a path: absolute, relative to its root, ROOT:path, or the end of just one."""
    desk = desk_of(request)

    def ask(catalog: Catalog) -> Answer:
        row = catalog.get(path)
        ending = "/" + path.removeprefix(row["root"] + ":").removeprefix("./").strip("/")
        if not path.startswith("/") and not row["abs_path"].endswith(ending):
            raise CheckpointNotFound(f"no checkpoint lies at {path[:200]}", ref=path[:200])
        return one(catalog, row["id"], desk.rows)

    return await desk.answer(request.scope, ask)


@router.get("/checkpoints/{id}", responses=answers(OneRow))
async def by_id(request: Request, id: RowId) -> Response:  # noqa: A002  # the name of the parameter in the address
    """One checkpoint: its row, where each fact was found, and how fresh that is."""
    desk = desk_of(request)
    return await desk.answer(request.scope, lambda catalog: one(catalog, int(id), desk.rows), quick=True)


@router.get("/compare", responses=answers(models.Comparison))
async def compare(
    request: Request,
    ids: Annotated[str, Query(max_length=500, description="Up to 12 ids, separated by commas.")],
) -> Response:
    """The fields in which checkpoints differ, a value per checkpoint."""
    desk, refs = desk_of(request), _ids(ids)

    def ask(catalog: Catalog) -> Answer:
        state, found = now(catalog), catalog.compare(refs)
        rows = [orjson.Fragment(desk.rows.of(state.catalog, row)) for row in found["rows"]]
        return plain(state, items=rows, fields=found["fields"], next=None)

    return await desk.answer(request.scope, ask)


def one(catalog: Catalog, ref: Ref, rows: RowBytes) -> Answer:
    """Return the answer for one row: its own keys, and beside them how fresh it is."""
    state, row = now(catalog), catalog.get(ref)
    more = state.keys()
    more["catalog_seq"] = more.pop("seq")
    details = row.details() if hasattr(row, "details") else {}
    return Answer(state, rows.of(state.catalog, row)[:-1] + b"," + encoded(more | {"details": details})[1:])


def _ids(text: str) -> list[int]:
    found = words(text)
    if not 1 <= len(found) <= COMPARED or not all(word.isascii() and word.isdigit() for word in found):
        raise InvalidFilter(f"ids are 1 to {COMPARED} numbers of checkpoints, separated by commas")
    return [int(word[:40]) for word in found]
