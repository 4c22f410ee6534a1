"""The protobuf wire format, as far as event files need it: fields of one message, nothing nested. Pure.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Field = tuple[int, "int | bytes"]
"""Field number, and its value: a varint as int, anything else as its bytes."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT = 10


class BrokenMessage(ValueError):
    """The bytes are no message."""


def fields_of(message: bytes) -> Iterator[Field]:
    """Yield the fields of a message in order.

    Raises:
        BrokenMessage: it is cut off, or uses a wire type that is none.
    """
    offset, size = 0, len(message)
    while offset < size:
        key, offset = _varint(message, offset)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, offset = _varint(message, offset)
            yield number, value
            continue
        if wire == _BYTES:
            length, offset = _varint(message, offset)
        elif wire in {_FIXED64, _FIXED32}:
            length = 8 if wire == _FIXED64 else 4
        else:
            raise BrokenMessage(f"wire type {wire}")
        if length > size - offset:
            raise BrokenMessage("cut off")
        yield number, message[offset : offset + length]
        offset += length


def first_bytes(fields: list[Field], number: int) -> bytes | None:
    """Return the first value of a field that is bytes; None when there is none."""
    return next((value for found, value in fields if found == number and isinstance(value, bytes)), None)


def packed_numbers(code: str, data: bytes) -> list[float]:
    """Return numbers of one format (`<f`, `<d`) that stand side by side, at most two: one is a scalar, two are not."""
    width = struct.calcsize(code)
    return [struct.unpack_from(code, data, offset)[0] for offset in range(0, min(len(data) // width, 2) * width, width)]


def _varint(message: bytes, offset: int) -> tuple[int, int]:
    """Return (an unsigned number, the offset behind it)."""
    value = shift = 0
    for byte in message[offset : offset + _MAX_VARINT]:
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
    raise BrokenMessage("a number without end")
