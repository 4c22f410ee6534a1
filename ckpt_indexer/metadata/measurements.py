"""The `metrics` block of a document as measured numbers under their logged names. Pure, and on the hot path."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.fields import as_float, is_clean, is_mapping, key_text, metric, refuse, shown
from ckpt_indexer.metadata.record import Metric, Problem
from ckpt_indexer.metadata.schema import BLOCK_KEYS, HEADLINE_NAMES, MODES

if TYPE_CHECKING:
    from collections.abc import Mapping

    Block = Mapping[str, Any]  # part of a document as the loader gave it: any key, any value


def read_metrics(block: Block, problems: list[Problem], *, stale: bool, bounded: bool) -> dict[str, Metric]:
    """Return every value under its logged name: the headline keys, then the additional metrics, then numbers that
    somebody put beside them. A headline key that is null says nothing. `bounded`: version 1.0 allows 0 to 1 only; a
    value beyond is a problem and kept.
    """
    found: dict[str, Metric] = {}
    for name in HEADLINE_NAMES:
        value = block.get(name)
        if value is not None:
            measured = metric(value, f"metrics.{name}", problems, stale=stale)
            if measured is not None:
                found[name] = measured
                if bounded:
                    _check_bounds(name, measured.value, problems)
    more = block.get("additional_metrics")
    if is_mapping(more):
        _read_named(more, found, "metrics.additional_metrics.", problems, stale=stale)
    elif more is not None:
        refuse(problems, "metrics.additional_metrics", "a mapping", more)
    if not block.keys() <= BLOCK_KEYS["metrics"]:
        _read_named(unlisted(block), found, "metrics.", problems, stale=stale)
    return found


def unlisted(block: Block) -> dict[Any, Any]:  # any key, numbers only
    """Return the numbers that stand in the block under keys of their own."""
    return {k: v for k, v in block.items() if k not in BLOCK_KEYS["metrics"] and as_float(v) is not None}


def read_directions(block: Block, problems: list[Problem]) -> dict[str, str]:
    """Return metric name -> min or max, where the document declares it well."""
    declared = block.get("directions")
    if declared is None:
        return {}
    if not is_mapping(declared):
        refuse(problems, "metrics.directions", "a mapping", declared)
        return {}
    found = {}
    for name, mode in declared.items():
        if isinstance(mode, str) and mode in MODES and is_name(name):
            found[name] = mode
        else:
            refuse(problems, f"metrics.directions.{key_text(name)}", "min or max", mode)
    return found


def is_name(key: object) -> bool:
    """Tell whether a key can be the name of a metric."""
    return isinstance(key, str) and key != "" and is_clean(key)


def _read_named(more: Block, found: dict[str, Metric], prefix: str, problems: list[Problem], *, stale: bool) -> None:
    """Add metrics under their logged names; one that is known already is compared, not overwritten."""
    for name, value in more.items():
        if name in found:
            _compare(found[name].value, value, prefix + name, problems)
        elif not is_name(name):
            problems.append(Problem("field", f"{prefix}{key_text(name)}: a metric needs a name"))
        elif type(value) is float and isfinite(value):
            found[name] = Metric(value, stale)
        else:
            measured = metric(value, prefix + name, problems, stale=stale)
            if measured is not None:
                found[name] = measured


def _compare(kept: float | None, value: object, path: str, problems: list[Problem]) -> None:
    other = as_float(value)
    if other is not None and kept is not None and other != kept:
        told = f"{path}: {shown(other)} differs from {shown(kept)} at the top of metrics, which is used"
        problems.append(Problem("conflict", told))


def _check_bounds(name: str, value: float | None, problems: list[Problem]) -> None:
    if value is not None and (value < 0 or (value > 1 and name != "validation_loss")):
        allowed = "at least 0" if name == "validation_loss" else "between 0 and 1"
        problems.append(Problem("field", f"metrics.{name}: {shown(value)} is not {allowed}, which version 1.0 demands"))
