"""Query text to tokens: words separated by spaces, parts of them in quotes. Pure.

A token keeps two texts of equal length: the characters, and a shadow in which every quoted character is a placeholder,
so that the parser sees operators, commas and wildcards only where they were not quoted.
"""

from __future__ import annotations

from typing import NamedTuple

from ckpt_indexer.errors import InvalidFilter

QUOTED = "\x01"
"""Stands in a shadow for a character that was quoted."""
_BEFORE_QUOTE = ":<>=,"


class Token(NamedTuple):
    """One word of the query."""

    text: str
    shadow: str
    position: int
    """Index of its first character in the text it came from."""

    def slice(self, start: int, end: int | None = None) -> Token:
        """Return a part of the word."""
        return Token(self.text[start:end], self.shadow[start:end], self.position + start)


def lex(text: str, *, split: bool = True) -> list[Token]:
    """Return the words of a text; with `split` False spaces are ordinary characters. Raises InvalidFilter."""
    tokens = []
    index, end = 0, len(text)
    while index < end:
        if split and text[index].isspace():
            index += 1
            continue
        token, index = _word(text, index, split=split)
        tokens.append(token)
    return tokens


def _word(text: str, start: int, *, split: bool) -> tuple[Token, int]:
    chars: list[str] = []
    shadow: list[str] = []
    index = start
    while index < len(text) and not (split and text[index].isspace()):
        char = text[index]
        if char in "\"'" and _may_open(text, start, index):
            inside, index = _quoted(text, index)
            chars.append(inside)
            shadow.append(QUOTED * len(inside))
            continue
        chars.append(char)
        shadow.append(char)
        index += 1
    return Token("".join(chars), "".join(shadow), start), index


def _may_open(text: str, start: int, index: int) -> bool:
    """Tell whether a quote here opens: where a word or a value begins, never inside one (`bob's.ckpt`)."""
    if index == start or text[index - 1] in _BEFORE_QUOTE or text[index - 2 : index] == "..":
        return True
    return index == start + 1 and text[start] in "-^"


def _quoted(text: str, opening: int) -> tuple[str, int]:
    """Return the characters between quotes and the index after the closing one; a backslash protects either."""
    quote = text[opening]
    inside: list[str] = []
    index = opening + 1
    while index < len(text):
        char = text[index]
        if char == quote:
            return "".join(inside), index + 1
        if char == "\\" and text[index + 1 : index + 2] in (quote, "\\"):
            index += 1
            char = text[index]
        inside.append(char)
        index += 1
    raise InvalidFilter(
        f"the quote at character {opening + 1} is never closed", term=text[opening : opening + 60], position=opening
    )
