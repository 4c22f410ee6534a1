"""Messages between the pool and a child: JSON behind a four-byte length. Refuses to know what they mean."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER_BYTES = 4


def pack(message: dict[str, Any]) -> bytes:  # JSON values; NaN and infinities in Python's spelling
    """Return the bytes of one message."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def receive(read: Callable[[int], bytes], limit_bytes: int) -> dict[str, Any] | None:  # JSON values
    """Return the next message, None at the end of the stream; `read(n)` returns at most n bytes, b"" at the end.

    Raises:
        ValueError: the stream ends within a message, a message is over the limit, or is no JSON object.
    """
    header = _exactly(HEADER_BYTES, read)
    if not header:
        return None
    length = int.from_bytes(header, "big")
    if len(header) < HEADER_BYTES or length > limit_bytes:
        raise ValueError(f"a message of {length} bytes, over the limit of {limit_bytes}")
    body = _exactly(length, read)
    if len(body) < length:
        raise ValueError("the stream ended within a message")
    try:
        message = json.loads(body)
    except RecursionError as exc:
        raise ValueError("a message nested too deeply") from exc
    if not isinstance(message, dict):
        raise ValueError("a message that is no object")  # noqa: TRY004  # what breaks the protocol is a value, not a type
    return message


def _exactly(count: int, read: Callable[[int], bytes]) -> bytes:
    """Read until `count` bytes are there or the stream ends."""
    chunks = []
    while count:
        chunk = read(min(count, 1 << 16))
        if not chunk:
            break
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)
