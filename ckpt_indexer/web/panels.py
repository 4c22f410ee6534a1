"""Several metrics over time: a panel for each beneath the other, with a scale of its own, over one common axis; and
their numbers as one table. Losses beside a mean between 0 and 1 would leave one of both flat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.web import charts, parts
from ckpt_indexer.web.charts import COLORS, GREY
from ckpt_indexer.web.curves import Lines, together
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.words import address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.web.charts import Options
    from ckpt_indexer.web.markup import Html

    Point = Mapping[str, Any]  # JSON values

ALONE, HIGH = 380, 230
"""Pixels of a panel that is alone, and of one among several."""
_ABOVE, _BENEATH, _LEFT, _FOOT = 46, 30, 68, 46


class Curves(NamedTuple):
    """One metric of some experiments."""

    metric: str
    mode: str | None
    """Which end is better; None when nobody knows."""
    curves: Sequence[tuple[str, Sequence[Point]]]
    """Experiment -> its points."""


class Drawing(NamedTuple):
    """A chart, and what is said of it."""

    title: str
    options: Options
    height: int


def drawing(sets: Sequence[Curves]) -> Drawing:
    """Return the chart of some metrics; those without a point have no panel, unless all are."""
    every = together([(one.curves, one.mode) for one in sets])
    known = [(one.metric, lines) for one, lines in zip(sets, every, strict=True) if lines.lines]
    names = ", ".join(shown(name) for name, _ in known or [(sets[0].metric, every[0])])
    title = f"{names} by {every[0].x}"
    if len(known) < 2:
        lines = known[0][1] if known else every[0]
        return Drawing(title, charts.lines(lines.lines, x=lines.x, best=lines.best), ALONE)
    return Drawing(title, _stacked(known), HIGH * len(known) + _FOOT)


def _stacked(panels: Sequence[tuple[str, Lines]]) -> Options:
    whole = charts.lines((), x=panels[0][1].x)
    places = [x for _, lines in panels for _, points in lines.lines for x, _ in points]
    ends = {"min": min(places), "max": max(places)} if min(places) < max(places) else {}
    colors = {name: COLORS[place % len(COLORS)] for place, name in enumerate(_experiments(panels))}
    last = len(panels) - 1
    title = {"textStyle": {"fontSize": 13, "fontWeight": 600, "color": GREY}, "left": 0, "padding": 0}
    return whole | {
        "title": [title | {"text": shown(name), "top": HIGH * place + 8} for place, (name, _) in enumerate(panels)],
        "grid": [
            {"left": _LEFT, "right": 24, "top": HIGH * place + _ABOVE, "height": HIGH - _ABOVE - _BENEATH}
            for place in range(len(panels))
        ],
        "xAxis": [
            whole["xAxis"] | ends | {"gridIndex": place, "name": whole["xAxis"]["name"] if place == last else ""}
            for place in range(len(panels))
        ],
        "yAxis": [whole["yAxis"] | {"gridIndex": place} for place in range(len(panels))],
        "series": [
            one | {"xAxisIndex": place, "yAxisIndex": place, "color": colors[name]}
            for place, (_, lines) in enumerate(panels)
            for (name, _), one in zip(lines.lines, _series(lines), strict=True)
        ],
    }  # fmt: skip


def _series(lines: Lines) -> list[Options]:
    made: list[Options] = charts.lines(lines.lines, x=lines.x, best=lines.best)["series"]
    return made


def _experiments(panels: Sequence[tuple[str, Lines]]) -> list[str]:
    return list(dict.fromkeys(name for _, lines in panels for name, _ in lines.lines))


def table(sets: Sequence[Curves]) -> Html:
    """Return the numbers of a chart: a row for each checkpoint, a column for each metric."""
    columns = (
        Column("experiment"), Column("epoch", is_number=True), Column("step", is_number=True),
        *(Column(one.metric, is_number=True) for one in sets), Column("checkpoint"),
    )  # fmt: skip
    values = [{(name, point["id"]): point["value"] for name, curve in one.curves for point in curve} for one in sets]
    rows = [
        (
            parts.said(name), parts.number(one["epoch"]), parts.number(one["global_step"]),
            *(parts.metric(found.get((name, one["id"]))) for found in values),
            parts.link(one["path"].rsplit("/", 1)[-1], address(id=str(one["id"])), opens=one["id"]),
        )
        for name, one in _points(sets)
    ]  # fmt: skip
    return parts.table("Values of the curves", columns, rows)


def _points(sets: Sequence[Curves]) -> list[tuple[str, Point]]:
    """Return every checkpoint that has one of the metrics, once, in the order of the curves."""
    found: dict[tuple[str, Any], tuple[str, Point]] = {}
    for name in dict.fromkeys(name for one in sets for name, _ in one.curves):
        points = [point for one in sets for other, curve in one.curves if other == name for point in curve]
        for point in sorted(points, key=_when) if len(sets) > 1 else points:
            found.setdefault((name, point["id"]), (name, point))
    return list(found.values())


def _when(point: Point) -> tuple[bool, int, bool, int]:
    epoch, step = point["epoch"], point["global_step"]
    return epoch is None, epoch or 0, step is None, step or 0
