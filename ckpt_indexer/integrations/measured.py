"""Metrics as training loops have them (floats, tensors, numpy scalars) as the `metrics` block of a document."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from ckpt_indexer.integrations.foreign import ask, plain
from ckpt_indexer.metadata.fields import is_clean, is_mapping, key_text, refuse, shown
from ckpt_indexer.metadata.metrics import headline
from ckpt_indexer.metadata.record import Metric, Problem
from ckpt_indexer.metadata.schema import HEADLINE_NAMES, MODES

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NAME_LENGTH = 300
MAX_METRICS = 2_000
MAX_DEPTH = 8


def metrics_block(metrics: object, directions: object, problems: list[Problem]) -> dict[str, Any]:  # a block
    """Return the `metrics` block: the headline values at its top, everything under its logged name below.

    Values are whatever `float()` takes; a tensor or array holds one value. Nested mappings are joined with `/`. NaN and
    infinity become null with a problem; what is no number is left out with one.
    """
    named: dict[str, float | None] = {}
    if is_mapping(metrics):
        _collect(metrics, "", named, problems, 1)
    elif metrics is not None:
        refuse(problems, "metrics", "a mapping of names to numbers", metrics)
    values, _ = headline({name: Metric(value) for name, value in named.items()})
    block: dict[str, Any] = {name: values[name] for name in HEADLINE_NAMES if name in values}
    if rest := {name: value for name, value in named.items() if name not in block}:
        block["additional_metrics"] = rest
    if declared := _directions(directions, problems):
        block["directions"] = declared
    return block


def _collect(
    metrics: Mapping[Any, Any], prefix: str, into: dict[str, float | None], problems: list[Problem], depth: int
) -> None:  # any key, any value
    """Add every number under its name; one bad value costs only itself."""
    for key, value in ask("metrics", lambda: list(metrics.items()), problems) or ():
        if not _is_name(key) or len(prefix) + len(key) > MAX_NAME_LENGTH:
            problems.append(Problem("field", f"metrics.{prefix}{key_text(key)[:60]}: a metric has a short text name"))
            continue
        name = prefix + key
        if is_mapping(value) and depth < MAX_DEPTH:
            _collect(value, f"{name}/", into, problems, depth + 1)
        elif len(into) >= MAX_METRICS:
            problems.append(Problem("field", f"metrics: more than {MAX_METRICS}; {name} and the rest are left out"))
            return
        elif value is None:
            into[name] = None
        else:
            _add(name, value, into, problems)


def _add(name: str, value: object, into: dict[str, float | None], problems: list[Problem]) -> None:
    path = f"metrics.{name}"
    number = ask(path, lambda: float(plain(value)), problems)  # type: ignore[arg-type]  # float() says what it takes
    if number is None:
        return
    into[name] = number if isfinite(number) else None
    if into[name] is None:
        problems.append(Problem("not_finite", f"{path}: {shown(number)} is not a finite number; kept as null"))


def _directions(directions: object, problems: list[Problem]) -> dict[str, str]:
    if directions is None:
        return {}
    if not is_mapping(directions):
        refuse(problems, "metrics.directions", "a mapping of names to min or max", directions)
        return {}
    found = {}
    for name, mode in directions.items():
        if _is_name(name) and len(name) <= MAX_NAME_LENGTH and isinstance(mode, str) and mode in MODES:
            found[str(name)] = str(mode)
        else:
            refuse(problems, f"metrics.directions.{key_text(name)[:60]}", "min or max", mode)
    return found


def _is_name(key: object) -> bool:
    return isinstance(key, str) and key != "" and is_clean(key)
