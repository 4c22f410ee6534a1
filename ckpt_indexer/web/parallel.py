"""Parallel coordinates: a line for each row over axes that stand side by side. Adapts ECharts, as `charts` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.web.charts import COLORS, GREY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.web.charts import Options


class Axis(NamedTuple):
    """One of the axes that lines cross, and where each line crosses it; None where it does not."""

    name: str
    values: Sequence[Any]  # texts or numbers
    is_number: bool = False
    is_inverted: bool = False
    """Small numbers are on top."""
    field: str = ""
    """What the query language calls it; empty: the same as here."""


def names_of(axis: Axis) -> list[str]:
    """Return what an axis of texts shows, from the top; texts that look the same share a place."""
    return sorted({shown(one) for one in axis.values if one is not None})


def parallel(axes: Sequence[Axis]) -> Options:
    """Return a line for each place in the values of the axes; its colour is that of the last axis, a number. The
    `id` of an axis is its place; stretches of axes can be marked with the mouse."""
    last = axes[-1]
    colors = [GREY, COLORS[1], COLORS[0]]
    lines = zip(*[[shown(one) if isinstance(one, str) else one for one in axis.values] for axis in axes], strict=True)
    return {
        "tooltip": {"show": False},
        "parallel": {"left": 40, "right": 56, "top": 34, "bottom": 16},
        "parallelAxis": [{"dim": place, "id": str(place)} | _crossed(axis) for place, axis in enumerate(axes)],
        "visualMap": {
            "show": False, "type": "continuous", "min": min(last.values), "max": max(last.values),
            "dimension": len(axes) - 1, "inRange": {"color": colors[::-1] if last.is_inverted else colors},
        },
        "series": [
            {"type": "parallel", "data": [list(line) for line in lines], "smooth": False,
             "lineStyle": {"width": 1, "opacity": 0.5}, "activeOpacity": 0.9, "inactiveOpacity": 0.02},
        ],
    }  # fmt: skip


def _crossed(axis: Axis) -> Options:
    label = {"color": GREY, "fontSize": 11, "textBorderWidth": 0}
    look = {
        "name": shown(axis.name.replace("_", " ")), "nameTextStyle": {"color": GREY, "fontSize": 12}, "nameGap": 12,
        "axisLine": {"lineStyle": {"color": GREY, "opacity": 0.5}}, "realtime": False,
        "areaSelectStyle": {"width": 12, "color": GREY, "borderColor": GREY, "opacity": 0.4},
    }  # fmt: skip
    if axis.is_number:
        # A name stands at the end of its axis, which is below where the axis is turned round.
        ends = {"nameLocation": "start", "inverse": True} if axis.is_inverted else {}
        return {"type": "value", "scale": True, "axisLabel": label} | ends | look
    short = label | {"width": 110, "overflow": "truncate"}
    ends = {"nameLocation": "start", "inverse": True}
    return {"type": "category", "data": names_of(axis), "axisLabel": short} | ends | look
