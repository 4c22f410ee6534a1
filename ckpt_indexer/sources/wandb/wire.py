"""Just enough of the protobuf wire format to read the records of a W&B log. Pure; bytes in, numbers and bytes out.

https://protobuf.dev/programming-guides/encoding/ says how fields are laid out. Every length is checked against the
bytes that remain before anything is sliced; what breaks the format is a `ValueError`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Value: TypeAlias = int | bytes
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES = 10
_WORD = 1 << 64


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """Yield (field number, value) in the order of the bytes: a whole number, or the bytes of what has a length.

    Raises:
        ValueError: the bytes are no message; what was yielded before still stands.
    """
    place, end = 0, len(message)
    while place < end:
        tag, place = _varint(message, place, end)
        kind = tag & 7
        if kind == _BYTES:
            count, place = _varint(message, place, end)
            if count > end - place:
                raise ValueError("a field is longer than its message")
            yield tag >> 3, message[place : place + count]
            place += count
        elif kind == _VARINT:
            number, place = _varint(message, place, end)
            yield tag >> 3, number
        elif kind in {_FIXED64, _FIXED32}:
            count = 8 if kind == _FIXED64 else 4
            if count > end - place:
                raise ValueError("a field is longer than its message")
            yield tag >> 3, message[place : place + count]
            place += count
        else:
            raise ValueError(f"a field of the unknown kind {kind}")


def signed(number: int) -> int:
    """Return what a varint means in an `int64` or `int32` field."""
    return number - _WORD if number >= _WORD >> 1 else number


def zigzag(number: int) -> int:
    """Return what a varint means in a `sint64` field."""
    return (number >> 1) ^ -(number & 1)


def double(value: bytes) -> float:
    """Return what eight bytes mean in a `double` field.

    Raises:
        ValueError: they are not eight.
    """
    if len(value) != struct.calcsize("<d"):
        raise ValueError("a double that has not eight bytes")
    number: float = struct.unpack("<d", value)[0]
    return number


def _varint(message: bytes, place: int, end: int) -> tuple[int, int]:
    """Return (number below 2**64, place behind it)."""
    if place < end and message[place] < 0x80:
        return message[place], place + 1
    number = 0
    for position in range(_VARINT_BYTES):
        if place >= end:
            break
        byte = message[place]
        place += 1
        number |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            if number >= _WORD:
                break
            return number, place
    raise ValueError("a number that does not end, or ends beyond 64 bits")
