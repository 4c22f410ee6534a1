"""How values read: metrics, sizes, times, addresses. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ckpt_indexer.catalog.fields import PROMOTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNKNOWN = "–"  # noqa: RUF001  # a dash as wide as a digit
_PLAIN, _DOTTED = re.compile(r"[a-zA-Z][\w/]*", re.ASCII), re.compile(r"\w[\w./-]*\w|\w", re.ASCII)
"""Names of metrics that stand in a query as they are: by themselves, and after `metric.`."""
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def metric(value: float | None) -> str:
    """Return a metric with four digits behind the point; very small and very large ones in powers of ten."""
    if value is None:
        return UNKNOWN
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.4f}"
    return f"{value:.3e}"


def difference(value: float) -> str:
    """Return a difference of metrics with its sign."""
    return f"{value:+.4f}" if value == 0 or abs(value) >= 1e-4 else f"{value:+.1e}"


def size(value: float | None) -> str:
    """Return bytes in decimal units: `173 MB`."""
    if value is None:
        return UNKNOWN
    amount, unit = float(value), 0
    while amount >= 999.5 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_SIZES[unit]}" if amount >= 100 or unit == 0 else f"{amount:.3g} {_SIZES[unit]}"


def count(value: int | None) -> str:
    """Return a number with thousands set apart."""
    return UNKNOWN if value is None else f"{value:,}"


def moment(value: str | None) -> str:
    """Return an ISO 8601 time without seconds and zone, which is always UTC: `2026-06-01 12:30`."""
    return UNKNOWN if value is None else value[:16].replace("T", " ")


def plain(value: Any) -> str:  # noqa: ANN401  # any JSON value of a row
    """Return any value in one line."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}={plain(item)}" for key, item in value.items()) or UNKNOWN
    if isinstance(value, list):
        return ", ".join(map(plain, value)) or UNKNOWN
    return str(value)


def is_(field: str, value: str | None) -> str:
    """Return the condition that a field has just this value, unknown included, in the query language."""
    return f"{field}:" if value is None else one_of(field, (value,))


def one_of(field: str, values: Iterable[str]) -> str:
    """Return the condition that a field has one of these values, in the query language."""
    return f"{field}:{','.join(map(_quoted, values))}"


def metric_field(name: str) -> str:
    """Return what the query language calls a metric, whatever its name."""
    if name in PROMOTED or ("/" in name and _PLAIN.fullmatch(name)):
        return name
    full = f"metric.{name}"
    return full if _DOTTED.fullmatch(name) else _quoted(full)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def address(page: str = "", **parameters: str | Sequence[str] | None) -> str:
    """Return the address of a page with what it is to show; empty parameters are left out."""
    given = [(key, value) for key, value in parameters.items() if value]
    query = urlencode(given, doseq=True, errors="replace")
    return f"/ui/{page}" + (f"?{query}" if query else "")
