"""Checkpoints: find the file I want. The table reads its rows from the interface itself, a screen at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import parts
from ckpt_indexer.web.layout import shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.words import count, is_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.web.site import Site

    Options = dict[str, Any]  # as AG Grid takes them

HINT = "backbone:resnet50 hmean>0.8 created:2026-06.. -source:names"
FACETS = ("architecture", "backbone", "decoder", "dataset", "root", "source", "sidecar_state", "read_state", "format")
SHOWN_VALUES = 12
"""Of each facet; the rest is found by a query."""
BLOCK = 100


def install(site: Site) -> None:
    """Give the page its address."""

    async def checkpoints(q: str = "", sort: str = "") -> None:
        rail = None

        async def redraw() -> None:
            if rail is not None:
                fresh = await site.ask(facets)
                if fresh != rail.content:
                    rail.set_content(fresh)

        async with shell(site, "", "Checkpoints", redraw=redraw):
            ui.html(bar(q), sanitize=False)
            with ui.element("div").classes("ckpt-split"):
                rail = ui.html(await _or_nothing(site, facets), sanitize=False, tag="aside").classes("ckpt-rail")
                rail.props('aria-label="Filters"')
                with ui.element("div").classes("ckpt-grid-box").props("id=ckpt-content"):
                    ui.aggrid(grid(sort), theme="quartz", auto_size_columns=False).props("id=ckpt-grid")
                    ui.html(await _or_nothing(site, nothing), sanitize=False).props("id=ckpt-empty hidden")

    ui.page("/")(checkpoints)


async def _or_nothing(site: Site, question: Any) -> Html:  # noqa: ANN401  # a function of the catalog
    try:
        found: Html = await site.ask(question)
    except CkptIndexerError:  # the table says so, with the reason
        return join([])
    return found


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


def grid(sort: str) -> Options:
    """Return the options of the table. What begins with a colon is JavaScript, from constants only."""
    key, direction = _sort(sort)
    columns = [dict(column) for column in COLUMNS]
    for column in columns:
        if column.get("field") == key:
            column["initialSort"] = direction
    return {
        ":columnDefs": "ckpt.grid.columns(" + _constant(columns) + ")",
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


def _constant(columns: Sequence[Mapping[str, Any]]) -> str:
    import orjson

    return orjson.dumps(columns).decode()


def _sort(sort: str) -> tuple[str, str | None]:
    """Return the column a `sort` of the address names, and its direction for the table."""
    if not sort:
        return "hmean", "desc"
    first = sort.split(",", maxsplit=1)[0]
    return first.strip("+-"), "desc" if first.endswith("-") or first.startswith("-") else "asc"


def _column(field: str, title: str, width: int, kind: str = "text", **more: Any) -> dict[str, Any]:  # noqa: ANN401  # options of AG Grid
    return {"field": field, "headerName": title, "width": width, "kind": kind, **more}


COLUMNS = (
    _column("experiment", "Experiment", 230, flex=2, minWidth=96),
    _column("name", "File", 190, hide=True),
    _column("architecture", "Arch", 88),
    _column("backbone", "Backbone", 140),
    _column("decoder", "Decoder", 118),
    _column("epoch", "Epoch", 78, "count"),
    _column("global_step", "Step", 96, "count", hide=True),
    _column("hmean", "hmean", 98, "metric", strong=True),
    _column("precision", "Precision", 96, "metric"),
    _column("recall", "Recall", 88, "metric"),
    _column("validation_loss", "Loss", 84, "metric"),
    _column("size_bytes", "Size", 88, "size"),
    _column("created_at", "Created", 138, "time"),
    _column("source", "Source", 104, "source"),
    _column("dataset", "Dataset", 120, hide=True),
    _column("saved_as", "Saved as", 100, hide=True),
    _column("num_parameters", "Parameters", 120, "count", hide=True),
    _column("read_state", "State", 110, hide=True),
    _column("tags", "Tags", 140, "tags", hide=True, sortable=False),
    _column("root", "Root", 110, hide=True),
    _column("path", "Path", 320, hide=True),
)
"""Every column the table can show. `kind` says how its values look; grid.js knows the kinds."""
