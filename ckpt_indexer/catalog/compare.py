"""Checkpoints side by side: every value under a name of its own, and those in which they differ. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.catalog.views import ROW_KEYS
from ckpt_indexer.errors import InvalidFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Values = Mapping[str, Any]  # a row: JSON values

NOT_COMPARED = frozenset(("id", "seq", "problems", "conflicts", "provenance", "abs_path", "name"))
"""Keys that differ in any two rows, or say how a row came to be."""
_FLAT = {"metrics": "metrics.", "params": "param.", "header": "header."}


def compared(rows: Sequence[Values]) -> dict[str, Any]:
    """Return {rows, fields: {field: [value per row]}} of the fields that differ.

    Raises:
        InvalidFilter: there is nothing to compare.
    """
    if not rows:
        raise InvalidFilter("nothing to compare: name at least one checkpoint")
    fields = side_by_side(rows)
    return {"rows": list(rows), "fields": {name: values for name, values in fields.items() if differ(values)}}


def side_by_side(rows: Sequence[Values]) -> dict[str, list[Any]]:
    """Return field -> value per row, None where a row has none, in the order of the row.

    Metrics, hyper-parameters and components each have names of their own: `metrics.val/iou`, `param.lr`,
    `components.decoder`, `components.decoder.in_channels`.
    """
    flat = [dict(_flat(row)) for row in rows]
    ordered: dict[str, list[str]] = {}
    for one in flat:
        for name in one:
            names = ordered.setdefault(_key(name), [])
            if name not in names:
                names.append(name)
    names = [name for key in ROW_KEYS for name in ordered.get(key, ())]
    return {name: [one.get(name) for one in flat] for name in names}


def differ(values: Sequence[Any]) -> bool:  # values of rows
    """Tell whether not all values are the same; 1 and 1.0 are, true and 1 are not."""
    first = values[0]
    return any(value != first or isinstance(value, bool) is not isinstance(first, bool) for value in values[1:])


def _key(name: str) -> str:
    """Return the row key that a field belongs to."""
    head, dot, _ = name.partition(".")
    return ("params" if head == "param" else head) if dot else name


def _flat(row: Values) -> Iterator[tuple[str, Any]]:  # JSON values
    for key in ROW_KEYS:
        if key in NOT_COMPARED:
            continue
        value = row[key]
        if key in _FLAT:
            yield from ((_FLAT[key] + name, item) for name, item in value.items())
        elif key == "components":
            yield from _components(value)
        else:
            yield key, value


def _components(parts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:  # JSON values
    seen: dict[str, int] = {}
    for part in parts:
        role = str(part.get("role"))
        seen[role] = number = seen.get(role, 0) + 1
        name = f"components.{role}" if number == 1 else f"components.{role}-{number}"
        yield name, part.get("name")
        yield from ((f"{name}.{param}", value) for param, value in (part.get("params") or {}).items())
