"""Page cursors: where a page ended, as opaque text bound to the question it belongs to. Pure.

A cursor holds the sort values and id of the last row, so the next page starts right behind it, however far down.
"""

from __future__ import annotations

from ckpt_indexer.errors import InvalidCursor

Key = None | int | float | str | bytes
MAX_TEXT = 16384
_SUM_BYTES = 8


def encode(values: tuple[Key, ...], row_id: int, question: str) -> str:
    """Return the cursor behind a row with these sort values. `question` is the query and sort it belongs to."""
    import json
    from base64 import urlsafe_b64encode

    body = json.dumps([row_id, [_packed(value) for value in values]], separators=(",", ":")).encode()
    return urlsafe_b64encode(_checksum(body, question) + body).rstrip(b"=").decode()


def decode(text: str, question: str) -> tuple[tuple[Key, ...], int]:
    """Return the sort values and id. Raises InvalidCursor when it was altered or belongs to another question."""
    import json
    from base64 import urlsafe_b64decode

    if len(text) > MAX_TEXT or not text.isascii():
        raise InvalidCursor("the cursor is no cursor of this program; start again without it")
    try:
        whole = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise InvalidCursor("the cursor is no cursor of this program; start again without it") from None
    given, body = whole[:_SUM_BYTES], whole[_SUM_BYTES:]
    if given != _checksum(body, question) or _spelled(whole) != text:
        raise InvalidCursor("the cursor belongs to another query or sort, or was altered; start again without it")
    row_id, values = json.loads(body)
    return tuple(bytes.fromhex(value[0]) if isinstance(value, list) else value for value in values), row_id


def _spelled(whole: bytes) -> str:
    """Return the one spelling of a cursor: base64 readers overlook stray characters."""
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(whole).rstrip(b"=").decode()


def _packed(value: Key) -> int | float | str | list[str] | None:
    return [value.hex()] if isinstance(value, bytes) else value


def _checksum(body: bytes, question: str) -> bytes:
    from hashlib import blake2b

    return blake2b(body, digest_size=_SUM_BYTES, key=blake2b(question.encode(), digest_size=32).digest()).digest()
