"""What routes take: the parameters they share, and the refusal of those nobody knows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from ckpt_indexer.api.options import DEFAULT_LIMIT, MAX_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.api.desk import Desk
    from ckpt_indexer.api.interface import Interface

MAX_TEXT = 4000
Queries = Annotated[
    list[Annotated[str, Query(max_length=MAX_TEXT)]] | None,
    Query(alias="q", description="A query, as on the command line; several are joined."),
]
Sort = Annotated[
    str | None, Query(max_length=500, description="Sort keys in place of the query's: `hmean-`, `-hmean`, `epoch`.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most rows of one page.")]
Cursor = Annotated[str | None, Query(max_length=MAX_TEXT, description="`next` of the page before.")]
Metric = Annotated[str, Query(max_length=500, description="Name of a metric.")]
Mode = Annotated[str | None, Query(pattern="^(min|max)$", description="Which end is better, where nobody says.")]
RowId = Annotated[str, Path(description="Number of a checkpoint.", pattern="^[0-9]+$", max_length=40)]
LIMIT = DEFAULT_LIMIT


def desk_of(request: Request) -> Desk:
    """Return the desk of the application a request came to."""
    return interface_of(request).desk


def interface_of(request: Request) -> Interface:
    """Return the whole interface a request came to."""
    return cast("Interface", request.app.state.interface)


def terms(queries: Sequence[str] | None) -> str | list[str]:
    """Return queries as a catalog takes them: one as a whole text, several as words."""
    if not queries:
        return ""
    return queries[0] if len(queries) == 1 else list(queries)


def words(text: str | None) -> list[str]:
    """Return the parts of `a,b,c`."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


async def known_parameters(request: Request) -> None:
    """Refuse a parameter that the address does not take: a misspelt one would change the answer in silence."""
    known = _names(request)
    for name in request.query_params:
        if name not in known:
            near = get_close_matches(name[:100], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(known)) or 'none'}"
            fault = {"type": "extra_forbidden", "loc": ("query", name[:100]), "msg": f"unknown parameter; {hint}"}
            raise RequestValidationError([fault])


def _names(request: Request) -> frozenset[str]:
    """Return the parameters an address takes, looked up once."""
    kept, endpoint = interface_of(request).parameters, request.scope["endpoint"]
    if endpoint not in kept:
        route: APIRoute = request.scope["route"]
        kept[endpoint] = frozenset(field.alias for field in route.dependant.query_params)
    return kept[endpoint]
