"""Reading a request's body within a size and a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ckpt_indexer.api import problems

if TYPE_CHECKING:
    from starlette.types import Message, Receive

DRAIN_BYTES = 1024 * 1024
"""So much more than allowed is thrown away before the refusal, which a client that still sends would not see."""


class BodyRefused(Exception):  # no error: an answer
    """The body is too large, too slow, or did not come."""

    def __init__(self, status: int, name: str, detail: str) -> None:
        super().__init__(detail)
        self.response = problems.respond(status, name, detail, headers={"connection": "close"})


async def read_body(receive: Receive, *, most: int, deadline_s: float, announced: str | None) -> Receive:
    """Return a `receive` that gives the whole body at once.

    Raises:
        BodyRefused: it is longer than `most` bytes, or has not come after `deadline_s` seconds.
    """
    taken: list[bytes] = []
    size = 0
    length = int(announced) if announced is not None and announced.isascii() and announced.isdigit() else 0
    try:
        async with asyncio.timeout(deadline_s):
            while length <= DRAIN_BYTES and size <= DRAIN_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BodyRefused(400, "bad-request", "the body did not come")
                size += len(message.get("body", b""))
                if size <= most:
                    taken.append(message.get("body", b""))
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise BodyRefused(408, "timeout", f"the body did not come within {deadline_s:g} s") from None
    if max(size, length) > most:
        raise BodyRefused(413, "too-large", f"a body is at most {most:,} bytes")
    return _Whole(b"".join(taken), receive)


class _Whole:
    """Gives the body once, then what the connection says."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
