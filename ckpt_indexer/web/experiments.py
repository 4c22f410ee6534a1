"""Experiments: how did the runs go. The list of all; `experiment` shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import Query
from nicegui import ui

from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import parts
from ckpt_indexer.web.curves import drawn
from ckpt_indexer.web.experiment import One, Question
from ckpt_indexer.web.headline import direction_of, headline
from ckpt_indexer.web.layout import PATIENCE_S, shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.web.site import Site

    Summary = Mapping[str, Any]  # JSON values

MOST = 250
"""Experiments listed at once."""
ORDERS = {"newest": "newest first", "best": "best first", "size": "largest first", "name": "by name"}


class Wanted(NamedTuple):
    """What the address asks for."""

    query: str
    order: str
    metric: str
    """Empty: what the models are judged by."""
    mode: str | None


class Best(NamedTuple):
    """The best value of an experiment, and when it was reached."""

    value: float
    epoch: int | None


class Found(NamedTuple):
    """What the list shows."""

    experiments: Sequence[Summary]
    """In order, at most `MOST`."""
    total: int
    bests: Mapping[str | None, Best]
    """Experiment -> its best by the metric."""
    sparks: Mapping[str, Html]
    metrics: Sequence[str]
    roots: Sequence[str]
    metric: str
    refusal: str | None = None
    """Why nothing is ranked."""


def install(site: Site) -> None:
    """Give the page its address."""

    async def experiments(
        *, name: str = "", q: str = "", order: str = "newest", metric: str = "", mode: str = "",
        over: Annotated[list[str] | None, Query()] = None, also: Annotated[list[str] | None, Query()] = None,
    ) -> None:  # fmt: skip
        if name:
            one = One(site, Question(name, metric, tuple(over or ()), mode or None, tuple(also or ())))
            async with shell(site, "experiments", name, redraw=one.draw):
                await one.draw()
            return
        await _list(site, Wanted(q, order if order in ORDERS else "newest", metric, mode or None))

    ui.page("/experiments", response_timeout=PATIENCE_S)(experiments)


async def _list(site: Site, wanted: Wanted) -> None:
    content: Any = None  # a NiceGUI element, once it is drawn

    async def draw() -> None:
        if content is None:
            return
        try:
            found = await site.ask(lambda catalog: look(catalog, wanted))
        except CkptIndexerError as error:
            head = controls(wanted, wanted.metric, ())
            content.set_content(join([head, parts.notice("That cannot be shown", error.message)]))
            return
        fresh = listing(found, wanted)
        if fresh != content.content:
            content.set_content(fresh)

    async with shell(site, "experiments", "Experiments", redraw=draw):
        content = ui.html("", sanitize=False).props("id=ckpt-content")
        await draw()


def look(catalog: Catalog, wanted: Wanted) -> Found:
    """Return what the list shows. Raises InvalidFilter."""
    stats = catalog.stats()
    metric = wanted.metric or headline(catalog)
    every = catalog.experiments(wanted.query)
    mode, refusal = wanted.mode, None
    try:
        mode = mode or direction_of(catalog, metric)
    except CkptIndexerError as error:  # nobody knows which end of the metric is better
        refusal = error.message
    bests = _ranked(catalog, wanted, metric, mode) if wanted.query or wanted.order == "best" else {}
    listed = ordered(every, wanted.order, {group: place for place, group in enumerate(bests)})[:MOST]
    curves = {name: catalog.curve(name, metric) for one in listed for name in [one["name"]] if name is not None}
    if not bests:
        bests = {name: best for name, curve in curves.items() for best in [_best(curve, mode)] if best is not None}
    sparks = {name: spark([(name, curve)], mode) for name, curve in curves.items()}
    roots = [root["path"] for root in stats["roots"]]
    return Found(listed, len(every), bests, sparks, stats["metrics"], roots, metric, refusal)


def _ranked(catalog: Catalog, wanted: Wanted, metric: str, mode: str | None) -> dict[str | None, Best]:
    """Return the best of every experiment, best first: of all rows, or of those that a query leaves."""
    if mode is None:
        return {}
    ranking = catalog.best(metric, "experiment", wanted.query, mode=mode)
    return {row["group"]: Best(row["value"], row["epoch"]) for row in ranking}


def _best(curve: Sequence[Mapping[str, Any]], mode: str | None) -> Best | None:
    """Return the best of the points of a curve; None without points, or where nobody knows what is better."""
    pick = {"max": max, "min": min}.get(mode or "")
    if pick is None or not curve:
        return None
    point = pick(curve, key=lambda one: one["value"])
    return Best(point["value"], point["epoch"])


def ordered(found: Sequence[Summary], order: str, places: Mapping[str | None, int]) -> list[Summary]:
    """Return experiments in an order; what does not say comes last."""
    if order == "best":
        return sorted(found, key=lambda one: places.get(one["name"], len(places)))
    if order == "name":
        return list(found)
    key = {"newest": "newest", "size": "size_bytes"}[order]
    known = [one for one in found if one[key] is not None]
    return sorted(known, key=lambda one: one[key], reverse=True) + [one for one in found if one[key] is None]


def spark(curves: Sequence[tuple[str, Sequence[Mapping[str, Any]]]], mode: str | None) -> Html:
    """Return a curve as small as a word, its best point marked; empty with fewer than two points."""
    found = drawn(curves, mode)
    if not found.lines or len(found.lines[0][1]) < 2:
        return join([])
    points, best = found.lines[0][1], found.best[0]
    (left, right), values = (points[0][0], points[-1][0]), [value for _, value in points]
    low, high = min(values), max(values)
    places = [
        (2 + 76 * (x - left) / ((right - left) or 1), 2 + 16 * (1 - (value - low) / ((high - low) or 1)))
        for x, value in points
    ]
    line = tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places), fill="none", stroke="currentColor")
    dot = None if best is None else tag("circle", cx=f"{places[best][0]:.1f}", cy=f"{places[best][1]:.1f}", r=2)
    return tag(
        "svg", line, dot, viewBox="0 0 80 20", width=80, height=20, fill="currentColor", aria_hidden="true",
        class_="ckpt-spark",
    )  # fmt: skip


def controls(wanted: Wanted, metric: str, metrics: Sequence[str]) -> Html:
    """Return what can be chosen of the list."""
    return tag(
        "div",
        tag("form", parts.search(wanted.query, "exp:dbnet-* created:2026-06.."), data_form="search",
            class_="ckpt-search", role="search"),
        parts.choice("Metric", "metric", [one for one in dict.fromkeys([metric, *metrics]) if one], metric),
        parts.mode(wanted.mode),
        parts.choice("Order", "order", list(ORDERS.items()), wanted.order),
        class_="ckpt-controls",
    )  # fmt: skip


def listing(found: Found, wanted: Wanted) -> Html:
    """Return the list of experiments."""
    head = controls(wanted, found.metric, found.metrics)
    if not found.experiments:
        none = parts.notice("No experiment matches") if wanted.query else parts.starting(found.roots)
        return join([head, none])
    said = (
        f"{found.total:,} experiments"
        if found.total <= MOST
        else f"{MOST} of {found.total:,} experiments: narrow them with a query"
    )
    refused = None if found.refusal is None else tag("p", found.refusal, class_="ckpt-dim")
    table = parts.table("Experiments", _columns(found.metric), [_row(one, found) for one in found.experiments])
    return join([head, tag("p", said, class_="ckpt-dim"), refused, tag("section", table, class_="ckpt-card")])


def _columns(metric: str) -> tuple[Column, ...]:
    return (
        Column("experiment"), Column(f"best {metric}", is_number=True), Column("at epoch", is_number=True),
        Column("curve"), Column("last epoch", is_number=True), Column("files", is_number=True),
        Column("size", is_number=True), Column("newest (UTC)"),
    )  # fmt: skip


def _row(one: Summary, found: Found) -> tuple[parts.Cell, ...]:
    best = found.bests.get(one["name"])
    return (
        _name(one), parts.metric(None if best is None else best.value),
        parts.number(None if best is None else best.epoch),
        parts.Cell(found.sparks.get(one["name"], "")), parts.number(one["last_epoch"]), parts.number(one["count"]),
        parts.size(one["size_bytes"]), parts.moment(one["newest"]),
    )  # fmt: skip


def _name(one: Summary) -> parts.Cell:
    if one["name"] is None:
        return parts.link("unknown", address(q=is_("experiment", None)))
    return parts.link(one["name"], address("experiments", name=one["name"]))
