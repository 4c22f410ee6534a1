"""Checkpoints: find the file I want. The table reads its rows from the interface itself, a screen at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from nicegui import ui

from ckpt_indexer.catalog.cells import to_json
from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.errors import CkptIndexerError, InvalidFilter
from ckpt_indexer.web import parts
from ckpt_indexer.web.headline import HMEAN, direction_of, headline
from ckpt_indexer.web.layout import PATIENCE_S, shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.words import count, is_

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.web.site import Site

    Options = dict[str, Any]  # as AG Grid takes them

T = TypeVar("T")

HINT = "backbone:resnet50 hmean>0.8 created:2026-06.. -source:names"
KINDS = ("architecture", "backbone", "decoder")
"""Columns that some kinds of models have nothing for."""
EPOCH = "epoch"
FACETS = ("architecture", "backbone", "decoder", "dataset", "root", "source", "sidecar_state", "read_state", "format")
SHOWN_VALUES = 12
"""Of each facet; the rest is found by a query."""
BLOCK = 100


def install(site: Site) -> None:
    """Give the page its address."""

    async def checkpoints(q: str = "") -> None:
        view = _View(site)
        async with shell(site, "", "Checkpoints", redraw=view.redraw):
            await view.draw(q)

    ui.page("/", response_timeout=PATIENCE_S)(checkpoints)


class _View:
    """The page's parts that change."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rail: Any = None  # a NiceGUI element, once it is drawn
        self._shape = EMPTY

    async def draw(self, query: str) -> None:
        """Draw the page; the rows come later, from the browser's own requests."""
        self._shape = await self._or(EMPTY, shape)
        ui.html(bar(query), sanitize=False)
        with ui.element("div").classes("ckpt-split"):
            self._rail = ui.html(await self._or(join([]), facets), sanitize=False, tag="aside").classes("ckpt-rail")
            self._rail.props('id=ckpt-rail aria-label="Filters"')
            with ui.element("div").classes("ckpt-grid-box").props("id=ckpt-content"):
                ui.aggrid(grid(self._shape), theme="quartz", auto_size_columns=False).props("id=ckpt-grid")
                ui.html(await self._or(join([]), nothing), sanitize=False).props("id=ckpt-empty hidden")

    async def redraw(self) -> None:
        """Show the counts anew; a table that was made for no checkpoints is made for those there are now."""
        if self._rail is None:
            return
        fresh = await self._site.ask(facets)
        if fresh != self._rail.content:
            self._rail.set_content(fresh)
        if self._shape == EMPTY and await self._site.ask(shape) not in (EMPTY, USUAL):
            self._shape = USUAL
            ui.navigate.reload()

    async def _or(self, otherwise: T, question: Callable[[Catalog], T]) -> T:
        try:
            return await self._site.ask(question)
        except CkptIndexerError:  # the table says so, with the reason
            return otherwise


class Shape(NamedTuple):
    """What the checkpoints of a catalog are like, as far as the columns of the table go."""

    metric: str
    """What they are judged by."""
    mode: str | None
    known: frozenset[str]
    """Columns that hold anything, of those a kind of model may lack."""


def shape(catalog: Catalog) -> Shape:
    """Return what the checkpoints of a catalog are like."""
    metric = headline(catalog)
    counts = catalog.facets(KINDS)
    fields = {field for field in KINDS if set(counts[field]) - {None}}
    fields |= set(catalog.stats()["metrics"]) & PROMOTED.keys()
    if catalog.find("-epoch:", limit=1):
        fields.add(EPOCH)
    return Shape(metric, _direction(catalog, metric), frozenset(fields))


def _direction(catalog: Catalog, metric: str) -> str | None:
    try:
        return direction_of(catalog, metric)
    except InvalidFilter:
        return None


def bar(query: str) -> Html:
    """Return the search field and what can be done with the result."""
    return tag(
        "div",
        tag("form", parts.search(query, HINT), data_form="query", class_="ckpt-search", role="search"),
        tag("span", id="ckpt-total", class_="ckpt-dim", role="status"),
        tag("button", "Filters", type="button", data_do="rail", class_="ckpt-narrow", aria_controls="ckpt-rail"),
        tag("button", "Compare", type="button", data_do="compare", id="ckpt-compare", disabled=True),
        tag("a", "Export", href="/api/v1/export.csv", id="ckpt-export", class_="ckpt-button", download=True),
        tag("button", "Columns", type="button", data_do="columns", aria_haspopup="true"),
        tag("button", "Link", type="button", data_do="link", title="Copy the address of what you see"),
        tag("div", id="ckpt-columns", hidden=True),
        tag("button", id="ckpt-new", type="button", data_do="newest", hidden=True),
        class_="ckpt-bar2",
    )


def facets(catalog: Catalog) -> Html:
    """Return the rail of values to filter by."""
    counts = catalog.facets(FACETS)
    return join([_facet(field, counts[field]) for field in FACETS if set(counts[field]) - {None}])


