"""Error -> status and problem document (RFC 9457): the one table, and the handlers that use it."""

from __future__ import annotations

import http
import logging
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ckpt_indexer import errors
from ckpt_indexer.api.encoding import encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_S = "1"


class Kind(NamedTuple):
    """A kind of problem: its status and the last word of its type."""

    status: int
    name: str
    detail: str | None = None
    """Said in place of the error's own words, which may name paths of this machine."""


TABLE: tuple[tuple[type[errors.CkptIndexerError], Kind], ...] = (
    (errors.InvalidCursor, Kind(400, "cursor")),
    (errors.CheckpointNotFound, Kind(404, "not-found")),
    (errors.QueryError, Kind(400, "query")),
    (errors.DatabaseLocked, Kind(503, "unavailable", "the catalog is locked by another process; try again")),
    (errors.DatabaseFull, Kind(503, "unavailable", "the disk of the catalog is full")),
    (errors.DatabaseCorrupt, Kind(503, "unavailable", "the catalog is damaged; it is being built anew")),
    (errors.DatabaseFromFuture, Kind(503, "unavailable", "the catalog was written by a newer release")),
    (errors.StoreError, Kind(503, "unavailable", "the catalog cannot be read now")),
    (errors.DaemonError, Kind(503, "busy", "the writer does not answer now; try again")),
)
"""The first that fits counts: the narrow ones stand before their parents."""

STATUS_NAMES = {
    400: "bad-request", 401: "unauthorized", 403: "forbidden", 404: "not-found", 405: "method", 408: "timeout",
    413: "too-large", 414: "too-large", 421: "host", 431: "too-large", 500: "internal",
    501: "unsupported", 503: "busy",
}  # fmt: skip


def problem(status: int, name: str, detail: str, **more: Any) -> bytes:  # noqa: ANN401  # JSON values
    """Return a problem document."""
    title = http.HTTPStatus(status).phrase
    document = {"type": f"urn:ckpt-indexer:problem:{name}", "title": title, "status": status, "detail": detail}
    return encoded(document | more)


def respond(
    status: int,
    name: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,  # noqa: ANN401  # JSON values
) -> Response:
    """Return the answer that carries a problem."""
    extra = dict(headers or {})
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        extra.setdefault("retry-after", RETRY_S)
    return Response(problem(status, name, detail, **more), status, extra, media_type=MEDIA_TYPE)


def kind_of(error: errors.CkptIndexerError) -> Kind:
    """Return the kind of an error; one nobody listed is a fault of ours."""
    return next((kind for type_, kind in TABLE if isinstance(error, type_)), Kind(500, "internal", "an unknown error"))


def of_error(error: errors.CkptIndexerError) -> Response:
    """Return the answer for an error of ours."""
    kind = kind_of(error)
    details = {key: value for key, value in error.details.items() if value is not None}
    more: dict[str, Any] = {"error": type(error).__name__} | ({"details": details} if details else {})
    return respond(kind.status, kind.name, kind.detail or error.message, **more)


def install(app: FastAPI) -> None:
    """Make every failure of an application a problem document."""
    app.add_exception_handler(errors.CkptIndexerError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.CkptIndexerError)  # noqa: S101  # as registered
    return of_error(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as registered
    faults = [
        {"in": str(fault["loc"][0]), "field": ".".join(map(str, fault["loc"][1:])), "message": str(fault["msg"])}
        for fault in error.errors()
    ]
    first = faults[0]
    detail = f"{first['field'] or first['in']}: {first['message']}"
    return respond(400, "validation", detail, errors=faults)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as registered
    name = STATUS_NAMES.get(error.status_code, "http")
    words = {404: "there is nothing at this address", 405: "this address does not take that method"}
    detail = error.detail if error.detail != http.HTTPStatus(error.status_code).phrase else ""
    return respond(error.status_code, name, detail or words.get(error.status_code, error.detail), headers=error.headers)


async def _bug(_request: Request, error: Exception) -> Response:
    """Answer with a number that is in the log, beside the traceback."""
    number = secrets.token_hex(4)
    log.error("request %s failed", number, exc_info=error)
    return respond(500, "internal", f"an error of this program; the log knows it as {number}", id=number)
