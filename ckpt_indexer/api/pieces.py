"""Long answers in pieces: each is made on a thread when the client has taken the one before."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ckpt_indexer.api.desk import Desk

ITEMS = 500
"""Items that become one piece."""


async def in_turn(desk: Desk, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what an iterator that blocks yields."""
    while (piece := await desk.read(lambda _: next(pieces, None))) is not None:
        yield piece


async def json_pieces(desk: Desk, envelope: bytes, items: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield an envelope whose empty `items` are filled with these."""
    before, _, after = envelope.partition(b'"items":[]')
    async for piece in in_turn(desk, _joined(before + b'"items":[', items)):
        yield piece
    yield b"]" + after


def _joined(head: bytes, items: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    separator = b""
    while some := list(islice(items, ITEMS)):
        yield separator + b",".join(some)
        separator = b","