def _facet(field: str, values: Mapping[str | None, int]) -> Html:
    buttons = [
        tag(
            "button", tag("span", "unknown" if value is None else value), tag("span", count(n), class_="n"),
            type="button", data_do="facet", data_term=is_(field, value), aria_pressed="false",
        )
        for value, n in list(values.items())[:SHOWN_VALUES]
    ]  # fmt: skip
    left = len(values) - len(buttons)
    more = tag("p", f"and {left:,} more", class_="ckpt-dim") if left > 0 else None
    return tag("details", tag("summary", field.replace("_", " ")), *buttons, more, open=field in FACETS[:3])


def nothing(catalog: Catalog) -> Html:
    """Return what stands in an empty table: nothing there yet, or nothing that matches."""
    roots = [root["path"] for root in catalog.stats()["roots"]]
    none = tag(
        "div",
        parts.notice("No checkpoint matches", "Missing ones are hidden unless the query says presence:any."),
        tag("button", "Clear the query", type="button", data_do="clear"),
        id="ckpt-no-match", class_="ckpt-notice",
    )  # fmt: skip
    return join([tag("div", parts.starting(roots), id="ckpt-no-rows"), none])


def columns(given: Shape) -> list[dict[str, Any]]:
    """Return every column the table can show. Those in which nothing stands are hidden, and can be asked for."""
    if given == EMPTY:
        given = USUAL
    bare = {*KINDS, *PROMOTED, EPOCH} - given.known
    return [column | _changes(str(column["field"]), bare, given.metric) for column in COLUMNS]


def _changes(field: str, bare: set[str], metric: str) -> Options:
    """Return what is different about a column for these checkpoints."""
    made: Options = {}
    if field == metric:
        made["strong"] = True
    if field in bare:
        made["hide"] = True
    if field == "global_step" and EPOCH in bare:
        made["hide"] = False
    if field == "architecture" and "backbone" in bare:
        made["width"] = 180
    return made


def grid(given: Shape) -> Options:
    """Return the options of the table. What begins with a colon is JavaScript, from constants and JSON in ASCII."""
    metrics = [] if given.metric in PROMOTED else [given.metric]
    first = {"metrics": metrics, "sort": given.metric + ("+" if given.mode == "min" else "-")}
    return {
        ":columnDefs": f"ckpt.grid.columns({to_json(columns(given))}, {to_json(first)})",
        "rowModelType": "infinite",
        "cacheBlockSize": BLOCK,
        "maxBlocksInCache": 12,
        "maxConcurrentDatasourceRequests": 2,
        "infiniteInitialRowCount": 1,
        "rowHeight": 34,
        "headerHeight": 38,
        "rowSelection": {"mode": "multiRow", "headerCheckbox": False, "enableClickSelection": False},
        "selectionColumnDef": {"width": 42, "pinned": "left", "resizable": False},
        "suppressCellFocus": False,
        "multiSortKey": "ctrl",
        "enableCellTextSelection": True,
        "ensureDomOrder": True,
        "suppressDragLeaveHidesColumns": True,
        "overlayNoRowsTemplate": " ",
        ":datasource": "ckpt.grid.datasource",
        ":getRowId": "ckpt.grid.rowId",
        ":rowClassRules": "ckpt.grid.rowClasses",
        ":onGridReady": "ckpt.grid.ready",
        ":onSelectionChanged": "ckpt.grid.selected",
        ":onRowClicked": "ckpt.grid.clicked",
        ":onCellKeyDown": "ckpt.grid.key",
        ":onSortChanged": "ckpt.grid.sorted",
    }


def _column(field: str, title: str, width: int, kind: str = "text", **more: Any) -> dict[str, Any]:  # noqa: ANN401  # options of AG Grid
    return {"field": field, "headerName": title, "width": width, "kind": kind, **more}


COLUMNS = (
    _column("experiment", "Experiment", 230, flex=2, minWidth=96),
    _column("name", "File", 190, hide=True),
    _column("architecture", "Arch", 84),
    _column("backbone", "Backbone", 132),
    _column("decoder", "Decoder", 108),
    _column("epoch", "Epoch", 72, "count"),
    _column("global_step", "Step", 96, "count", hide=True),
    _column("hmean", "hmean", 92, "metric"),
    _column("precision", "Precision", 90, "metric"),
    _column("recall", "Recall", 80, "metric"),
    _column("validation_loss", "Loss", 78, "metric"),
    _column("size_bytes", "Size", 80, "size"),
    _column("created_at", "Created", 132, "time"),
    _column("source", "Source", 96, "source"),
    _column("dataset", "Dataset", 120, hide=True),
    _column("saved_as", "Saved as", 100, hide=True),
    _column("num_parameters", "Parameters", 120, "count", hide=True),
    _column("read_state", "State", 110, hide=True),
    _column("tags", "Tags", 140, "tags", hide=True, sortable=False),
    _column("root", "Root", 110, hide=True),
    _column("path", "Path", 320, hide=True),
)
"""Every column the table can show. `kind` says how its values look; grid.js knows the kinds."""

EMPTY = Shape(HMEAN, "max", frozenset())
"""Of no checkpoints."""
USUAL = Shape(HMEAN, "max", frozenset((*KINDS, *PROMOTED, EPOCH)))
"""Of those for which every column is shown, as for none."""
