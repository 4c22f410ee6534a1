"""A Query to SQL: conditions, sort keys and page seeks over `checkpoints c`. Values are bound, never spelled.

Text compares by SQLite's NOCASE. For the columns whose values the writer counts, a condition is put to those few
distinct values first (`facets`), so that an ordinary index answers although case does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.store.fields import GROUPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.catalog.query import Query, Sort, Term
    from ckpt_indexer.catalog.terms import Check, Target

Bound = None | int | float | str | bytes

_EXPRESSIONS = {
    "path": "c.path_bytes",
    "abs_path": "(SELECT rtrim(r.path, '/') || '/' FROM roots r WHERE r.id = c.root_id) || c.path",
}
"""Row keys that are no column, or sort by another one."""

_LISTS = {
    "metrics": ("FROM metrics l WHERE l.checkpoint_id = c.id AND l.stale = 0 AND l.value IS NOT NULL", "l.name"),
    "params": ("FROM params l WHERE l.checkpoint_id = c.id", "l.key"),
    "components": ("FROM components l WHERE l.checkpoint_id = c.id", "l.name"),
    "problems": ("FROM problems l WHERE l.checkpoint_id = c.id", "l.kind"),
    "tags": ("FROM json_each(c.nested, '$.tags') l WHERE 1", "l.value"),
    "conflicts": ("FROM json_each(c.nested, '$.conflicts') l WHERE 1", "json_extract(l.value, '$.field')"),
    "header": ("FROM json_each(c.nested, '$.header') l WHERE 1", "l.key"),
    "provenance": ("FROM json_each(c.nested, '$.provenance') l WHERE 1", "l.value"),
}
"""Row keys that hold several values: where they are, and the text a condition is about."""


class Key(NamedTuple):
    """One sort key. Rows without a value come last either way."""

    expression: str
    descending: bool


class Compiled(NamedTuple):
    """SQL of one query. `where` is a condition on `c`, `keys` what to sort by before the id."""

    where: str
    parameters: dict[str, Bound]
    keys: tuple[Key, ...]
    present_only: bool
    """Whether `where` must be joined with `PRESENT`: the query itself says nothing of presence."""
    by_experiment: bool
    """Whether `where` narrows by experiment, through its index."""


PRESENT = "c.presence = 'present'"


def compile_query(query: Query) -> Compiled:
    """Return the SQL of a query."""
    binder = _Binder()
    present_only = not query.names_presence
    parts = [_term(term, binder, counted=present_only) for term in query.terms]
    keys = tuple(key for sort in query.sorts for key in _keys(sort, binder))
    narrow = present_only and any(_narrows(term) for term in query.terms)
    return Compiled(" AND ".join(parts) or "1", binder.parameters, keys, present_only, narrow)


def order_by(keys: tuple[Key, ...], last: str = "c.id") -> str:
    """Return the ORDER BY list, with `last` as the tie-break and an explicit place for NULL."""
    parts = [f"{key.expression} {'DESC' if key.descending else 'ASC'} NULLS LAST" for key in keys]
    return ", ".join([*parts, last])


def seek(keys: tuple[Key, ...], values: tuple[Bound, ...], row_id: int) -> tuple[str, dict[str, Bound]]:
    """Return the condition "after the row with these sort values and this id", and its values."""
    condition = "c.id > :after_id"
    parameters: dict[str, Bound] = {"after_id": row_id}
    for index in range(len(keys) - 1, -1, -1):
        expression, name = keys[index].expression, f"after_{index}"
        if values[index] is None:
            condition = f"({expression} IS NULL AND {condition})"
            continue
        parameters[name] = values[index]
        sign = "<" if keys[index].descending else ">"
        later = f"({expression} {sign} :{name} OR {expression} IS NULL)"
        condition = f"({later} OR ({expression} = :{name} AND {condition}))"
    return condition, parameters


class _Binder:
    """Hands out names for values; the same value under the same name is bound once."""

    def __init__(self) -> None:
        self.parameters: dict[str, Bound] = {}

    def __call__(self, value: Bound) -> str:
        name = f"q{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"


def _narrows(term: Term) -> bool:
    target = term.target
    return (
        target is not None
        and target.name == "experiment"
        and target.kind == "text"
        and not term.negated
        and all(check.op in ("is", "like") for check in term.checks)
    )


def _keys(sort: Sort, binder: _Binder) -> list[Key]:
    kind, name = sort.target
    if kind == "metric":
        value = (
            f"(SELECT m.value FROM metrics m WHERE m.checkpoint_id = c.id AND m.name = {binder(name)} AND m.stale = 0)"
        )
        return [Key(value, sort.descending)]
    if kind == "param":
        source = f"FROM params p WHERE p.checkpoint_id = c.id AND p.key = {binder(name)})"
        return [Key(f"(SELECT p.num {source}", sort.descending), Key(f"(SELECT p.text {source}", sort.descending)]
    return [Key(_EXPRESSIONS.get(name, f"c.{name}"), sort.descending)]


def _term(term: Term, binder: _Binder, *, counted: bool) -> str:
    if term.target is None:
        condition = _any_of(term.checks, "c.path", binder)
    else:
        condition = _SHAPES.get(term.target.kind, _column)(term.target, term.checks, binder, counted)
    return f"({condition}) IS NOT TRUE" if term.negated else f"({condition})"


def _column(target: Target, checks: tuple[Check, ...], binder: _Binder, counted: bool) -> str:  # noqa: FBT001  # one signature for all shapes
    name = target.name
    expression = "c.path" if name == "path" else _EXPRESSIONS.get(name, f"c.{name}")
    if not (counted and name in GROUPS):
        return _any_of(checks, expression, binder)
    nulls = tuple(check for check in checks if check.op == "null")
    others = tuple(check for check in checks if check.op != "null")
    parts = [f"{expression} IS NULL"] if nulls else []
    if others:
        counts = f"SELECT f.value FROM facets f WHERE f.field = '{name}' AND f.metric = '' AND f.is_null = 0"
        parts.append(f"{expression} IN ({counts} AND ({_any_of(others, 'f.value', binder)}))")
    return " OR ".join(parts)


def _metric(target: Target, checks: tuple[Check, ...], binder: _Binder, _counted: bool) -> str:  # noqa: FBT001  # one signature for all shapes
    source = f"FROM metrics m WHERE m.checkpoint_id = c.id AND m.name = {binder(target.name)} AND m.stale = 0"
    return _exists(f"{source} AND m.value IS NOT NULL", "m.value", checks, binder)


def _param(target: Target, checks: tuple[Check, ...], binder: _Binder, _counted: bool) -> str:  # noqa: FBT001  # one signature for all shapes
    source = f"FROM params p WHERE p.checkpoint_id = c.id AND p.key = {binder(target.name)}"
    parts = []
    for check in checks:
        numeric = check.op == "range" or (check.op == "is" and not isinstance(check.low, str))
        parts.append(_exists(source, "p.num" if numeric else "p.text", (check,), binder))
    return " OR ".join(parts)


def _list(target: Target, checks: tuple[Check, ...], binder: _Binder, _counted: bool) -> str:  # noqa: FBT001  # one signature for all shapes
    return _exists(*_LISTS[target.name], checks, binder)


_SHAPES: dict[str, Callable[[Target, tuple[Check, ...], _Binder, bool], str]] = {
    "metric": _metric,
    "param": _param,
    "list": _list,
}


def _exists(source: str, expression: str, checks: tuple[Check, ...], binder: _Binder) -> str:
    """Return "one of the values passes a check"; a null check means there is no value at all."""
    others = tuple(check for check in checks if check.op != "null")
    parts = [f"NOT EXISTS (SELECT 1 {source})"] if len(others) < len(checks) else []
    if others:
        parts.append(f"EXISTS (SELECT 1 {source} AND ({_any_of(others, expression, binder)}))")
    return " OR ".join(parts)


def _any_of(checks: tuple[Check, ...], expression: str, binder: _Binder) -> str:
    texts = [check.low for check in checks if check.op == "is" and isinstance(check.low, str)]
    numbers = [check.low for check in checks if check.op == "is" and not isinstance(check.low, str)]
    parts = [_one(check, expression, binder) for check in checks if check.op != "is"]
    if texts:
        parts.append(f"{expression} COLLATE NOCASE IN ({', '.join(binder(text) for text in texts)})")
    if numbers:
        parts.append(f"{expression} IN ({', '.join(binder(number) for number in numbers)})")
    return " OR ".join(parts)


def _one(check: Check, expression: str, binder: _Binder) -> str:
    if check.op == "null":
        return f"{expression} IS NULL"
    if check.op == "any":
        return "1"
    if check.op == "contains":
        return f"instr(lower({expression}), lower({binder(check.low)})) > 0"
    if check.op == "like":
        return f"{expression} LIKE {binder(check.low)} ESCAPE '\\'"
    low = f"{expression} {'>' if check.low_open else '>='} {binder(check.low)}" if check.low is not None else ""
    high = f"{expression} {'<' if check.high_open else '<='} {binder(check.high)}" if check.high is not None else ""
    return f"({' AND '.join(part for part in (low, high) if part)})"
