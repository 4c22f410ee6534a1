"""How the interface describes itself: OpenAPI, made from the routes and from models that exist for nothing else."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from ckpt_indexer.api.encoding import encoded
from ckpt_indexer.api.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

Described = dict[int | str, dict[str, Any]]  # as FastAPI takes it
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
_FAILURES = {
    "400": "The request, the query or the cursor has an error; `detail` says which.",
    "404": "There is no such checkpoint or address.",
    "503": "The catalog cannot be read or written now, or too many ask; try again.",
}
_TOKEN = {
    "401": "The token is missing or wrong.",
    "403": "A page of another origin asks, or the body is not application/json.",
    "408": "It took too long.",
}
_TOKEN |= {"413": "The body is too large."}
_PROBLEM_MODEL = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Further members say more: `errors`, `error`, `details`, `id`.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "urn:ckpt-indexer:problem:KIND"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence: what happened, and what to do."},
    },
}


def answers(model: type[BaseModel], *, token: bool = False, status: int = 200) -> Described:
    """Return the responses of an address that answers with this model."""
    made: Described = {status: {"model": model, "description": (model.__doc__ or "").split("\n")[0]}}
    if status == 200 and not token:
        made[304] = {"description": "Nothing changed since the answer whose `ETag` was sent as `If-None-Match`."}
    for code, words in (_FAILURES | (_TOKEN if token else {})).items():
        made[int(code)] = {"description": words, "content": {MEDIA_TYPE: _PROBLEM}}
    return made


def text(media_type: str, words: str) -> Described:
    """Return the responses of an address that answers with text."""
    return {200: {"description": words, "content": {media_type: {"schema": {"type": "string"}}}}, **_failures()}


def files() -> Described:
    """Return the responses of an export."""
    kinds = ("text/csv", "application/x-ndjson", "application/vnd.apache.parquet")
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
    missing = {"description": "Parquet needs an extra that is not installed.", "content": {MEDIA_TYPE: _PROBLEM}}
    return {200: {"description": "The file.", "content": content}, 501: missing, **_failures()}


def events() -> Described:
    """Return the responses of the event stream."""
    return text("text/event-stream", "Events, until the client leaves.")


def _failures() -> Described:
    return {int(code): {"description": words, "content": {MEDIA_TYPE: _PROBLEM}} for code, words in _FAILURES.items()}


def openapi(app: FastAPI) -> dict[str, Any]:  # JSON values
    """Return the description: 422 is never sent, writes need the token."""
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    parts = made.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM_MODEL
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for address in made["paths"].values():
        for method, operation in address.items():
            operation["responses"].pop("422", None)
            if method == "post":
                operation["security"] = [{"token": []}]
    return made


@lru_cache(maxsize=1)
def document(app: FastAPI) -> bytes:
    """Return the description as JSON."""
    return encoded(openapi(app))
