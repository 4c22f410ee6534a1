"""Makes any value that came out of a document fit for SQLite and JSON. Pure; never raises for a strange value.

What breaks a naive writer: integers of 2**63 and more, lone surrogates, NaN (stored as NULL in silence) and NUL
characters (text functions stop there). https://www.sqlite.org/nulinstr.html
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # a constant to add microseconds to, written out with Z
_MAX_DEPTH = 100
_DECIMAL_BITS = 12_000
"""Longest integer written in decimal: CPython refuses more than 4,300 digits."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def text(value: object) -> str | None:
    """Return text that encodes to UTF-8 and holds no NUL; None for None. Other values become their JSON text."""
    if value.__class__ is str:
        found: str = value
        if found.isascii():
            return found if "\0" not in found else found.replace("\0", "\\x00")
        return _clean(found)
    if value is None:
        return None
    if isinstance(value, str):
        return _clean(str(value))
    if isinstance(value, datetime):
        return when(value)
    return to_json(value)


def integer(value: object) -> int | None:
    """Return an integer of at most 64 bits; None for anything that is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return int(value)
    return None


def real(value: object) -> float | None:
    """Return a finite float; None for anything that is none."""
    if value.__class__ is float:
        found: float = value
        return found if math.isfinite(found) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def number_in(value: object) -> float | None:
    """Return the number a hyper-parameter holds, also one that YAML left as text (`1e-3`)."""
    if isinstance(value, str):
        return real(float(value)) if len(value) <= 64 and _NUMBER.fullmatch(value) else None
    return real(value)


def wrap(value: int) -> int:
    """Return an unsigned 64-bit number (an inode, a device) as SQLite's signed one."""
    return (value & 0xFFFF_FFFF_FFFF_FFFF) - ((value & 0x8000_0000_0000_0000) << 1)


def unwrap(value: int) -> int:
    """Undo `wrap`."""
    return value & 0xFFFF_FFFF_FFFF_FFFF


def clamp(value: int) -> int:
    """Return the nearest signed 64-bit number."""
    return max(-(2**63), min(2**63 - 1, value))


def when(moment: datetime) -> str:
    """Return an aware time as ISO 8601 in UTC with microseconds and a Z; a naive one is taken for UTC."""
    aware = moment.astimezone(UTC) if moment.tzinfo is not None else moment
    return aware.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def when_ns(nanoseconds: int) -> str:
    """Return nanoseconds since 1970 as `when` does; times outside the years 1-9999 become the nearest."""
    try:
        moment = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        moment = datetime.max if nanoseconds > 0 else datetime.min  # noqa: DTZ901  # written out with Z
    return moment.isoformat(timespec="microseconds") + "Z"


def to_json(value: Any) -> str:  # noqa: ANN401  # any value a document held
    """Return compact JSON text; what JSON cannot hold is replaced by what says most: null, text, or a list."""
    try:
        raw = orjson.dumps(value)
    except TypeError:
        raw = orjson.dumps(_plain(value, 0))
    return raw.decode()


def _clean(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        value = value.encode("utf-8", "backslashreplace").decode()
    return value.replace("\0", "\\x00")


def _plain(value: Any, depth: int) -> Any:  # noqa: ANN401  # any value a document held
    if isinstance(value, dict | list | tuple | set | frozenset):
        if depth >= _MAX_DEPTH:
            return "..."
        if isinstance(value, dict):
            return {_plain_key(key): _plain(item, depth + 1) for key, item in value.items()}
        return [_plain(item, depth + 1) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> bool | int | float | str | None:  # noqa: ANN401  # any scalar
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else _digits(value)
    if isinstance(value, float):
        return real(value)
    if isinstance(value, datetime):
        return when(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return _clean(bytes(value).decode("utf-8", "backslashreplace"))
    return _clean(str(value))


def _plain_key(key: object) -> str:
    if isinstance(key, str):
        return _clean(key)
    if isinstance(key, bytes):
        return _clean(key.decode("utf-8", "backslashreplace"))
    return _digits(key) if isinstance(key, int) and not isinstance(key, bool) else _clean(str(key))


def _digits(value: int) -> str:
    return str(int(value)) if value.bit_length() <= _DECIMAL_BITS else hex(value)
