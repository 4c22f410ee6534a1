"""Opcodes that push one number, text or byte string. Each function takes the state and the position after its opcode,
and returns the position after its argument.

Meanings and encodings: https://github.com/python/cpython/blob/v3.13.0/Lib/pickletools.py
"""

from __future__ import annotations

import codecs
import re
from struct import Struct
from typing import TYPE_CHECKING

from ckpt_indexer.readers.pickle.nodes import SkippedNode
from ckpt_indexer.readers.pickle.state import Broken, State

if TYPE_CHECKING:
    from collections.abc import Callable

_UINT2 = Struct("<H").unpack_from
_INT4 = Struct("<i").unpack_from
_UINT4 = Struct("<I").unpack_from
_UINT8 = Struct("<Q").unpack_from
_DOUBLE = Struct(">d").unpack_from

_DIGITS = 2_500
"""Decimal digits an integer of `Limits.long_bytes` (1 KiB) has at most, rounded up."""
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_CONTROLS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"\n": b""}


def none(state: State, pos: int) -> int:
    """NONE."""
    state.stack.append(None)
    return pos


def true(state: State, pos: int) -> int:
    """NEWTRUE."""
    state.stack.append(True)
    return pos


def false(state: State, pos: int) -> int:
    """NEWFALSE."""
    state.stack.append(False)
    return pos


def binint(state: State, pos: int) -> int:
    """BININT: four bytes, signed."""
    state.stack.append(_INT4(state.data, pos)[0])
    return pos + 4


def binint1(state: State, pos: int) -> int:
    """BININT1: one byte."""
    state.stack.append(state.data[pos])
    return pos + 1


def binint2(state: State, pos: int) -> int:
    """BININT2: two bytes."""
    state.stack.append(_UINT2(state.data, pos)[0])
    return pos + 2


def binfloat(state: State, pos: int) -> int:
    """BINFLOAT: eight bytes, big-endian."""
    state.stack.append(_DOUBLE(state.data, pos)[0])
    return pos + 8


def long1(state: State, pos: int) -> int:
    """LONG1: length in one byte, then a little-endian two's complement number."""
    return _long(state, pos + 1, state.data[pos])


def long4(state: State, pos: int) -> int:
    """LONG4: length in four bytes, signed."""
    return _long(state, pos + 4, _INT4(state.data, pos)[0])


def _long(state: State, pos: int, size: int) -> int:
    after = state.argument(pos, size)
    if size > state.limits.long_bytes:
        state.note("limit", f"an integer of more than {state.limits.long_bytes} bytes was skipped")
        state.stack.append(SkippedNode(size))
    else:
        state.stack.append(int.from_bytes(state.data[pos:after], "little", signed=True))
    return after


def text_int(state: State, pos: int) -> int:
    """INT: a line; `00` and `01` are the booleans."""
    line, after = state.line(pos)
    if line in {b"00", b"01"}:
        state.stack.append(line == b"01")
    else:
        _push_digits(state, line)
    return after


def text_long(state: State, pos: int) -> int:
    """LONG: a line that ends with L."""
    line, after = state.line(pos)
    _push_digits(state, line.removesuffix(b"L"))
    return after


def _push_digits(state: State, digits: bytes) -> None:
    if len(digits) > _DIGITS:
        state.note("limit", f"an integer of more than {_DIGITS} digits was skipped")
        state.stack.append(SkippedNode(len(digits)))
        return
    try:
        state.stack.append(int(digits))
    except ValueError as exc:
        raise Broken("malformed", "an integer that is not one") from exc


def text_float(state: State, pos: int) -> int:
    """FLOAT: a line."""
    line, after = state.line(pos)
    try:
        state.stack.append(float(line))
    except ValueError as exc:
        raise Broken("malformed", "a floating point number that is not one") from exc
    return after


def short_binunicode(state: State, pos: int) -> int:
    """SHORT_BINUNICODE: length in one byte, UTF-8."""
    return _unicode(state, pos + 1, state.data[pos])


def binunicode(state: State, pos: int) -> int:
    """BINUNICODE: length in four bytes, UTF-8."""
    return _unicode(state, pos + 4, _UINT4(state.data, pos)[0])


