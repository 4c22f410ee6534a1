"""Lists of checkpoints: by query, by rank, by change, as a dropdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from ckpt_indexer.api import models
from ckpt_indexer.api.described import answers
from ckpt_indexer.api.encoding import chosen, encoded
from ckpt_indexer.api.freshness import Answer, listed, now, of_page
from ckpt_indexer.api.options import MAX_LIMIT
from ckpt_indexer.api.pieces import json_pieces
from ckpt_indexer.api.routes.parameters import (
    LIMIT,
    Cursor,
    Limit,
    Metric,
    Mode,
    Queries,
    Sort,
    desk_of,
    known_parameters,
    terms,
    words,
)
from ckpt_indexer.catalog.labels import label
from ckpt_indexer.catalog.listing import Listing
from ckpt_indexer.catalog.views import ROW_KEYS
from ckpt_indexer.errors import InvalidFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ckpt_indexer.api.encoding import RowBytes
    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Page

router = APIRouter(tags=["checkpoints"], dependencies=[Depends(known_parameters)])
Fields = Annotated[
    str | None, Query(max_length=2000, description="Row keys to give, separated by commas; all if none.")
]
Count = Annotated[
    Literal["none", "exact"], Query(description="`exact` adds `total`, how many match, which may take a while.")
]
By = Annotated[str, Query(max_length=100, description="What makes a group; `none` ranks everything together.")]


@router.get("/checkpoints", responses=answers(models.Rows))
async def find(
    request: Request, q: Queries = None, sort: Sort = None, limit: Limit = LIMIT, cursor: Cursor = None,
    fields: Fields = None, count: Count = "none",
) -> Response:  # fmt: skip
    """Checkpoints that match a query, by root and path unless sorted. The next page begins at `next`, which stands in a
    `Link` header, too."""
    desk, keys = desk_of(request), _row_keys(fields)

    def ask(catalog: Catalog) -> Answer:
        page = catalog.find(terms(q), sort=sort or None, limit=limit, cursor=cursor)
        total = {"total": catalog.count(terms(q))} if count == "exact" else {}
        answer = rows_answer(page, desk.rows, keys, **total)
        return answer if page.next is None else answer._replace(next=_address(request, cursor=page.next))

    return await desk.answer(request.scope, ask)


@router.get("/best", responses=answers(models.Ranking))
async def best(
    request: Request, metric: Metric = "hmean", by: By = "backbone", q: Queries = None,
    k: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows of each group.")] = 1, mode: Mode = None,
) -> Response:  # fmt: skip
    """The best checkpoints of each group, best group first, the unknown group last."""
    desk = desk_of(request)

    def ask(catalog: Catalog) -> Answer:
        page = catalog.best(metric, by, terms(q), k=k, mode=mode)
        items = [desk.rows.ranked(page.catalog, row) for row in page]
        said = {"hidden": page.hidden, "warnings": page.warnings, "known_metrics": page.known_metrics}
        return listed(of_page(page), items, **said)

    return await desk.answer(request.scope, ask, quick=_is_indexed(metric, by, q, k))


@router.get("/changes", responses=answers(models.Rows))
async def changes(
    request: Request,
    since: Annotated[int, Query(ge=0, lt=2**62, description="A seq: `seq` of an earlier answer.")],
    limit: Limit = MAX_LIMIT,
) -> Response:
    """Checkpoints changed after a seq, oldest change first, missing ones too. `next` is the seq to go on from."""
    desk = desk_of(request)
    return await desk.answer(
        request.scope, lambda catalog: rows_answer(catalog.changes_since(since, limit=limit), desk.rows, None)
    )


@router.get("/options", responses=answers(models.Choices))
async def options(request: Request, q: Queries = None) -> Response:
    """Every matching checkpoint as one line of a dropdown: {value, label, path, config_path}."""
    desk = desk_of(request)

    def begin(catalog: Catalog) -> tuple[Answer, Iterator[bytes]]:
        envelope = listed(now(catalog), ())
        return envelope, _choices(Listing(catalog, terms(q)))

    envelope, items = await desk.read(begin)
    return StreamingResponse(json_pieces(desk, envelope.body, items), media_type="application/json")


def rows_answer(page: Page, rows: RowBytes, keys: Sequence[str] | None, **more: int) -> Answer:
    """Return a page of rows, whole ones or some keys of each."""
    items = [rows.of(page.catalog, row) if keys is None else chosen(row, keys) for row in page]
    return listed(of_page(page), items, next=page.next, hidden=page.hidden, **more)


def _address(request: Request, **other: str) -> str:
    """Return the address of a request with other parameters, as text that may stand in a header."""
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] not in other]
    return f"{quote(request.url.path)}?{urlencode([*pairs, *other.items()], errors='replace')}"


def _choices(listing: Listing) -> Iterator[bytes]:
    places = {root.name: root.path.rstrip("/") + "/" for root in listing.first.roots}
    for row in listing:
        path = row["config_path"]
        if path is not None and not path.startswith("/"):
            path = places.get(row["root"], "") + path
        yield encoded({"value": row["id"], "label": label(row), "path": row["abs_path"], "config_path": path})


def _row_keys(fields: str | None) -> list[str] | None:
    keys = words(fields)
    for key in keys:
        if key not in ROW_KEYS:
            raise InvalidFilter(f"a row has no key {key[:60]!r} (known: {', '.join(ROW_KEYS)})", known=ROW_KEYS)
    return keys or None


def _is_indexed(metric: str, by: str, q: Sequence[str] | None, k: int) -> bool:
    """Tell whether an index answers a ranking in well under a millisecond: few groups, few rows, no query."""
    return metric in models.HEADLINES and by in ("backbone", "architecture", "none") and not any(q or ()) and k == 1
