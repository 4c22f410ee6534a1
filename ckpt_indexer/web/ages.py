"""How old what takes the room is: bars by month of creation, by year where there are too many months. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.web import charts, parts, words
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ckpt_indexer.web.charts import Options
    from ckpt_indexer.web.markup import Html

    Values = Mapping[str, Any]  # JSON values

MONTH = "month"
"""What `Catalog.disk` calls the month of creation."""
MOST_BARS = 60
"""A bar for each month of five years; more are drawn by year."""
MANY_BARS = 12
"""Of more not every label is shown; the last one always is."""
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_UNITS = (("B", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12), ("PB", 10**15))


class Bar(NamedTuple):
    """A stretch of time, and what of it takes room."""

    label: str
    query: str
    """What finds just these checkpoints."""
    files: int
    size_bytes: int


def term(field: str, value: str | None) -> str:
    """Return the condition that finds what `Catalog.disk` counted under a value of a field."""
    if field != MONTH:
        return is_(field, value)
    return "created:" if value is None else f"created:{value}"


def bars(sizes: Iterable[Values]) -> list[Bar]:
    """Return a bar for each month from the first to the last, empty ones included, and one for what is unknown.

    `sizes` is what `Catalog.disk` says by month. Where months are too many, years are told; where years are, those
    without files are left out and the first ones are told as one.
    """
    known: dict[tuple[int, int], list[int]] = {}
    unknown = [0, 0]
    for one in sizes:
        found = _MONTH.fullmatch(one[MONTH] or "")
        total = unknown if found is None else known.setdefault((int(found[1]), int(found[2])), [0, 0])
        _add(total, one["count"], one["size_bytes"] or 0)
    made = _by_time(known)
    if unknown[0]:
        made.append(Bar("unknown", "created:", *unknown))
    return made


def _by_time(known: Mapping[tuple[int, int], list[int]]) -> list[Bar]:
    if not known:
        return []
    months = [year * 12 + month - 1 for year, month in known]
    first, last = min(months), max(months)
    if last - first < MOST_BARS:
        return [_bar(f"{n // 12:04}-{n % 12 + 1:02}", known.get((n // 12, n % 12 + 1))) for n in range(first, last + 1)]
    years: dict[int, list[int]] = {}
    for (year, _), (count, size_bytes) in known.items():
        _add(years.setdefault(year, [0, 0]), count, size_bytes)
    if last // 12 - first // 12 < MOST_BARS:
        return [_bar(f"{year:04}", years.get(year)) for year in range(first // 12, last // 12 + 1)]
    order = sorted(years)
    early, late = order[: 1 - MOST_BARS], order[1 - MOST_BARS :]
    return [*_joined(early, years), *(_bar(f"{year:04}", years[year]) for year in late)]


def _joined(early: Sequence[int], years: Mapping[int, list[int]]) -> list[Bar]:
    """Return one bar for the years before the others."""
    total = [0, 0]
    for year in early:
        _add(total, *years[year])
    return [Bar(f"until {early[-1]:04}", f"created:..{early[-1]:04}", *total)] if early else []


def _bar(label: str, total: Sequence[int] | None) -> Bar:
    count, size_bytes = total or (0, 0)
    return Bar(label, f"created:{label}", count, size_bytes)


def _add(total: list[int], count: int, size_bytes: int) -> None:
    total[0] += count
    total[1] += size_bytes


def title(found: Sequence[Bar]) -> str:
    """Return what the bars are."""
    return f"Age, by {'year' if any(bar.label.isdigit() for bar in found) else 'month'} of creation"


def options(found: Sequence[Bar]) -> Options:
    """Return bars that stand, the oldest at the left, what is unknown in grey; a bar knows what finds its files."""
    name, unit = _unit(max(bar.size_bytes for bar in found))
    label: Options = {"hideOverlap": True}
    if len(found) > MANY_BARS:
        label |= {"showMaxLabel": True, "alignMaxLabel": "right"}
    spoken = "; ".join(f"{bar.label}: {_said(bar)}" for bar in found if bar.files)
    return {
        "aria": {"enabled": True, "label": {"description": f"{title(found)}. {spoken}."}},
        "tooltip": charts.TIP | {"trigger": "item"},
        "grid": {"left": 8, "right": 16, "top": 34, "bottom": 8, "containLabel": True},
        "xAxis": {
            "type": "category", "data": [bar.label for bar in found], "axisTick": {"show": False},
            "axisLabel": label,
        },
        "yAxis": {"type": "value", "name": name, "nameTextStyle": {"align": "right"}},
        "series": [
            {
                "type": "bar", "name": name, "barMaxWidth": 32, "barMinHeight": 3, "cursor": "pointer",
                "data": [_drawn(bar, unit) for bar in found],
                "itemStyle": {"borderRadius": [4, 4, 0, 0]},
            }
        ],
    }  # fmt: skip


def _drawn(bar: Bar, unit: int) -> Options | None:
    if not bar.files:
        return None
    made: Options = {
        "value": round(bar.size_bytes / unit, 3), "query": bar.query,
        "tooltip": {"formatter": f"{bar.label}\n{_said(bar)}"},
    }  # fmt: skip
    return made | {"itemStyle": {"color": charts.GREY}} if bar.label == "unknown" else made


def _said(bar: Bar) -> str:
    return f"{words.size(bar.size_bytes)} in " + ("1 file" if bar.files == 1 else f"{bar.files:,} files")


def _unit(most: int) -> tuple[str, int]:
    """Return the unit in which the largest bar is a number of one to three digits."""
    return next(((name, unit) for name, unit in reversed(_UNITS) if most >= unit), _UNITS[0])


def table(found: Sequence[Bar]) -> Html:
    """Return the same numbers; a stretch leads to its checkpoints."""
    columns = (Column("created (UTC)"), Column("files", is_number=True), Column("size", is_number=True))
    rows = [
        (
            parts.link(bar.label, address(q=bar.query)) if bar.files else parts.said(bar.label),
            parts.number(bar.files), parts.size(bar.size_bytes),
        )
        for bar in found
    ]  # fmt: skip
    return parts.table(title(found), columns, rows)
