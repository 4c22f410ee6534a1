"""The query language: text to a Query of typed terms and sorts. Pure; knows fields, not tables.

    backbone:resnet18,resnet50 hmean>0.8 epoch:5..10 val/iou>0.8 param.lr:<0.01 exp:dbnet-* created:2026-06..
    -source:names hmean-

Words are joined by AND, commas by OR. `-` or `^` in front negates. `field-` and `field+` sort. `field:` alone means
"unknown". A word without an operator is a part of the path. Text is compared without regard to the case of ASCII
letters; `*` and `?` are wildcards; quotes take away every special meaning. `=` is an operator only where a value of
that field follows, because file names are full of it (`epoch=3.ckpt` is a word).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.catalog import terms
from ckpt_indexer.catalog.fields import FIELDS, PROMOTED, find_field, nearest
from ckpt_indexer.catalog.lexer import QUOTED, Token, lex
from ckpt_indexer.catalog.terms import BadValue, Check, Target
from ckpt_indexer.errors import InvalidFilter

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MAX_TEXT, MAX_TERMS, MAX_VALUES = 4096, 64, 1000
_HEAD = re.compile(rf"({QUOTED}+|[^\W\d][^\s:<>=,{QUOTED}]*)(:(?:>=|<=|>|<|=)?|>=|<=|>|<|=)")
_OPERATOR = re.compile(r":(?:>=|<=|>|<|=)?|>=|<=|>|<|=")
_SORT = re.compile(rf"({QUOTED}+|[^\W\d][^\s:<>=,{QUOTED}]*)([+-])")
_CHECKPOINT_END = (".pth.tar", ".ckpt", ".pt", ".pth", ".safetensors", ".keras", ".onnx", ".gguf")


class Term(NamedTuple):
    """One condition: any of `checks` holds for the target; for a target None, the path contains it."""

    target: Target | None
    checks: tuple[Check, ...]
    negated: bool = False


class Sort(NamedTuple):
    """One sort key; rows without a value come last either way."""

    target: Target
    descending: bool


class Query(NamedTuple):
    """What to match and in which order."""

    terms: tuple[Term, ...] = ()
    sorts: tuple[Sort, ...] = ()

    @property
    def names_presence(self) -> bool:
        """Tell whether the query itself says which presence it wants."""
        return any(term.target is not None and term.target.name == "presence" for term in self.terms)


def parse(text: str | Sequence[str], known_metrics: Collection[str] = ()) -> Query:
    """Return the query. `known_metrics` are names the catalog has logged; those with a `/` need not be among them.

    A sequence is words of a command line: each is one term, spaces included, unless the further words in it are
    terms themselves.

    Raises:
        InvalidFilter: unknown field, value of the wrong kind, or a limit exceeded; names the term and its place.
    """
    reader = _Reader(known_metrics)
    parts = [text] if isinstance(text, str) else list(text)
    if sum(len(part.encode("utf-8", "replace")) for part in parts) > MAX_TEXT:
        raise InvalidFilter(f"the query is longer than {MAX_TEXT} bytes", limit=MAX_TEXT)
    tokens = [token for part in parts for token in _tokens(_clean(part), whole=not isinstance(text, str))]
    if len(tokens) > MAX_TERMS:
        raise InvalidFilter(f"the query has more than {MAX_TERMS} terms", limit=MAX_TERMS)
    found = [reader.read(index, token) for index, token in enumerate(tokens)]
    conditions = tuple(item for item in found if isinstance(item, Term))
    if sum(len(term.checks) for term in conditions) > MAX_VALUES:
        raise InvalidFilter(f"the query has more than {MAX_VALUES} values", limit=MAX_VALUES)
    return Query(conditions, tuple(item for item in found if isinstance(item, Sort)))


def parse_sort(text: str, known_metrics: Collection[str] = ()) -> tuple[Sort, ...]:
    """Return sort keys from `-hmean,epoch` or `hmean- epoch+`; a bare name sorts upwards. Raises InvalidFilter."""
    reader = _Reader(known_metrics)
    words = text.replace(",", " ").split()
    if len(words) > MAX_TERMS or len(text) > MAX_TEXT:
        raise InvalidFilter("the sort has too many fields", limit=MAX_TERMS)
    return tuple(reader.sort_key(index, _clean(word)) for index, word in enumerate(words))


def _clean(text: str) -> str:
    """Return the text as stored paths show it: undecodable bytes of a command line become their display form."""
    if "\x00" in text:
        raise InvalidFilter("the query contains a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        from ckpt_indexer.metadata.naming import display, raw

        try:
            return display(raw(text))
        except UnicodeEncodeError:
            raise InvalidFilter("the query contains characters that are not text (lone surrogates)") from None
    return text


def _tokens(part: str, *, whole: bool) -> list[Token]:
    tokens = lex(part)
    if not whole or len(tokens) < 2 or not _HEAD.match(tokens[0].shadow.lstrip("-^")):
        return tokens
    if all(_HEAD.match(token.shadow.lstrip("-^")) or _SORT.fullmatch(token.shadow) for token in tokens[1:]):
        return tokens
    return lex(part.strip(), split=False)


class _Reader:
    """Reads tokens against the fields and one catalog's metric names."""

    def __init__(self, known_metrics: Collection[str]) -> None:
        self._known = known_metrics

    def read(self, index: int, token: Token) -> Term | Sort:
        """Return what one token says. Raises InvalidFilter."""
        sort = self._sort(token)
        if sort is not None:
            return sort
        negated = token.shadow[:1] in ("-", "^") and len(token.shadow) > 1
        body = token.slice(1) if negated else token
        try:
            term = self._condition(body)
            if term is None:
                term = Term(None, (terms.path_part(body),))
        except BadValue as error:
            raise self._invalid(index, token, error) from None
        return term._replace(negated=negated)

    def sort_key(self, index: int, word: str) -> Sort:
        """Return the key one word of a sort option names. Raises InvalidFilter."""
        name = word.lstrip("+-") if word[:1] in ("+", "-") else word.rstrip("+-")
        target = self._target(name)
        token = Token(word, word, 0)
        if target is None:
            raise self._invalid(index, token, self._unknown(name))
        if target.kind == "list":
            raise self._invalid(index, token, BadValue(f"{name} holds several values and cannot be sorted by"))
        return Sort(target, descending="-" in (word[:1], word[-1:]))

    def _sort(self, token: Token) -> Sort | None:
        name, sign = token.text[:-1], token.shadow[-1:]
        if sign not in ("+", "-") or not name:
            return None
        target = self._target(name) if _SORT.fullmatch(token.shadow) else self._odd_name(name)
        if target is None or target.kind == "list" or (target.kind == "metric" and name not in self._known):
            return None
        return Sort(target, descending=sign == "-")

    def _odd_name(self, name: str) -> Target | None:
        """Return the metric with characters in its name that are operators elsewhere (`mAP@0.5:0.95`), if logged."""
        return Target("metric", name) if _OPERATOR.search(name) and name in self._known else None

    def _condition(self, body: Token) -> Term | None:
        """Return the condition on a field, None when the word is a part of the path."""
        match = _HEAD.match(body.shadow)
        if match is None:
            return None
        name, operator, values = body.text[: match.end(1)], match[2].lstrip(":"), body.slice(match.end())
        for later in _OPERATOR.finditer(body.shadow, match.end()):
            target = self._odd_name(body.text[: later.start()])
            if target is not None:
                return Term(target, terms.checks(target, later[0].lstrip(":"), body.slice(later.end())))
        if match[2] == "=" and not self._assigns(name, values):
            return None
        target = self._target(name)
        if target is None:
            raise self._unknown(name)
        if target.kind == "text" and name in self._known and (operator in terms.COMPARISONS or ".." in values.shadow):
            target = Target("metric", name)
        try:
            return Term(target, terms.checks(target, operator, values))
        except BadValue:
            if match[2] == ":" and target.kind == "metric" and name not in self._known:
                return None  # a path with a colon, such as runs/2026-06-01/12:30
            raise

    def _assigns(self, name: str, values: Token) -> bool:
        """Tell whether `name=value` is a condition, not a piece of a file name such as `epoch=3-hmean=0.8.ckpt`."""
        target = self._target(name)
        if target is None or (target.kind == "metric" and name not in self._known):
            return False
        if any(char in values.shadow for char in "=/") or values.shadow.endswith(_CHECKPOINT_END) or not values.text:
            return False
        try:
            terms.checks(target, "=", values)
        except BadValue:
            return False
        return True

    def _target(self, name: str) -> Target | None:
        field = find_field(name)
        if field is not None:
            return Target(field.kind, field.name)
        head, dot, rest = name.partition(".")
        if dot and rest and head in ("param", "params"):
            return Target("param", rest)
        if dot and rest and head in ("metric", "metrics"):
            return Target("metric", rest)
        return Target("metric", name) if "/" in name or name in self._known else None

    def _unknown(self, name: str) -> BadValue:
        metrics = tuple(sorted(set(self._known) - set(PROMOTED))[:50])
        known = (*FIELDS, "param.NAME", *metrics)
        near = nearest(name, known)
        hint = f"; did you mean {near}?" if near else "."
        listed = ", ".join((*FIELDS, "param.NAME"))
        also = f"; metrics: {', '.join(metrics)}" if metrics else ""
        return BadValue(f"there is no field {name[:60]!r}{hint} Known fields: {listed}{also}", known=known, near=near)

    @staticmethod
    def _invalid(index: int, token: Token, error: BadValue) -> InvalidFilter:
        shown = token.text if len(token.text) <= 60 else token.text[:57] + "..."
        where = f"term {index + 1} ({shown}, at character {token.position + 1})"
        return InvalidFilter(
            f"{where}: {error}", term=shown, position=token.position, known=error.known, nearest=error.near
        )
