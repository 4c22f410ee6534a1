"""Single values of a checkpoint's plain data: is it a number, a count, a name, a mapping? Pure; never raises."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, TypeGuard

from ckpt_indexer.metadata.fields import INT_LIMIT, is_clean
from ckpt_indexer.readers.nodes import Opaque, Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.readers.nodes import Plain

MAX_TEXT = 1_000
"""Characters; longer text is no value of a row."""
MAX_NAME = 200
"""Characters of the name of a metric."""
MAX_VALUES = 20_000
"""Values of one configuration that are looked at."""
_MAX_DEPTH = 32
_WRAPPED = (("__dict__", "__pydantic_fields_set__"), ("__dict__", "__fields_set__"), ("_fields", "_locked"))
"""Where models of pydantic (2 and 1) and ml_collections' ConfigDict keep their values, and what else they have."""


def is_table(value: Plain) -> TypeGuard[dict[Any, Any]]:  # keys and values are checked one by one by the caller
    """Tell whether a value is a mapping."""
    return isinstance(value, dict)


def table(value: Plain) -> dict[Any, Any]:  # keys and values are checked one by one by the caller
    """Return a mapping, or the attributes of an object; an empty one for anything else."""
    value = _held(value)
    return value if isinstance(value, dict) else {}


def _held(value: Plain) -> Plain:
    """Return what an object holds: its attributes, or the mapping it was made of, or the one it only wraps. A value
    that is no object is returned as it is."""
    if isinstance(value, Opaque):
        held = value.args[0] if value.state is None and len(value.args) == 1 else value.state
        if isinstance(held, list) and held and value.name == "Config":  # mmengine: (content, file name, text, ...)
            held = held[0] if isinstance(held[0], dict) else _held(held[0])
        if not isinstance(held, dict):
            return value
        if len(held) == 1:  # collections.UserDict and ChainMap
            inner = held.get("data", _joined(held.get("maps")))
            held = inner if isinstance(inner, dict) else held
        value = held
    if isinstance(value, dict):
        for key, beside in _WRAPPED:
            inner = value.get(key)
            if isinstance(inner, dict) and beside in value:
                return inner
    return value


def _joined(maps: Plain) -> Plain:
    """Return several mappings as one, the first of which wins; None for anything else."""
    if not isinstance(maps, list) or not all(isinstance(one, dict) for one in maps):
        return None
    return {key: value for one in reversed(maps) for key, value in one.items()}


def is_number(value: Plain) -> bool:
    """Tell whether a value is one number, NaN and infinity included; a bool is none."""
    if isinstance(value, Tensor):
        value = value.value
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Plain) -> float | None:
    """Return one finite number as float; None for anything else."""
    if isinstance(value, Tensor):
        value = value.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and not -INT_LIMIT <= value < INT_LIMIT:
        return None
    return float(value) if isfinite(value) else None


def count(value: Plain) -> int | None:
    """Return a whole number of at least 0 (`3.0` and a tensor of one number count); None for anything else."""
    found = number(value)
    if found is None or found < 0 or not found.is_integer() or found >= INT_LIMIT:
        return None
    exact = value.value if isinstance(value, Tensor) else value
    return exact if isinstance(exact, int) else int(found)


def text(value: Plain) -> str | None:
    """Return text that can be stored, without surrounding blanks; None when empty, too long or no text."""
    if not isinstance(value, str) or len(value) > MAX_TEXT or not is_clean(value):
        return None
    return value.strip() or None


def is_metric_name(key: Plain) -> TypeGuard[str]:
    """Tell whether a key can be the name of a metric."""
    return isinstance(key, str) and 0 < len(key) <= MAX_NAME and is_clean(key)


def first_count(tables: tuple[Mapping[Any, Any], ...], keys: tuple[str, ...]) -> int | None:
    """Return the first whole number under one of these keys; every key is tried in a table before the next table."""
    for one in tables:
        for key in keys:
            found = count(one.get(key))
            if found is not None:
                return found
    return None


def simplified(value: Plain) -> Any:  # noqa: ANN401  # JSON-like values, nested
    """Return a configuration as nested mappings, lists and scalars: tensors of one number become it, an object its
    attributes, or the name of its class where it has none. What is too deep, or beyond `MAX_VALUES`, is left out."""
    return _Simplifier().simplify(value, _MAX_DEPTH)


class _Simplifier:
    """Counts the values of one configuration."""

    def __init__(self) -> None:
        self.left = MAX_VALUES

    def simplify(self, value: Plain, depth: int) -> Any:  # noqa: ANN401  # JSON-like values, nested
        self.left -= 1
        if self.left < 0 or depth == 0:
            return None
        if isinstance(value, Tensor):
            return value.value
        if isinstance(value, Opaque):
            held = _held(value)
            if isinstance(held, Opaque):
                return f"{value.module}.{value.name}"
            value = held
        if isinstance(value, dict):
            value = _held(value)
            return {key: self.simplify(inner, depth - 1) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.simplify(inner, depth - 1) for inner in value] if len(value) <= self.left else None
        return value if isinstance(value, str | int | float | bool) else None
