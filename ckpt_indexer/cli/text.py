"""Values as people read them: escaped, measured, rounded. Pure.

Names of files and everything written in documents may hold terminal escapes, newlines or marks that turn the reading
order around. `shown` makes them visible; every cell a person sees goes through it. JSON and `-o paths` do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.catalog.cells import csv_cell, shown, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = [
    "UNKNOWN",
    "age",
    "cell",
    "columns",
    "count",
    "csv_cell",
    "number",
    "shown",
    "since",
    "size",
    "to_json",
    "width",
]

UNKNOWN = "-"
"""What a table shows for NULL."""


def cell(value: Any) -> str:  # noqa: ANN401  # any value of a row
    """Return a value as a table shows it."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, dict | list | tuple):
        return shown(to_json(value))
    return shown(str(value))


def number(value: float) -> str:
    """Return a measured number, four decimals where that says enough."""
    if value == 0 or 0.001 <= abs(value) < 10_000:
        return f"{value:.4f}"
    return f"{value:.4g}"


def size(size_bytes: int | None) -> str:
    """Return a file size with a binary unit."""
    if size_bytes is None:
        return UNKNOWN
    amount, units = float(size_bytes), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{size_bytes} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def age(seconds: float) -> str:
    """Return a span of time in its largest unit; a clock that runs behind counts as now."""
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(int(seconds // unit), 0)} {name}"
    return f"{int(seconds // 86_400)} days"


def since(time: str, now: datetime) -> str:
    """Return `2026-11-20 21:00:01Z, 3 min ago` for an ISO 8601 time of the catalog."""
    from datetime import datetime

    then = datetime.fromisoformat(time)
    return f"{then:%Y-%m-%d %H:%M:%S}Z, {age((now - then).total_seconds())} ago"


def count(number_of: int, noun: str, plural: str | None = None) -> str:
    """Return `1 row` or `2 rows`."""
    return f"{number_of:,} {noun if number_of == 1 else plural or noun + 's'}"


def width(text: str) -> int:
    """Return how many terminal columns a printable text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(_columns(char, unicodedata.east_asian_width(char), unicodedata.combining(char)) for char in text)


def _columns(char: str, east_asian: str, combining: int) -> int:
    if combining or char in "\u200c\u200d":
        return 0
    return 2 if east_asian in "WF" else 1


def columns(rows: Iterable[Iterable[str]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Return rows of printable cells as aligned lines, two spaces between columns; `right` are right-aligned."""
    table = [list(row) for row in rows]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(_padded(text, widths[place], left=place not in right) for place, text in enumerate(row)).rstrip()
        for row in table
    ]


def _padded(text: str, room: int, *, left: bool) -> str:
    gap = " " * (room - width(text))
    return text + gap if left else gap + text
