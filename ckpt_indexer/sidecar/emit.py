"""From a mapping of JSON-like values to block YAML that `plain` and every YAML 1.1 reader take back unchanged. Pure.

One line per scalar, never folded; keys in the order given; text that another reader could take for a number, a truth
value or a date is quoted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.sidecar.bounds import MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_NUMBER_LENGTH
from ckpt_indexer.sidecar.scalars import WORDS

MAX_KEY_LENGTH = 900
"""YAML allows 1,024 characters before the colon."""

_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./@-]*+").fullmatch
_BARE_TEXT = re.compile(r"[A-Za-z_/][A-Za-z0-9_./=+@,-]*+").fullmatch
_QUOTED_WORDS = frozenset(WORDS) | frozenset("yYnN")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def emit(document: Mapping[str, Any]) -> str:  # JSON-like values
    """Return the text of the document.

    Raises:
        SidecarInvalid: it holds a value no document can hold, or more of them than would be read back.
    """
    lines: list[str] = []
    _mapping(document, "", lines, "", 1)
    text = "\n".join(lines) + "\n"
    size_bytes = len(text) if text.isascii() else len(text.encode())
    if size_bytes > MAX_BYTES:
        raise SidecarInvalid(f"the document would have {size_bytes} bytes, over the limit of {MAX_BYTES}; shorten it")
    return text


def _mapping(block: Mapping[str, Any], indent: str, lines: list[str], where: str, depth: int) -> None:  # JSON-like
    if depth > MAX_DEPTH - 2:
        raise SidecarInvalid(f"{where}: nested deeper than {MAX_DEPTH - 2} levels; flatten it", key=where)
    for key, value in block.items():
        if not isinstance(key, str):
            raise SidecarInvalid(f"{where or 'the document'}: the key {key!r} is no text", key=where)
        here = f"{where}.{key}" if where else key
        head = f"{indent}{_key(key)}:"
        if isinstance(value, Mapping) and value:
            lines.append(head)
            _mapping(value, indent + "  ", lines, here, depth + 1)
        elif isinstance(value, list | tuple) and value:
            lines.append(head)
            _sequence(value, indent, lines, here, depth + 1)
        else:
            lines.append(f"{head} {_scalar(value, here)}")
    _check_count(lines)


def _sequence(
    items: list[Any] | tuple[Any, ...], indent: str, lines: list[str], where: str, depth: int
) -> None:  # JSON-like
    """Append the items; a collection in a list begins on the line of its dash."""
    if depth > MAX_DEPTH - 2:
        raise SidecarInvalid(f"{where}: nested deeper than {MAX_DEPTH - 2} levels; flatten it", key=where)
    for number, item in enumerate(items):
        here = f"{where}[{number}]"
        start = len(lines)
        if isinstance(item, Mapping) and item:
            _mapping(item, indent + "  ", lines, here, depth + 1)
        elif isinstance(item, list | tuple) and item:
            _sequence(item, indent + "  ", lines, here, depth + 1)
        else:
            lines.append(f"{indent}  {_scalar(item, here)}")
        lines[start] = f"{indent}- {lines[start][len(indent) + 2 :]}"
    _check_count(lines)


def _check_count(lines: list[str]) -> None:
    if 2 * len(lines) + 2 > MAX_NODES:
        raise SidecarInvalid(f"more than {MAX_NODES} values; shorten the document")


def _key(key: str) -> str:
    if _BARE_KEY(key) and len(key) <= 128 and key not in _QUOTED_WORDS:
        return key
    quoted = _quoted(key, key[:100])
    if len(quoted) > MAX_KEY_LENGTH:
        raise SidecarInvalid(f"the key {key[:60]!r}... is longer than {MAX_KEY_LENGTH} characters", key=key[:60])
    return quoted


def _scalar(value: Any, where: str) -> str:  # noqa: ANN401  # any value may be offered; one line per kind
    """Return the spelling of a value; subclasses (numpy's float64, enums of text) as what they are."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = str.__str__(value)
        return text if _BARE_TEXT(text) and text not in _QUOTED_WORDS else _quoted(text, where)
    if isinstance(value, int):
        return _whole(int(value), where)
    if isinstance(value, float):
        return _real(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    raise SidecarInvalid(f"{where}: a {type(value).__name__} cannot be written; give text or a number", key=where)


def _whole(value: int, where: str) -> str:
    if value.bit_length() > 3 * MAX_NUMBER_LENGTH:
        raise SidecarInvalid(f"{where}: an integer too long to be read back; give it as text", key=where)
    return int.__repr__(value)


def _real(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = float.__repr__(value)
    return text.replace("e", ".0e", 1) if "e" in text and "." not in text else text  # YAML 1.1 wants the point


def _quoted(text: str, where: str) -> str:
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character, where) for character in text) + '"'


def _escaped(character: str, where: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise SidecarInvalid(f"{where}: text with half a character (a name that is not UTF-8?)", key=where)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
