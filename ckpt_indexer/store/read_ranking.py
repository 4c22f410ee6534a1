"""What every ranking shares: how ties are broken, how groups are put in order, what is said beside the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.store.read_rows import COLUMNS, SELECTED, WIDTH, hidden_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.catalog.views import Page, Row
    from ckpt_indexer.store.read_rows import Look

TIES = "c.epoch IS NULL, c.epoch, c.path_bytes, c.root"
"""What decides between rows of equal value."""
YIELDED = SELECTED + ", {group}, {value}, {n}, {ties}, c.path_bytes"
"""What a ranking statement selects, in this order, before anything of its own."""
_EPOCH, _ROOT = COLUMNS.index("epoch"), COLUMNS.index("root")


class Entry(NamedTuple):
    """A row that won a place, before its group is put in order."""

    values: Sequence[Any]  # SQLite values
    """What `SELECTED` yielded."""
    group: str | None
    value: float
    n: int
    ties: int
    place: tuple[Any, ...]
    """What orders rows of equal value: epoch is unknown, epoch, path bytes, root."""


def entry(values: Sequence[Any]) -> Entry:  # SQLite values
    """Return what a ranking statement yields: `SELECTED`, then group, value, n, ties, path bytes."""
    group, value, n, ties, path = values[WIDTH : WIDTH + 5]
    return Entry(values, group, value, n, ties, place_of(values, path))


def place_of(values: Sequence[Any], path: bytes) -> tuple[Any, ...]:  # SQLite values
    """Return what orders a row among those of equal value."""
    epoch = values[_EPOCH]
    return (epoch is None, epoch or 0, path, values[_ROOT])


def in_order(look: Look, entries: list[Entry], *, falling: bool) -> list[Row]:
    """Return the rows: groups by their best row, the unknown group last, each group best first, with their ranks."""
    sign = -1 if falling else 1
    groups: dict[str | None, list[Entry]] = {}
    for item in sorted(entries, key=lambda one: (sign * one.value, *one.place)):
        groups.setdefault(item.group, []).append(item)
    unknown = groups.pop(None, [])
    return [
        look.row(
            item.values,
            {"group": item.group, "value": item.value, "rank": rank, "n": item.n, "ties": item.ties},
        )
        for members in (*groups.values(), unknown)
        for rank, item in enumerate(members, 1)
    ]


def finish(
    look: Look, rows: list[Row], metric: str, group: str | None, *, datasets: Sequence[str] | None = None,
    hidden: int | Callable[[], int] | None = None,
) -> Page:  # fmt: skip
    """Return the page, with what should be said beside it. `datasets` are the known ones among all that was ranked."""
    left_out = hidden_rows(look) if hidden is None else hidden
    if not rows:
        known = rankable_metrics(look)
        return look.page(rows, warnings=(_nothing(metric, known),), known_metrics=known, hidden=left_out)
    measured_on = _datasets(look, metric) if datasets is None else datasets
    warnings = (_mixed(measured_on),) if len(measured_on) > 1 and group != "dataset" else ()
    return look.page(rows, warnings=warnings, hidden=left_out)


def rankable_metrics(look: Look) -> tuple[str, ...]:
    """Return the metrics that some row can be ranked by."""
    return tuple(name for (name,) in look.all("SELECT metric FROM facets WHERE field = '' AND metric <> '' AND n > 0"))


def _datasets(look: Look, metric: str) -> list[str]:
    return [
        name
        for (name,) in look.all(
            "SELECT value FROM facets WHERE field = 'dataset' AND is_null = 0 AND metric = ? AND n > 0 LIMIT 6",
            (metric,),
        )
    ]


def _mixed(datasets: Sequence[str]) -> str:
    names = ", ".join(datasets[:5]) + (", ..." if len(datasets) > 5 else "")
    return f"this ranking mixes values measured on different datasets ({names}); narrow it with dataset:NAME"


def _nothing(metric: str, known: Sequence[str]) -> str:
    if metric in known:
        return f"no checkpoint of this query has a value of {metric} that can be ranked"
    listed = f"there are: {', '.join(known[:20])}" if known else "nor any other metric"
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    return f"no checkpoint has the metric {metric[:100]}; {listed}{more}"
