"""The values of one query term: `a,b`, `5..10`, `>0.8`, `dbnet-*`, turned into checks of the field's kind. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.catalog import values
from ckpt_indexer.catalog.fields import PRESENCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.catalog.lexer import Token

COMPARISONS = (">", ">=", "<", "<=")
MAX_PATTERN = 100
_WILDCARDS = "*?"
Scalar = int | float | str
_READERS: dict[str, Callable[[str], int | float]] = {
    "int": values.number, "real": values.number, "metric": values.number, "size": values.size, "count": values.count,
    "bool": values.boolean,
}  # fmt: skip


class Target(NamedTuple):
    """What a term or a sort is about."""

    kind: str
    """A kind of `fields.Field`, or `metric` or `param`."""
    name: str
    """Row key, metric name or hyper-parameter key."""


class Check(NamedTuple):
    """One alternative of a term."""

    op: str
    """null: no value. is: equal, text without regard to ASCII case. like: matches a LIKE pattern with `\\` as escape.
    contains: has `low` in it. range: between `low` and `high`, None is open. any: always."""
    low: Scalar | None = None
    high: Scalar | None = None
    low_open: bool = False
    high_open: bool = False


class BadValue(Exception):
    """Why a term cannot be understood; the parser adds which term."""

    def __init__(self, message: str, *, known: tuple[str, ...] = (), near: str | None = None) -> None:
        super().__init__(message)
        self.known = known
        self.near = near


def checks(target: Target, operator: str, text: Token) -> tuple[Check, ...]:
    """Return the alternatives of a term's values. Raises BadValue."""
    if operator in COMPARISONS:
        return (_comparison(target, operator, text),)
    if not text.text:
        if operator == "=":
            raise BadValue(f"{target.name}= needs a value; {target.name}: finds rows without one")
        return (Check("null"),)
    return tuple(_check(target, value) for value in _alternatives(text))


def path_part(word: Token) -> Check:
    """Return the check of a bare word: the path contains it, wildcards allowed. Raises BadValue."""
    if any(char in word.shadow for char in _WILDCARDS):
        return Check("like", f"%{_pattern(word)}%")
    return Check("contains", word.text)


def _alternatives(text: Token) -> list[Token]:
    parts, start = [], 0
    for index, char in enumerate(text.shadow + ","):
        if char == ",":
            part = text.slice(start, index)
            if not part.text:
                raise BadValue("a value is missing beside a comma")
            parts.append(part)
            start = index + 1
    return parts


def _check(target: Target, value: Token) -> Check:
    if target.kind in ("text", "list"):
        return _text(target, value)
    if target.kind == "time":
        return _time(value)
    if target.kind == "param":
        return _param(value)
    read = _READERS[target.kind]
    dots = value.shadow.find("..")
    if dots < 0 or target.kind == "bool":
        return Check("is", _read(read, value.text, target))
    low, high = value.text[:dots], value.text[dots + 2 :]
    return _range(_read(read, low, target) if low else None, _read(read, high, target) if high else None)


def _range(low: Scalar | None, high: Scalar | None, *, high_open: bool = False) -> Check:
    if low is None and high is None:
        raise BadValue("a range needs at least one end, as in 5..10, 5.. or ..10")
    return Check("range", low, high, high_open=high_open)


def _text(target: Target, value: Token) -> Check:
    if value.shadow.startswith(":"):
        raise BadValue("regular expressions are not part of the query language; use * and ?")
    if any(char in value.shadow for char in _WILDCARDS):
        return Check("like", _pattern(value))
    if target.name == "presence":
        word = value.text.lower()
        if word not in PRESENCES:
            raise BadValue(f"presence is one of {', '.join(PRESENCES)}", known=PRESENCES)
        return Check("any") if word == "any" else Check("is", word)
    return Check("is", value.text)


def _pattern(value: Token) -> str:
    r"""Return the LIKE pattern of a glob; `%`, `_` and `\` stand for themselves."""
    if len(value.text) > MAX_PATTERN:
        raise BadValue(f"a pattern may have at most {MAX_PATTERN} characters")
    made = []
    for char, shadow in zip(value.text, value.shadow, strict=True):
        if shadow == "*":
            made.append("%")
        elif shadow == "?":
            made.append("_")
        else:
            made.append("\\" + char if char in "%_\\" else char)
    return "".join(made)


def _time(value: Token) -> Check:
    dots = value.shadow.find("..")
    if dots < 0:
        low, high = _moment(value.text)
        return Check("range", low, high, high_open=True)
    first, last = value.text[:dots], value.text[dots + 2 :]
    return _range(_moment(first)[0] if first else None, _moment(last)[1] if last else None, high_open=True)


def _param(value: Token) -> Check:
    dots = value.shadow.find("..")
    if dots >= 0:
        low, high = value.text[:dots], value.text[dots + 2 :]
        try:
            return _range(values.number(low) if low else None, values.number(high) if high else None)
        except ValueError:
            pass  # `../data` is a text like any other
    if any(char in value.shadow for char in _WILDCARDS):
        return Check("like", _pattern(value))
    try:
        return Check("is", values.number(value.text))
    except ValueError:
        return Check("is", value.text)


def _comparison(target: Target, operator: str, value: Token) -> Check:
    if target.kind in ("text", "list", "bool"):
        raise BadValue(f"{target.name} has no order to compare by; write {target.name}:VALUE")
    if not value.text:
        raise BadValue(f"a value is missing after {operator}")
    if "," in value.shadow:
        raise BadValue(f"{operator} takes one value")
    if target.kind == "time":
        return _time_comparison(operator, *_moment(value.text))
    bound = _read(_READERS.get(target.kind, values.number), value.text, target)
    if operator in (">", ">="):
        return Check("range", bound, None, low_open=operator == ">")
    return Check("range", None, bound, high_open=operator == "<")


def _time_comparison(operator: str, start: str, end: str) -> Check:
    """Return the check against a span of time: after it begins there, before it ends here."""
    if operator in (">", ">="):
        return Check("range", end if operator == ">" else start, None)
    return Check("range", None, start if operator == "<" else end, high_open=True)


def _moment(text: str) -> tuple[str, str]:
    try:
        return values.moment(text)
    except ValueError as error:
        raise BadValue(f"{text[:40]!r} {error}") from None


def _read(read: Callable[[str], int | float], text: str, target: Target) -> int | float:
    try:
        return read(text)
    except ValueError as error:
        raise BadValue(f"{target.name}: {text[:40]!r} {error}") from None
