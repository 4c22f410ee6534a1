"""Which metric a page is about when its address names none: the one these models are judged by. Pure, but for the two
questions it asks of a catalog.

`hmean` where any checkpoint has one; else what most callbacks monitored; else what a person would look at first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.metadata.metrics import HEADLINES, direction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ckpt_indexer.catalog.protocol import Catalog

    Row = Mapping[str, Any]  # JSON values

HMEAN = "hmean"
_ASIDE = frozenset({"precision", "recall"})
"""Halves of another metric."""
_ELSEWHERE = frozenset({"train", "training", "test"})
"""What no checkpoint is chosen by."""


def headline(catalog: Catalog) -> str:
    """Return the metric the models of a catalog are judged by."""
    ranking = catalog.best(HMEAN, "none")
    if ranking:
        return HMEAN
    return chosen(ranking.known_metrics, catalog.facets(("monitor",))["monitor"])


def direction_of(catalog: Catalog, metric: str) -> str:
    """Return which end of a metric is better, as rankings have it: documents and settings have a say.

    Raises:
        InvalidFilter: nobody says, or documents contradict each other.
    """
    if metric in PROMOTED:
        return PROMOTED[metric]
    best, highest = catalog.best(metric, "none"), catalog.best(metric, "none", mode="max")
    is_max = not best or best[0]["value"] == highest[0]["value"]
    return "max" if is_max else "min"


def grouping(catalog: Catalog) -> str:
    """Return what rankings are by: the backbone where any is known, else the next larger thing that is."""
    fields = ("backbone", "architecture", "experiment")
    counts = catalog.facets(fields)
    return next((field for field in fields if set(counts[field]) - {None}), fields[0])


def of_rows(rows: Iterable[Row]) -> str:
    """Return the metric that some rows are judged by."""
    names: dict[str, None] = {}
    monitors: dict[str | None, int] = {}
    for row in rows:
        names |= dict.fromkeys(name for name in PROMOTED if row[name] is not None)
        names |= dict.fromkeys(row["metrics"])
        monitors[row["monitor"]] = monitors.get(row["monitor"], 0) + 1
    if HMEAN in names:
        return HMEAN
    return chosen(names, dict(sorted(monitors.items(), key=lambda one: -one[1])))


def chosen(names: Collection[str], monitors: Mapping[str | None, int]) -> str:
    """Return one of the metrics there are: the most monitored one, else the likeliest; `hmean` where there are none.
    `monitors` comes with the frequent ones first."""
    for monitor in monitors:
        if monitor is None:
            continue
        for name in (_promoted(monitor), monitor):
            if name in names:
                return str(name)
    return min(names, key=_order, default=HMEAN)


def mode_of(metric: str, rows: Iterable[Row] = ()) -> str | None:
    """Return which end of a metric is better, `min` or `max`: as its name says, else as the rows that monitor it do."""
    if metric in PROMOTED:
        return PROMOTED[metric]
    said = {row["monitor_mode"] for row in rows if row["monitor"] == metric} & {"min", "max"}
    if len(said) == 1:
        return str(said.pop())
    return None if said else direction(metric)


def value_of(row: Row, metric: str) -> float | None:
    """Return a headline or logged metric of a row."""
    value: float | None = row[metric] if metric in PROMOTED else row["metrics"].get(metric)
    return value


def _promoted(monitor: str) -> str | None:
    return next((one.name for one in HEADLINES if monitor in one.aliases), None)


def _order(name: str) -> tuple[bool, bool, bool, bool, str]:
    """Return what makes a metric unlikely to be the one that counts, the gravest first."""
    mode = mode_of(name)
    elsewhere = not _ELSEWHERE.isdisjoint(name.lower().replace("_", "/").split("/"))
    return elsewhere, mode is None, name in _ASIDE, mode == "min", name
