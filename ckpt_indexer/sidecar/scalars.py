"""One YAML 1.1 scalar: from its spelling to its value, as PyYAML's safe loader decides it. Pure.

Two deviations, shared with `strict_yaml`: timestamps stay the text they were written as, and a number of more than
`MAX_NUMBER_LENGTH` characters is none (turning digits into a number costs the square of their count).
"""

from __future__ import annotations

import re

from ckpt_indexer.sidecar.bounds import MAX_NUMBER_LENGTH


class OutsideSubsetError(Exception):
    """The text is nothing the plain reader may answer. Never leaves the room."""


def _words() -> dict[str, bool | None]:
    spellings = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False, "null": None}
    words: dict[str, bool | None] = {"~": None}
    for word, value in spellings.items():
        words |= {word: value, word.title(): value, word.upper(): value}
    return words


WORDS = _words()
"""Every spelling of true, false and null."""

_FLOAT = re.compile(
    r"""[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?
       |\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?
       |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
       |[-+]?\.(?:inf|Inf|INF)
       |\.(?:nan|NaN|NAN)""",
    re.VERBOSE,
)
_INT = re.compile(
    r"""[-+]?0b[01_]+
       |[-+]?0[0-7_]+
       |[-+]?(?:0|[1-9][0-9_]*)
       |[-+]?0x[0-9a-fA-F_]+
       |[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+""",
    re.VERBOSE,
)
_NUMBER_STARTS = frozenset("-+.0123456789")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_ESCAPES = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}


def resolve(text: str) -> str | int | float | bool | None:
    """Return the value of a plain (unquoted) scalar.

    Raises:
        OutsideSubsetError: it looks like a number and is none that can be computed here.
    """
    if text[0] not in _NUMBER_STARTS:
        return WORDS.get(text, text)
    if len(text) > MAX_NUMBER_LENGTH:
        raise OutsideSubsetError
    if _FLOAT.fullmatch(text):
        return _float(text.replace("_", "").lower())
    if _INT.fullmatch(text):
        return _int(text.replace("_", ""))
    return text


def _int(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-")
    try:
        if digits.startswith("0b"):
            return sign * int(digits, 2)
        if digits.startswith("0x"):
            return sign * int(digits, 16)
        if ":" in digits:
            total = 0
            for part in digits.split(":"):
                total = total * 60 + int(part)
            return sign * total
        return sign * int(digits, 8 if digits[0] == "0" else 10)
    except ValueError:
        raise OutsideSubsetError from None


def _float(text: str) -> float:
    sign = -1.0 if text[0] == "-" else 1.0
    digits = text.lstrip("+-")
    if digits == ".inf":
        return sign * float("inf")
    if digits == ".nan":
        return float("nan")
    if ":" not in digits:
        return sign * float(digits)
    total, base = 0.0, 1  # summed from the right, as PyYAML does: the last bit depends on the order
    for part in reversed(digits.split(":")):
        total += float(part) * base
        base *= 60
    return sign * total


def unescape(text: str) -> str:
    """Return the text between double quotes with its escapes resolved.

    Raises:
        OutsideSubsetError: an escape YAML 1.1 does not know, or one that names no character.
    """
    return _ESCAPE.sub(_unescape_one, text) if "\\" in text else text


def _unescape_one(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) == 1:
        if code not in _ESCAPES:
            raise OutsideSubsetError
        return _ESCAPES[code]
    number = int(code[1:], 16)
    if 0xD800 <= number <= 0xDFFF or number > 0x10FFFF:
        raise OutsideSubsetError
    return chr(number)