def binunicode8(state: State, pos: int) -> int:
    """BINUNICODE8: length in eight bytes, UTF-8."""
    return _unicode(state, pos + 8, _UINT8(state.data, pos)[0])


def _unicode(state: State, pos: int, size: int) -> int:
    after = pos + size
    if after > state.end or size > state.limits.string_bytes:
        return _skip(state, pos, size)
    raw = state.data[pos:after]
    try:
        state.stack.append(raw.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        state.note("malformed", "a text that is not UTF-8")
        state.stack.append(raw.decode("utf-8", "backslashreplace"))
    return after


def _skip(state: State, pos: int, size: int) -> int:
    """Step over a text or byte string too long to be kept."""
    after = state.argument(pos, size)
    state.note("limit", f"a text or byte string of more than {state.limits.string_bytes} bytes was skipped")
    state.stack.append(SkippedNode(size))
    return after


def text_unicode(state: State, pos: int) -> int:
    """UNICODE: a line in raw-unicode-escape. Decoded by function, because a codec's name would be imported."""
    line, after = state.line(pos)
    try:
        state.stack.append(codecs.raw_unicode_escape_decode(line)[0])
    except UnicodeDecodeError:
        state.note("malformed", "a text with an escape that means nothing")
        state.stack.append(line.decode("latin-1"))
    return after


def short_binbytes(state: State, pos: int) -> int:
    """SHORT_BINBYTES: length in one byte."""
    return _bytes(state, pos + 1, state.data[pos])


def binbytes(state: State, pos: int) -> int:
    """BINBYTES: length in four bytes."""
    return _bytes(state, pos + 4, _UINT4(state.data, pos)[0])


def binbytes8(state: State, pos: int) -> int:
    """BINBYTES8 and BYTEARRAY8: length in eight bytes."""
    return _bytes(state, pos + 8, _UINT8(state.data, pos)[0])


def _bytes(state: State, pos: int, size: int) -> int:
    after = pos + size
    if after > state.end or size > state.limits.string_bytes:
        return _skip(state, pos, size)
    state.stack.append(state.data[pos:after])
    return after


def short_binstring(state: State, pos: int) -> int:
    """SHORT_BINSTRING: a str of Python 2, length in one byte."""
    return _string(state, pos + 1, state.data[pos])


def binstring(state: State, pos: int) -> int:
    """BINSTRING: a str of Python 2, length in four bytes, signed."""
    return _string(state, pos + 4, _INT4(state.data, pos)[0])


def _string(state: State, pos: int, size: int) -> int:
    after = state.argument(pos, size)
    if size > state.limits.string_bytes:
        return _skip(state, pos, size)
    state.stack.append(_text_or_bytes(state.data[pos:after]))
    return after


def text_string(state: State, pos: int) -> int:
    """STRING: a str of Python 2, quoted and escaped, on a line."""
    line, after = state.line(pos)
    line = line.strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in {b"'", b'"'}:
        raise Broken("malformed", "a string without its quotes")
    body = line[1:-1]
    state.stack.append(_text_or_bytes(_ESCAPE.sub(_unescape, body) if b"\\" in body else body))
    return after


def _unescape(match: re.Match[bytes]) -> bytes:
    digits, octal, other = match.groups()
    if digits is not None:
        return bytes((int(digits, 16),))
    if octal is not None:
        return bytes((int(octal, 8) & 0xFF,))
    return _CONTROLS.get(other, other if other in b"\\'\"" else b"\\" + other)


def _text_or_bytes(raw: bytes) -> str | bytes:
    """Return what a Python 2 str was: text where it reads as UTF-8, else bytes."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


SCALARS: dict[str, Callable[[State, int], int]] = {
    "N": none,
    "\x88": true,
    "\x89": false,
    "J": binint,
    "K": binint1,
    "M": binint2,
    "G": binfloat,
    "\x8a": long1,
    "\x8b": long4,
    "I": text_int,
    "L": text_long,
    "F": text_float,
    "\x8c": short_binunicode,
    "X": binunicode,
    "\x8d": binunicode8,
    "V": text_unicode,
    "C": short_binbytes,
    "B": binbytes,
    "\x8e": binbytes8,
    "\x96": binbytes8,
    "U": short_binstring,
    "T": binstring,
    "S": text_string,
}
