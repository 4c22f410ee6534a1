"""Parsing a hard document in a limited child: the job the child runs, and the parse function that sends it there."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import LimitExceeded, NeedsChild, ReaderDied, SidecarUnreadable
from ckpt_indexer.sidecar.loading import parse_anything, parse_inline

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.sandbox.pool import Pool

_JOB = f"{__name__}:parse_encoded"


def parse_encoded(document: str) -> Any:  # noqa: ANN401  # any JSON-like value
    """Return the value of a document given in base64. Runs in the child."""
    return parse_anything(base64.b64decode(document, validate=True))


def parse_with(pool: Pool) -> Callable[[bytes], Any]:  # the callable returns any JSON-like value
    """Return a parse function that reads inline what is harmless and sends the rest to a child of the pool.

    A child that dies is asked once more: it may have been killed from outside.
    """

    def parse(data: bytes) -> Any:  # noqa: ANN401  # any JSON-like value
        try:
            return parse_inline(data)
        except NeedsChild:
            return _parse_in_child(pool, data)

    return parse


def _parse_in_child(pool: Pool, data: bytes) -> Any:  # noqa: ANN401  # any JSON-like value
    document = base64.b64encode(data).decode("ascii")
    try:
        try:
            return pool.call(_JOB, document=document)
        except ReaderDied:
            return pool.call(_JOB, document=document)
    except (ReaderDied, LimitExceeded) as exc:
        message = f"parsing it safely failed ({exc.message}); write it as plain block YAML"
        raise SidecarUnreadable(message, reason="child") from exc
