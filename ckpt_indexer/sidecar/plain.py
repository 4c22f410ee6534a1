"""A fast reader of plain block YAML: what PyYAML's dumpers and careful hands write. Pure, linear, never recursive.

It answers only inside a small subset - block mappings and sequences, one-line scalars, `{}`, `[]`, one-line lists of
simple scalars, comments - and there it equals `strict_yaml` in value and type; a differential test is the licence
for that claim. Outside it says so and lets the real parser speak, also about errors such as a key given twice. Safe
on any text: every quantifier is possessive or bounded, so no input costs more than a few passes over it.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from ckpt_indexer.sidecar.bounds import MAX_DEPTH, MAX_NODES
from ckpt_indexer.sidecar.scalars import WORDS, OutsideSubsetError, resolve, unescape

Block: TypeAlias = "dict[str, Any] | list[Any]"  # YAML values: JSON's, and a float may be NaN or infinite

MAX_OPEN = MAX_DEPTH - 2
"""Collections open around the innermost; an empty `{}` or a one-line list may add a level unseen."""
MAX_KEY_LENGTH = 1000
"""YAML allows 1,024 characters before the colon of a key on one line."""

_LINES = re.compile(
    r"""
    ([ ]*+)                                               # the indentation
    (?:
      (?:([A-Za-z_][A-Za-z0-9_./@-]{0,250}+):|(-)(?=[ ])) # a key, or a dash with an item behind it
      (?:                                                 # the value, told apart by its spelling
        [ ](?:
          (-?[0-9]{1,25}+\.[0-9]{1,25}+(?:e[-+][0-9]{1,4}+)?+)
         |(0|-?[1-9][0-9]{0,17}+)
         |([A-Za-z_/][A-Za-z0-9_./=+@,-]*+|'[\x20-&(-~]*+')
        )(?=\n|\Z)
       |(?=\n|\Z)
      )
     |([^\n]++)                                           # any other line
    )?+
    \n?+""",
    re.VERBOSE,
).findall

_FIRST = r"""[^ !"#%&'*,\-:<=>?@\[\]`{|}]"""
_PLAIN = rf"(?:{_FIRST}|-(?=[^ ]))(?:[^ :]|:(?=[^ ])|[ ]++(?=[^ #:]))*+"
_SINGLE = r"'(?:[^']|'')*+'"
_DOUBLE = r'"(?:[^"\\]|\\[ -~])*+"'
_SCALAR = rf"(?:({_PLAIN})|({_SINGLE})|({_DOUBLE}))"
_END = r"[ ]*+(?:(?<=[ ])#.*+)?+\Z"
_WORD = r"-?[A-Za-z0-9_./+][A-Za-z0-9_./+-]*+"
_ITEM = rf"(?:{_WORD}|'[ -&(-~]*+'|\"[ !#-\[\]-~]*+\")"

_dash = re.compile(r"-([ ]++)(?=[^ #])").match
_key = re.compile(rf"{_SCALAR}:(?:[ ]++|\Z)").match
_scalar = re.compile(_SCALAR + _END).match
_nothing = re.compile(_END).match
_empty = re.compile(r"(\{[ ]*+\}|\[[ ]*+\])" + _END).match
_list = re.compile(rf"\[[ ]*+({_ITEM}(?:[ ]*+,[ ]*+{_ITEM})*+)[ ]*+\]{_END}").match
_items = re.compile(_ITEM).findall


def parse_plain(text: str) -> dict[str, Any] | None:  # YAML values
    """Return the document's mapping, None when it is outside the subset (which is no verdict on its validity)."""
    if len(text) > MAX_NODES and 2 * text.count("\n") + text.count(",") + text.count("- ") + 2 > MAX_NODES:
        return None
    try:
        return _read(text.removeprefix("---\n")) or None
    except OutsideSubsetError:
        return None


def _read(text: str) -> dict[str, Any]:  # YAML values
    """Walk the lines once; the common line - a key with a simple value - is dealt with right here."""
    root: dict[str, Any] = {}  # YAML values
    place = _Place(root)
    target: Any = root  # a mapping or, after another line, a sequence; `place.at` then equals no indentation
    at, opened, words = "", None, WORDS
    value: Any  # a YAML scalar
    for indent, key, dash, real, whole, word, other in _LINES(text):
        if real:
            value = float(real)
        elif word:
            value = word[1:-1] if word[0] == "'" else words.get(word, word)
        elif whole:
            value = int(whole)
        else:
            value = None
        if key:
            if indent != at:
                target = place.mapping_at(indent, opened)
                at = indent
            if key in target:
                raise OutsideSubsetError
            target[key] = value
            opened = None if real or word or whole else key
        elif dash:
            place.sequence_at(indent, opened).append(value)
            at, target, opened = place.at, place.target, None
        elif other and not (other[0] == "#" and other.isprintable()):
            opened = _other_line(other, indent, opened, place)
            at, target = place.at, place.target
    return root


class _Place:
    """The innermost open collection, and those around it."""

    __slots__ = ("at", "stack", "target")

    def __init__(self, root: dict[str, Any]) -> None:  # YAML values
        self.at = ""
        """Indentation of `target`, with a '-' behind it for a sequence."""
        self.target: Block = root
        self.stack: list[tuple[str, Block]] = []

    def mapping_at(self, indent: str, opened: str | None) -> dict[str, Any]:  # YAML values
        """Go to the mapping that a key at this indentation belongs to; `opened` is the key waiting for a value."""
        if opened is not None and len(indent) > len(self.at):
            child: dict[str, Any] = {}  # YAML values
            if not isinstance(self.target, dict) or len(self.stack) >= MAX_OPEN:
                raise OutsideSubsetError
            self.target[opened] = child
            self.stack.append((self.at, self.target))
            self.at, self.target = indent, child
            return child
        target = self._close_until(indent)
        if not isinstance(target, dict):
            raise OutsideSubsetError
        return target

    def sequence_at(self, indent: str, opened: str | None) -> list[Any]:  # YAML values
        """Go to the sequence that a dash at this indentation belongs to."""
        mark = indent + "-"
        if opened is not None and len(indent) >= len(self.at):
            child: list[Any] = []  # YAML values
            self._put(child, opened)
            self.enter(child, mark)
            return child
        target = self.target if self.at == mark else self._close_until(mark)
        if not isinstance(target, list):
            raise OutsideSubsetError
        return target

    def enter(self, child: Block, at: str) -> None:
        """Make a collection that was just put in its parent the innermost."""
        if len(self.stack) >= MAX_OPEN:
            raise OutsideSubsetError
        self.stack.append((self.at, self.target))
        self.at, self.target = at, child

    def _put(self, child: Block, key: str) -> None:
        if not isinstance(self.target, dict):
            raise OutsideSubsetError
        self.target[key] = child

    def _close_until(self, mark: str) -> Block:
        """Leave collections until the one standing at `mark`; none further out may be passed."""
        while self.stack:
            self.at, self.target = self.stack.pop()
            if self.at == mark:
                return self.target
            if len(self.at) < len(mark):
                break
        raise OutsideSubsetError


def _other_line(line: str, indent: str, opened: str | None, place: _Place) -> str | None:
    """Read a line the fast expression did not know; return the key it left waiting for a value."""
    if not line.isprintable():  # stricter than YAML, which also allows some blanks and marks nobody sees
        raise OutsideSubsetError
    dash = _dash(line)
    if dash is None:
        if not line.startswith(("...", "---")):  # what may end or begin a document
            match = _key(line)
            if match is not None:
                target = place.target if place.at == indent else place.mapping_at(indent, opened)
                return _add_pair(match, target)
        raise OutsideSubsetError
    items = place.sequence_at(indent, opened)
    start = dash.end()
    while (dash := _dash(line, start)) is not None:
        inner: list[Any] = []  # YAML values
        items.append(inner)
        place.enter(inner, indent + " " * start + "-")
        items, start = inner, dash.end()
    match = _key(line, start)
    if match is None:
        items.append(_value(line, start))
        return None
    item: dict[str, Any] = {}  # YAML values
    items.append(item)
    place.enter(item, indent + " " * start)
    return _add_pair(match, item)


def _add_pair(match: re.Match[str], target: Block) -> str | None:
    """Add a key and the value behind it; return the key when its value must follow on the next lines."""
    key = _text(match)
    if not isinstance(target, dict) or key in target or match.end() - match.start() > MAX_KEY_LENGTH:
        raise OutsideSubsetError
    if _nothing(match.string, match.end()):
        target[key] = None
        return key
    target[key] = _value(match.string, match.end())
    return None


def _value(line: str, start: int) -> Any:  # noqa: ANN401  # any YAML value
    """Return the one-line value that begins at `start`."""
    scalar = _scalar(line, start)
    if scalar is not None:
        return resolve(scalar[1]) if scalar[1] else _text(scalar)
    if empty := _empty(line, start):
        return {} if empty[1][0] == "{" else []
    if found := _list(line, start):
        items: list[str] = _items(found[1])
        return [item[1:-1] if item[0] in "'\"" else resolve(item) for item in items]
    raise OutsideSubsetError


def _text(match: re.Match[str]) -> str:
    """Return the text of a scalar, quoted or not, as it is meant."""
    plain, single, double = match[1], match[2], match[3]
    if plain:
        return plain
    return single[1:-1].replace("''", "'") if single else unescape(double[1:-1])
