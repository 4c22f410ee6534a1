"""Parameters as documents hold them: JSON scalars, lists of scalars, and nested mappings turned into dotted keys. Pure.

Null parameters are left out: absent and null mean the same. `1e-3`, which YAML 1.1 leaves as text, becomes a number
when it holds a dot or a signed exponent (`12e5` may as well be the start of a commit id and stays text).
"""

from __future__ import annotations

from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.fields import INT_LIMIT, as_float, is_clean, is_mapping, key_text, refuse, shown
from ckpt_indexer.metadata.record import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_VALUES = 2_000
"""More are not read: a document with aliases can describe more values than fit into memory."""
MAX_DEPTH = 32


def flatten(tree: Mapping[Any, Any], prefix: str, problems: list[Problem]) -> dict[str, Any]:  # JSON scalars and lists
    """Return nested parameters under dotted keys, in document order. `prefix` only names the place in problems."""
    flat: dict[str, Any] = {}  # JSON scalars and lists of them
    waiting = [(key_text(key), value, 1) for key, value in reversed(list(tree.items()))]
    seen = len(waiting)
    while waiting:
        key, value, depth = waiting.pop()
        if not is_mapping(value):
            if key in flat:
                problems.append(Problem("field", f"{prefix}{key}: given twice, the first is used"))
            else:
                keep(flat, key, value, prefix, problems)
            continue
        seen += len(value)
        if seen > MAX_VALUES or depth == MAX_DEPTH:
            limit = f"at most {MAX_VALUES} values, {MAX_DEPTH} levels deep"
            refuse(problems, prefix + key, limit, value)
            continue
        waiting += [(f"{key}.{key_text(inner)}", below, depth + 1) for inner, below in reversed(list(value.items()))]
    return flat


def keep(into: dict[str, Any], key: str, value: object, prefix: str, problems: list[Problem]) -> None:
    """Put one parameter into a mapping; null is left out, what is no JSON scalar or list of them is a problem."""
    kept: Any = scalar(value)  # a JSON scalar or a list of them
    if kept is None and isinstance(value, list | tuple):
        items = [scalar(item) for item in value]
        kept = None if None in items else items
    if kept is not None:
        into[key] = kept
    elif value is None:
        return
    elif isinstance(value, float):
        problems.append(Problem("not_finite", f"{prefix}{key}: {shown(value)} is not a finite number"))
    else:
        refuse(problems, prefix + key, "a number, text, true, false, or a list of these", value)


def scalar(value: object) -> int | float | bool | str | None:
    """Return one parameter value as a JSON scalar; None when it cannot be one."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _number_or_text(value) if is_clean(value) else None
    if isinstance(value, int):
        return value if -INT_LIMIT <= value < INT_LIMIT else None
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value.isoformat() if isinstance(value, date) else None


def _number_or_text(value: str) -> float | str:
    """Return the number YAML 1.1 overlooked, else the text itself."""
    number = as_float(value)
    if number is None or not isfinite(number) or not ("." in value or "e-" in value.lower() or "e+" in value.lower()):
        return value
    return number
