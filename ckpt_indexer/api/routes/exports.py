"""All matching rows as a file: CSV, JSON lines, Parquet."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from ckpt_indexer.api.described import files
from ckpt_indexer.api.freshness import now
from ckpt_indexer.api.pieces import in_turn
from ckpt_indexer.api.routes.parameters import Queries, Sort, desk_of, known_parameters, terms
from ckpt_indexer.catalog.formats import FORMATS
from ckpt_indexer.catalog.listing import Listing

if TYPE_CHECKING:
    from ckpt_indexer.api.freshness import Freshness
    from ckpt_indexer.catalog.protocol import Catalog

router = APIRouter(tags=["checkpoints"], dependencies=[Depends(known_parameters)])


@router.get("/export.{form}", responses=files())
async def export(
    request: Request,
    form: Annotated[Literal["csv", "jsonl", "parquet"], Path(description="What kind of file.")],
    q: Queries = None,
    sort: Sort = None,
) -> Response:
    """Every matching row as a file, in the order of the query. Rows come as they are when their turn comes."""
    if form == "parquet" and find_spec("pyarrow") is None:
        raise HTTPException(501, "Parquet needs pyarrow where the daemon runs: pip install 'ckpt-indexer[parquet]'")
    desk = desk_of(request)

    def begin(catalog: Catalog) -> tuple[Freshness, Listing]:
        return now(catalog), Listing(catalog, terms(q), sort=sort or None)

    state, listing = await desk.read(begin)
    made = FORMATS[form]
    headers = {"content-disposition": f'attachment; filename="checkpoints.{form}"', "cache-control": "no-store"}
    if state.as_of is not None:
        headers["as-of"] = state.as_of
    return StreamingResponse(in_turn(desk, made.pieces(listing)), media_type=made.media_type, headers=headers)
