"""Hyper-parameters as trainings hold them (dict, Namespace, dataclass, DictConfig) as plain nested mappings.

References between them (`${model.width}`) are resolved; anything else between braces, environment variables above all,
stays the text it is. What no document can hold is left out. Nothing is imported for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any

MAX_DEPTH = 16
MAX_VALUES = 2_000
MAX_TEXT = 1_000
"""Characters; longer text is no hyper-parameter."""

_REFERENCE = re.compile(r"\$\{([\w.\-]+)\}")


def plain_tree(given: object) -> dict[str, Any]:  # JSON-like values
    """Return hyper-parameters as nested dicts, lists and scalars; empty when they are no mapping of any kind."""
    budget = [MAX_VALUES]
    tree = _plain(given, MAX_DEPTH, budget)
    if not isinstance(tree, dict):
        return {}
    resolved: dict[str, Any] = _resolved(tree, tree, MAX_DEPTH)  # JSON-like values
    return resolved


def _plain(value: object, depth: int, budget: list[int]) -> Any:  # noqa: ANN401  # JSON-like values
    """Return the value in plain types; None for what has no plain form."""
    budget[0] -= 1
    if budget[0] < 0 or depth == 0:
        return None
    if isinstance(value, Enum):  # before text and numbers: many enumerations are these too
        return _plain(value.value, depth - 1, budget)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | PurePath):
        text = str(value)
        return text if len(text) <= MAX_TEXT else None
    content = _content(value)
    if isinstance(content, Mapping):
        return {
            key: plain
            for key, own in content.items()
            if isinstance(key, str) and (plain := _plain(own, depth - 1, budget)) is not None
        }
    if isinstance(content, list | tuple):
        return [_plain(item, depth - 1, budget) for item in content]
    return None if content is None else _plain(content, depth - 1, budget)


def _content(value: object) -> object:
    """Return what a mapping or list holds, or the plain value that something wraps; None for anything else."""
    inner = getattr(value, "__dict__", {})
    if type(value).__module__.partition(".")[0] == "omegaconf":  # its own interface would read the environment
        return inner.get("_content", inner.get("_val"))
    if isinstance(value, Mapping | list | tuple):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, SimpleNamespace) or type(value).__name__ == "Namespace":
        return dict(inner)
    return _single(value)


def _single(value: object) -> object:
    """Return the value of a numpy scalar, or of a tensor of one value that is at hand: fetching one makes it wait."""
    item = getattr(value, "item", None)
    at_hand = getattr(getattr(value, "device", None), "type", "cpu") == "cpu"
    return item() if callable(item) and at_hand and getattr(value, "ndim", None) == 0 else None


def _resolved(value: Any, root: dict[str, Any], depth: int) -> Any:  # noqa: ANN401  # JSON-like values
    """Return the value with references to other places of the tree replaced by what stands there."""
    if depth == 0:
        return value
    if isinstance(value, dict):
        return {key: _resolved(own, root, depth - 1) for key, own in value.items()}
    if isinstance(value, list):
        return [_resolved(item, root, depth - 1) for item in value]
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    target: Any = root  # JSON-like values
    for key in found[1].split("."):
        target = target.get(key) if isinstance(target, dict) else None
    scalar = isinstance(target, str | int | float)
    return _resolved(target, root, depth - 1) if scalar else value
