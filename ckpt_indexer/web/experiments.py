"""Experiments: how did the run go. All of them, or the curves and files of one, with others laid over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import Query
from nicegui import ui

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import charts, parts, words
from ckpt_indexer.web.layout import shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.web.site import Site

    Summary = dict[str, Any]  # JSON values

MOST = 500
"""Experiments listed at once."""
MOST_FILES = 1000
MOST_OVER = 7
"""Experiments laid over one."""
ORDERS = {"newest": "newest first", "best": "best first", "size": "largest first", "name": "by name"}
COLUMNS = (
    Column("experiment"), Column("best hmean", is_number=True), Column("at epoch", is_number=True),
    Column("last epoch", is_number=True), Column("files", is_number=True), Column("size", is_number=True),
    Column("newest (UTC)"),
)  # fmt: skip
FILES = (
    Column("checkpoint"), Column("epoch", is_number=True), Column("step", is_number=True),
    Column("hmean", is_number=True), Column("loss", is_number=True), Column("size", is_number=True),
    Column("saved as"), Column("why it could go"),
)  # fmt: skip


class Question(NamedTuple):
    """What the address asks for of one experiment."""

    name: str
    metric: str
    over: tuple[str, ...]


class Curves(NamedTuple):
    """One experiment, and the curves of those laid over it."""

    metrics: Sequence[str]
    rows: Sequence[Row]
    lines: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]


def install(site: Site) -> None:
    """Give the page its address."""

    async def experiments(
        name: str = "", q: str = "", order: str = "newest", metric: str = "hmean",
        over: Annotated[list[str] | None, Query()] = None,
    ) -> None:  # fmt: skip
        if name:
            one = _One(site, Question(name, metric or "hmean", tuple(over or ())[:MOST_OVER]))
            async with shell(site, "experiments", shown(name), redraw=one.draw):
                await one.draw()
            return
        await _list(site, q, order if order in ORDERS else "newest")

    ui.page("/experiments")(experiments)


async def _list(site: Site, query: str, order: str) -> None:
    content: Any = None  # a NiceGUI element, once it is drawn

    async def draw() -> None:
        if content is None:
            return
        try:
            found = await site.ask(lambda catalog: catalog.experiments(query))
            roots = [root.path for root in (await site.freshness()).roots]
        except CkptIndexerError as error:
            content.set_content(join([controls(query, order), parts.notice("That cannot be shown", error.message)]))
            return
        fresh = listing(found, query, order, roots)
        if fresh != content.content:
            content.set_content(fresh)

    async with shell(site, "experiments", "Experiments", redraw=draw):
        content = ui.html("", sanitize=False).props("id=ckpt-content")
        await draw()


def controls(query: str, order: str) -> Html:
    """Return what can be chosen of the list."""
    return tag(
        "div",
        tag("form", parts.search(query, "exp:dbnet-* created:2026-06.."), data_form="search", class_="ckpt-search",
            role="search"),
        parts.choice("Order", "order", list(ORDERS.items()), order),
        class_="ckpt-controls",
    )  # fmt: skip


def listing(found: Sequence[Any], query: str, order: str, roots: Sequence[str]) -> Html:
    """Return the list of experiments."""
    if not found:
        none = parts.notice("No experiment matches") if query else parts.starting(roots)
        return join([controls(query, order), none])
    ordered = _ordered(found, order)
    rows = [
        (
            _name(one), parts.metric(one["best"]), parts.number(one["best_epoch"]), parts.number(one["last_epoch"]),
            parts.number(one["count"]), parts.size(one["size_bytes"]), parts.moment(one["newest"]),
        )
        for one in ordered[:MOST]
    ]  # fmt: skip
    said = (
        f"{len(found):,} experiments"
        if len(found) <= MOST
        else f"{MOST} of {len(found):,} experiments: narrow them with a query"
    )
    whole = tag("section", parts.table("Experiments", COLUMNS, rows), class_="ckpt-card")
    return join([controls(query, order), tag("p", said, class_="ckpt-dim"), whole])


def _name(one: Summary) -> parts.Cell:
    if one["name"] is None:
        return parts.link("unknown", address(q="exp:"))
    return parts.link(one["name"], address("experiments", name=one["name"]))


def _ordered(found: Sequence[Summary], order: str) -> list[Summary]:
    if order == "name":
        return list(found)
    key = {"newest": "newest", "best": "best", "size": "size_bytes"}[order]
    known = [one for one in found if one[key] is not None]
    return sorted(known, key=lambda one: one[key], reverse=True) + [one for one in found if one[key] is None]


class _One:
    """The page of one experiment."""

    def __init__(self, site: Site, question: Question) -> None:
        self._site = site
        self._question = question
        self._made = False

    async def draw(self) -> None:
        """Ask, and show the answer."""
        question = self._question
        if not self._made:
            self._make()
        try:
            found = await self._site.ask(lambda catalog: curves(catalog, question))
        except CkptIndexerError as error:
            self._head.set_content(parts.notice("That cannot be shown", error.message))
            return
        self._head.set_content(heading(question, found))
        self._body.set_visibility(bool(found.rows))
        if not found.rows:
            return
        places, best = _points(found, question.metric)
        options = charts.lines(places, x="epoch", best=best)
        self._chart.show(options, _values(found), height=380, title=f"{shown(question.metric)} by epoch")
        self._files.set_content(files(found.rows))

    def _make(self) -> None:
        self._made = True
        self._head = ui.html("", sanitize=False).props("id=ckpt-content")
        with ui.element("div").classes("ckpt-stack") as self._body:
            self._chart = charts.Chart("Curve")
            self._files = ui.html("", sanitize=False)


def curves(catalog: Catalog, question: Question) -> Curves:
    """Return one experiment and its curves. Raises InvalidFilter."""
    rows = catalog.find(is_("experiment", question.name), sort="epoch,global_step", limit=MOST_FILES)
    metrics = sorted({*PROMOTED, *(name for row in rows for name in row["metrics"])})
    names = list(dict.fromkeys([question.name, *question.over]))
    return Curves(metrics, list(rows), [(name, catalog.curve(name, question.metric)) for name in names])


def heading(question: Question, found: Curves) -> Html:
    """Return the name, what can be chosen, and the totals."""
    over = [
        tag(
            "span",
            name,
            " ",
            tag("a", "✕", href=_without(question, name), aria_label=f"Take {name} away"),
            class_="ckpt-tag",
        )
        for name in question.over
    ]
    adding = tag(
        "form", tag("input", name="over", placeholder="another experiment", size=28, aria_label="Another experiment"),
        tag("button", "Lay over", type="submit"), data_form="over", class_="ckpt-row",
    )  # fmt: skip
    title = tag("h1", question.name, class_="ckpt-title")
    if not found.rows:
        return join(
            [
                title,
                parts.notice("There is no such experiment", tag("a", "All experiments", href=address("experiments"))),
            ]
        )
    goes = [row for row in found.rows if reason(row, found.rows)]
    total = sum(row["size_bytes"] or 0 for row in found.rows)
    return join(
        [
            title,
            tag(
                "div",
                parts.choice("Metric", "metric", dict.fromkeys([question.metric, *found.metrics]), question.metric),
                *over, adding,
                tag("a", "its checkpoints", href=address(q=is_("experiment", question.name))),
                class_="ckpt-controls",
            ),
            parts.cards(
                (words.count(len(found.rows)), "checkpoints"),
                (words.metric(_best_value(found.rows)), "best hmean"),
                (words.size(total), "on disk"),
                (words.size(sum(row["size_bytes"] or 0 for row in goes)), f"in {len(goes)} files that could go"),
            ),
        ]
    )  # fmt: skip


def _best_value(rows: Sequence[Row]) -> float | None:
    return max((row["hmean"] for row in rows if row["hmean"] is not None), default=None)


def _without(question: Question, name: str) -> str:
    rest = [one for one in question.over if one != name]
    return address("experiments", name=question.name, metric=question.metric, over=rest)


def _points(found: Curves, metric: str) -> tuple[list[tuple[str, list[tuple[float, float]]]], list[int | None]]:
    """Return the lines to draw, and the place of the best point of each where it is known which end is better."""
    made, best = [], []
    for name, curve in found.lines:
        points = [
            (float(at if at is not None else place), one["value"])
            for place, one in enumerate(curve)
            for at in [one["epoch"]]
        ]
        made.append((name, points))
        mode = PROMOTED.get(metric)
        pick = {"max": max, "min": min}.get(mode or "")
        best.append(
            None if pick is None or not points else pick(range(len(points)), key=lambda place: points[place][1])
        )
    return made, best


def _values(found: Curves) -> Html:
    columns = (
        Column("experiment"),
        Column("epoch", is_number=True),
        Column("step", is_number=True),
        Column("value", is_number=True),
        Column("checkpoint"),
    )
    rows = [
        (
            parts.said(name), parts.number(one["epoch"]), parts.number(one["global_step"]), parts.metric(one["value"]),
            parts.link(one["path"].rsplit("/", 1)[-1], address(id=str(one["id"])), opens=one["id"]),
        )
        for name, curve in found.lines
        for one in curve
    ]  # fmt: skip
    return parts.table("Values of the curves", columns, rows)


def files(rows: Sequence[Row]) -> Html:
    """Return the files of an experiment, and which of them another one makes superfluous. Nothing here deletes."""
    made = [
        (
            parts.link(row["name"], address(id=str(row["id"])), opens=row["id"]), parts.number(row["epoch"]),
            parts.number(row["global_step"]), parts.metric(row["hmean"]), parts.metric(row["validation_loss"]),
            parts.size(row["size_bytes"]), parts.said(row["saved_as"]), parts.said(reason(row, rows) or ""),
        )
        for row in rows
    ]  # fmt: skip
    return tag("section", tag("h2", "Files"), parts.table("Files of the experiment", FILES, made), class_="ckpt-card")


def reason(row: Row, rows: Sequence[Row]) -> str | None:
    """Return why a file of an experiment could go; None for what should stay: the best and the last of its run, what is
    pinned, what is not measured, and links, which take no room."""
    if row["pinned"] or row["alias_of"] is not None or row["presence"] != "present":
        return None
    if row["duplicate_of"] is not None:
        return f"same content as #{row['duplicate_of']}"
    run = [one for one in rows if one["run_dir"] == row["run_dir"]]
    last = max((one["epoch"] for one in run if one["epoch"] is not None), default=None)
    best = _best_value(run)
    if row["hmean"] is None or best is None or row["hmean"] >= best or row["epoch"] in (None, last):
        return None
    return f"{words.metric(best - row['hmean'])} below the best of its run, and not the last"
