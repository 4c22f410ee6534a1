"""Values as text that leaves the program: escaped, exact, inert in a terminal, a spreadsheet and a browser. Pure.

Names of files and everything written in documents may hold terminal escapes, newlines or marks that turn the reading
order around. `shown` makes them visible; JSON comes out in ASCII.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def shown(text: str) -> str:
    r"""Return the text with every character a terminal would obey or hide written out: `\x1b`, `\n`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _NAMED.get(char) or _code(char) for char in text)


def _code(char: str) -> str:
    number = ord(char)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def csv_cell(value: Any) -> str:  # noqa: ANN401  # any value of a row
    """Return a value as a CSV file holds it: exact numbers, escaped text, and nothing a spreadsheet would calculate."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value) if math.isfinite(value) else ""
    text = _text(value)
    guard = "'" if text.startswith(_FORMULA) and not _NUMBER.match(text) else ""
    return guard + shown(text)


def _text(value: Any) -> str:  # noqa: ANN401  # any value of a row
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return to_json(value) if isinstance(value, dict | list | tuple) else str(value)


def to_json(value: Any, *, indent: int | None = None) -> str:  # noqa: ANN401  # any value of a row
    """Return ASCII JSON: no NaN, no raw control or bidi character, lone surrogates as escapes."""
    try:
        return json.dumps(value, allow_nan=False, indent=indent, default=_plain)
    except ValueError:  # NaN or infinity somewhere inside
        return json.dumps(_finite(value), allow_nan=False, indent=indent)


def _plain(value: object) -> Any:  # noqa: ANN401  # a JSON value
    """Return a JSON value for what JSON has no word for: bytes, as Datasette writes them."""
    if isinstance(value, bytes):
        import base64

        return {"$base64": True, "encoded": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _finite(value: Any) -> Any:  # noqa: ANN401  # a JSON value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return _plain(value) if isinstance(value, bytes) else value
