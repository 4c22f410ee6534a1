"""Charts, each with the same numbers as a table beneath. Adapts ECharts as NiceGUI carries it.

Names from files are only ever values of the options, never keys: NiceGUI runs what stands under a key that begins with
a colon. Tooltips are drawn, not written as HTML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.web.words import metric

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.web.markup import Html

    Options = dict[str, Any]  # as ECharts takes them

GREY = "#7d8ba3"
"""Legible on white and on dark blue."""
COLORS = ("#4f46e5", "#0891b2", "#16a34a", "#ea580c", "#db2777", "#ca8a04", "#7c3aed", "#0d9488")
DEEP = ("#4338ca", "#0e7490", "#15803d", "#c2410c", "#be185d", "#a16207", "#6d28d9", "#0f766e")
"""Dark enough for white letters."""
_AXIS = {
    "axisLine": {"lineStyle": {"color": GREY}}, "axisLabel": {"color": GREY}, "nameTextStyle": {"color": GREY},
    "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.18}},
}  # fmt: skip
THEME = {
    "color": list(COLORS),
    "textStyle": {"color": GREY, "fontFamily": "Roboto, sans-serif"},
    "legend": {"textStyle": {"color": GREY}},
    "categoryAxis": _AXIS | {"splitLine": {"show": False}},
    "valueAxis": _AXIS,
}
TIP = {"renderMode": "richText", "confine": True}
OF_EVERY_OBJECT = (
    "__proto__", "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString",
    "valueOf", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__",
)  # fmt: skip
"""What every object of JavaScript has, asked or not."""


class Chart:
    """A chart on a page, and its table. Drawn anew only when the numbers changed."""

    def __init__(
        self,
        title: str,
        *,
        opens: Callable[[int, object], str | None] | None = None,
        follows: Callable[[ui.echart], None] | None = None,
    ) -> None:
        """Make room for it. `opens` gives the address behind a point, by its number and what was drawn there;
        `follows` is given each new drawing."""
        self._opens, self._follows = opens, follows
        with ui.element("section").classes("ckpt-card") as self._whole:
            self._title = ui.element("h2")
            self._title._text = title  # noqa: SLF001  # NiceGUI's own elements set it so
            self._room = ui.element("div").classes("ckpt-chart")
            self.beneath = ui.element("div")
            with ui.element("details").classes("ckpt-as-table"):
                summary = ui.element("summary")
                summary._text = "As a table"  # noqa: SLF001  # as above
                self._table = ui.html("", sanitize=False)
        self._drawn: Options | None = None

    def show(self, options: Options, table: Html, *, height: int, title: str | None = None) -> None:
        """Show these numbers, `height` pixels high."""
        self._whole.set_visibility(True)
        if title is not None:
            self._title._text = title  # noqa: SLF001  # as above
            self._title.update()
        if options == self._drawn:
            return
        self._drawn = options
        self._room.clear()
        with self._room:
            whole = {"animation": False, "aria": {"enabled": True}, "tooltip": TIP} | drawable(options)
            opens = self._opens
            chart = ui.echart(whole, theme=THEME).style(f"height: {height}px; width: 100%").props('role="img"')
            if opens is not None:
                chart.on_point_click(lambda event: _go(opens(event.data_index, event.data)))
            if self._follows is not None:
                self._follows(chart)
        self._table.set_content(table)

    def hide(self) -> None:
        """Show nothing: there are no numbers."""
        self._whole.set_visibility(False)


def drawable(option: Any) -> Any:  # noqa: ANN401  # whatever ECharts takes
    """Return options as ECharts can draw them. It keeps texts as keys of plain objects, where `__proto__` would change
    every object of the page: a line that begins so is drawn after a space."""
    if isinstance(option, str):
        return "\n".join(f" {line}" if line.startswith(OF_EVERY_OBJECT) else line for line in option.split("\n"))
    if isinstance(option, dict):
        return {key: drawable(value) for key, value in option.items()}
    if isinstance(option, list | tuple):
        return [drawable(value) for value in option]
    return option


def _go(address: str | None) -> None:
    if address is not None:
        ui.navigate.to(address.removeprefix("/ui"))  # NiceGUI's script puts the place it is mounted at in front


def bars(names: Sequence[str], values: Sequence[float], *, name: str) -> Options:
    """Return bars that lie, the first on top, on an axis that begins a little below the smallest."""
    low, high = min(values), max(values)
    begin = 0.0 if low < 0 or low in (0, high) or low < high / 2 else max(0.0, low - (high - low) * 0.25 - 1e-3)
    return {
        "tooltip": TIP | {"trigger": "item"},
        "grid": {"left": 8, "right": 64, "top": 8, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "value", "min": begin if low >= 0 else None, "axisLabel": {"hideOverlap": True}},
        "yAxis": {
            "type": "category", "inverse": True, "data": [shown(one) for one in names],
            "axisLabel": {"width": 150, "overflow": "truncate"}, "axisTick": {"show": False},
        },
        "series": [
            {
                "type": "bar", "name": shown(name), "barMaxWidth": 18,
                "data": [{"value": value, "label": {"formatter": metric(value)}} for value in values],
                "itemStyle": {"borderRadius": [0, 4, 4, 0]},
                "label": {"show": True, "position": "right", "color": GREY},
            }
        ],
    }  # fmt: skip


def lines(
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]], *, x: str, best: Sequence[int | None] = ()
) -> Options:
    """Return lines over `x`; `best` is the place of the best point of each."""
    made = []
    for index, (name, points) in enumerate(series):
        mark = best[index] if index < len(best) else None
        one: Options = {
            "type": "line", "name": shown(name), "data": [list(point) for point in points], "symbolSize": 7,
            "showSymbol": len(points) <= 200,
        }  # fmt: skip
        if mark is not None:
            one["markPoint"] = {
                "symbol": "pin", "symbolSize": 38, "label": {"formatter": "best", "fontSize": 10, "color": "#fff"},
                "data": [{"coord": list(points[mark])}],
            }  # fmt: skip
        made.append(one)
    return {
        "tooltip": TIP | {"trigger": "axis"},
        "legend": {"type": "scroll", "bottom": 0},
        "grid": {"left": 8, "right": 24, "top": 40, "bottom": 52, "containLabel": True},
        "xAxis": {"type": "value", "name": x, "nameLocation": "middle", "nameGap": 24, "minInterval": 1, "scale": True},
        "yAxis": {"type": "value", "scale": True},
        "series": made,
    }


def treemap(nodes: Sequence[Options]) -> Options:
    """Return rectangles within rectangles, as large as their values."""
    label = {"show": True, "formatter": "{b}", "color": "#fff", "fontSize": 12, "lineHeight": 16, "textBorderWidth": 0}
    clear = {"borderWidth": 0, "borderColor": "transparent"}
    colored = [node | {"itemStyle": {"color": DEEP[place % len(DEEP)]}} for place, node in enumerate(nodes)]
    return {
        "series": [
            {
                "type": "treemap", "left": 0, "right": 0, "top": 0, "bottom": 0, "roam": False, "nodeClick": False,
                "data": colored, "label": label, "breadcrumb": {"show": False},
                "upperLabel": {"show": True, "height": 24, "color": GREY, "fontWeight": 600, "textBorderWidth": 0},
                "levels": [
                    {"itemStyle": {"gapWidth": 6} | clear, "upperLabel": {"show": False}},
                    {"itemStyle": {"gapWidth": 2} | clear},
                    {"itemStyle": {"borderWidth": 0, "borderRadius": 3}},
                ],
            }
        ],
    }  # fmt: skip


def scatter(points: Sequence[tuple[float, float]], *, x: str, y: str, curves: Sequence[float]) -> Options:
    """Return points, and the curves on which the harmonic mean of both axes is equal."""
    levels = [_iso(level) for level in curves]
    iso = [
        {
            "type": "line", "name": f"F1 {level:.2f}", "data": line, "showSymbol": False, "silent": True,
            "lineStyle": {"type": "dashed", "color": GREY, "opacity": 0.6, "width": 1},
            "endLabel": {"show": True, "formatter": f"{level:.2f}", "color": GREY}, "tooltip": {"show": False},
        }
        for level, line in zip(curves, levels, strict=True)
    ]  # fmt: skip
    low = min((min(point) for point in points), default=0.0)
    begin = max(0.0, (int(low * 20) - 1) / 20)
    axis = {"type": "value", "min": begin, "max": 1, "interval": 0.05 if begin >= 0.6 else 0.2 if begin < 0.2 else 0.1}
    return {
        "grid": {"left": 8, "right": 40, "top": 34, "bottom": 32, "containLabel": True},
        "xAxis": {"name": x, "nameLocation": "middle", "nameGap": 24} | axis,
        "yAxis": {"name": y} | axis,
        "series": [
            {"type": "scatter", "name": "checkpoints", "symbolSize": 8, "data": [list(point) for point in points],
             "itemStyle": {"opacity": 0.65}},
            *iso,
        ],
    }  # fmt: skip


def _iso(level: float) -> list[list[float]]:
    """Return points (recall, precision) whose harmonic mean is `level`."""
    steps = [level / 2 + (1 - level / 2) * step / 60 for step in range(1, 61)]
    found = [
        [round(recall, 4), round(level * recall / (2 * recall - level), 4)] for recall in steps if 2 * recall > level
    ]
    return [point for point in found if point[1] <= 1]
