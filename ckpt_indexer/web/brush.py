"""The mouse on parallel axes: what is marked becomes a query, with a count and the ways to go on from there.

Adapts ECharts' `axisareaselected`. The chart is a picture; whoever uses the keyboard has its table and the query field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import areas
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parallel import names_of
from ckpt_indexer.web.rows import count
from ckpt_indexer.web.tops import Question
from ckpt_indexer.web.words import address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nicegui.events import GenericEventArguments

    from ckpt_indexer.web.areas import Area
    from ckpt_indexer.web.charts import Chart
    from ckpt_indexer.web.parallel import Axis
    from ckpt_indexer.web.site import Site

HINT = "Drag along an axis to mark a stretch of it, with Shift for one more; a click on the axis takes the mark away."
HEARD = "({parallelAxisId: axis, intervals}) => emit({axis, intervals, more: Boolean(window.event?.shiftKey)})"
"""What of an event is sent here. ECharts keeps one mark for each axis; another one is added by us."""
NARROWED = "That is more than one query can say: mark less."


class Brush:
    """The marks on one chart. They outlive its drawing anew, as far as its axes are still the same."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ranked = Question("", "", "", None)
        self._axes: Sequence[Axis] = ()
        self._marked: dict[int, tuple[Area, ...]] = {}
        self._drawing: ui.echart | None = None

    def beneath(self, chart: Chart) -> None:
        """Make room under the chart."""
        with chart.beneath.classes("ckpt-row ckpt-marked"):
            self._said = ui.html("", sanitize=False).props('role="status"')
            self._clear = ui.element("button").props('type="button"').on("click", self._unmark)
            self._clear._text = "Clear"  # noqa: SLF001  # NiceGUI's own elements set it so

    async def over(self, axes: Sequence[Axis], ranked: Question) -> None:
        """Go on over other lines: marks stay on axes that are the same as before."""
        before = {_name(axis): found for place, axis in enumerate(self._axes) if (found := self._marked.get(place))}
        self._axes, self._ranked = axes, ranked
        self._marked = {place: before[_name(axis)] for place, axis in enumerate(axes) if _name(axis) in before}
        await self._say()

    def follow(self, drawing: ui.echart) -> None:
        """Listen to a new drawing, and mark on it what is marked."""
        self._drawing = drawing
        drawing.on("chart:axisareaselected", self._hear, js_handler=HEARD)
        if self._marked:
            drawing.on("chart:rendered", lambda: self._mark(drawing), [], throttle=3600.0, trailing_events=False)

    def _mark(self, drawing: ui.echart) -> None:
        for place, found in self._marked.items():
            intervals = [list(area) for area in found]
            action = {"type": "axisAreaSelect", "parallelAxisId": str(place), "intervals": intervals}
            drawing.run_chart_method("dispatchAction", action)
        drawing.run_chart_method("resize")  # draws the marks themselves

    async def _hear(self, event: GenericEventArguments) -> None:
        said = event.args if isinstance(event.args, dict) else {}
        place = next((place for place in range(len(self._axes)) if str(place) == said.get("axis")), None)
        if place is None:
            return
        found = areas.areas_of(said.get("intervals"))
        is_more = bool(found and said.get("more") and self._marked.get(place))
        self._marked = self._marked | {place: (*self._marked[place], *found)[-areas.MOST :] if is_more else found}
        if is_more and self._drawing is not None:
            self._mark(self._drawing)
        await self._say()

    async def _unmark(self) -> None:
        self._marked = dict.fromkeys(self._marked, ())
        if self._drawing is not None:
            self._mark(self._drawing)
        await self._say()

    async def _say(self) -> None:
        marked = self._marked
        is_marked = any(marked.values())
        self._clear.set_visibility(is_marked)
        if not is_marked:
            self._said.set_content(tag("span", HINT, class_="ckpt-dim"))
            return
        query = areas.query(self._axes, marked)
        crossing = len(areas.inside(self._axes, marked))
        total = None if query is None else await self._count(f"{self._ranked.query} {query}".strip())
        if marked is self._marked:
            self._said.set_content(said(crossing, len(self._axes[0].values), query, total, self._ranked))

    async def _count(self, query: str) -> int | None:
        try:
            return await self._site.ask(lambda catalog: count(catalog, query))
        except CkptIndexerError:
            return None


def said(crossing: int, lines: int, query: str | None, total: int | None, ranked: Question) -> Html:
    """Return how much is marked, and where that leads: `total` checkpoints, None when they cannot be asked for."""
    counted = tag("strong", f"{crossing:,} of {lines:,} marked")
    if query is None:
        return join([counted, ": no value lies there"])
    if total is None:
        return join([counted, " ", NARROWED])
    whole = f"{ranked.query} {query}".strip()
    narrowed = address("best", metric=ranked.metric, by=ranked.by, mode=ranked.mode, q=whole)
    return join(
        [
            counted, " ", tag("code", query), " ",
            tag("a", f"Show all {total:,} checkpoints", href=address(q=whole)), " · ",
            tag("a", "Rank only these", href=narrowed),
        ]
    )  # fmt: skip


def _name(axis: Axis) -> tuple[str, ...]:
    """Return what makes an axis the same in two drawings."""
    return (axis.name, axis.field, *(() if axis.is_number else names_of(axis)))
