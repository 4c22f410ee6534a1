"""Disk: where the room went, and what could go. Nothing here deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nicegui import ui

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import ages, charts, parts, words
from ckpt_indexer.web.ages import term
from ckpt_indexer.web.layout import PATIENCE_S, shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.reclaim import reasons
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.web.site import Site

    Values = Mapping[str, Any]  # JSON values

BY = ("architecture", "backbone")
CHOICES = (
    ("architecture,backbone", "architecture, then backbone"), ("root,experiment", "root, then experiment"),
    ("dataset,architecture", "dataset, then architecture"), ("format,read_state", "format, then state"),
    ("month,experiment", "month, then experiment"),
)  # fmt: skip
MOST_RECTANGLES = 60
"""Within one rectangle; the rest is drawn as one."""
LARGEST = 25
MOST_FILES = 2000
"""Of one experiment; of a larger one nothing is said."""


class Found(NamedTuple):
    """What the page shows."""

    stats: Values
    sizes: Sequence[Values]
    ages: Sequence[Values]
    """By month of creation."""
    largest: Sequence[Values]
    going: Mapping[str, tuple[int, int]]
    """Experiment -> files that could go, and their bytes; left out where there are too many files to tell."""


def install(site: Site) -> None:
    """Give the page its address."""

    async def disk(by: str = "architecture,backbone") -> None:
        fields = fields_of(by)
        view = _View(site, fields)
        async with shell(site, "disk", "Disk", redraw=view.draw):
            await view.draw()

    ui.page("/disk", response_timeout=PATIENCE_S)(disk)


def fields_of(by: str) -> tuple[str, ...]:
    """Return the one or two fields of an address."""
    return tuple(word.strip() for word in by.split(",") if word.strip())[:2] or BY


def named(sizes: Sequence[Values]) -> tuple[str, ...]:
    """Return the fields that were added up by, as rows call them: an address may say `arch`."""
    return tuple(key for key in sizes[0] if key not in ("count", "size_bytes"))


class _View:
    """The page's parts that change."""

    def __init__(self, site: Site, fields: tuple[str, ...]) -> None:
        self._site = site
        self._fields = fields
        self._made = False

    async def draw(self) -> None:
        """Ask, and show the answer."""
        if not self._made:
            self._make()
        try:
            found = await self._site.ask(lambda catalog: look(catalog, self._fields))
        except CkptIndexerError as error:
            self._head.set_content(join([controls(self._fields), parts.notice("That cannot be shown", error.message)]))
            self._body.set_visibility(False)
            return
        self._head.set_content(join([controls(self._fields), summary(found)]))
        self._body.set_visibility(bool(found.sizes))
        if found.sizes:
            fields = named(found.sizes)
            title = "Room taken by " + ", then ".join(fields)
            rectangles = charts.treemap(nodes(found.sizes, fields))
            self._chart.show(rectangles, _sizes(found.sizes, fields), height=520, title=title)
            made = ages.bars(found.ages)
            self._ages.show(ages.options(made), ages.table(made), height=260, title=ages.title(made))
            self._largest.set_content(largest(found))

    def _make(self) -> None:
        self._made = True
        self._head = ui.html("", sanitize=False).props("id=ckpt-content")
        with ui.element("div").classes("ckpt-stack") as self._body:
            self._chart = charts.Chart("Room taken", opens=_opened)
            self._ages = charts.Chart("Age, by month of creation", opens=_opened)
            self._largest = ui.html("", sanitize=False)


def look(catalog: Catalog, fields: Sequence[str]) -> Found:
    """Return what the page shows. Raises InvalidFilter."""
    sizes = catalog.disk(fields)
    biggest = list(catalog.disk(("experiment",)))[:LARGEST]
    names = [one["experiment"] for one in biggest if one["experiment"] is not None]
    told = {name: going(catalog, name) for name in names}
    known = {name: one for name, one in told.items() if one is not None}
    return Found(catalog.stats(), sizes, catalog.disk((ages.MONTH,)), biggest, known)


def going(catalog: Catalog, experiment: str) -> tuple[int, int] | None:
    """Return how many files of an experiment could go, and their bytes; None for one with too many files to tell."""
    page = catalog.find(is_("experiment", experiment), limit=MOST_FILES)
    if page.next is not None:
        return None
    found = reasons(page)
    return len(found), sum(row["size_bytes"] or 0 for row in page if row["id"] in found)


def controls(fields: Sequence[str]) -> Html:
    """Return what can be chosen."""
    chosen = ",".join(fields)
    return tag(
        "div", parts.choice("Room by", "by", dict.fromkeys([*CHOICES, *_own(chosen)]), chosen), class_="ckpt-controls"
    )


def _own(chosen: str) -> list[tuple[str, str]]:
    return [] if chosen in dict(CHOICES) else [(chosen, chosen)]


def summary(found: Found) -> Html:
    """Return the cards; an empty catalog says how to begin."""
    stats = found.stats
    if not found.sizes:
        return parts.starting([root["path"] for root in stats["roots"]])
    could = sum(size for _, size in found.going.values())
    return parts.cards(
        (words.size(stats["size_bytes"]), "on disk"),
        (words.count(stats["present"]), "checkpoints"),
        (words.size(stats["duplicate_bytes"]), f"in {stats['duplicates']:,} files of equal content"),
        (words.size(could), f"could go in the {len(found.going)} largest experiments"),
    )


def nodes(sizes: Sequence[Values], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Return rectangles for the treemap: the first field outside, the second inside."""
    outer: dict[str | None, list[Values]] = {}
    for one in sizes:
        outer.setdefault(one[fields[0]], []).append(one)
    if len(fields) == 1:
        return [
            _leaf(_word(name), found, term(fields[0], name)) for name, found in list(outer.items())[:MOST_RECTANGLES]
        ]
    made = []
    for name, found in outer.items():
        outside = term(fields[0], name)
        inner = [
            _leaf(_word(one[fields[1]]), [one], f"{outside} {term(fields[1], one[fields[1]])}")
            for one in found[:MOST_RECTANGLES]
        ]
        rest = found[MOST_RECTANGLES:]
        if rest:
            inner.append(_leaf(f"{len(rest)} more", rest, outside))
        total = sum(one["size_bytes"] or 0 for one in found)
        made.append(
            {"name": f"{_word(name)} · {words.size(total)}", "value": total, "children": inner, "query": outside}
        )
    return made


def _leaf(name: str, found: Sequence[Values], query: str) -> dict[str, Any]:
    total = sum(one["size_bytes"] or 0 for one in found)
    return {"name": f"{name}\n{words.size(total)}", "value": total, "query": query}


def _opened(_place: int, drawn: object) -> str | None:
    """Return the address of the checkpoints of a rectangle or a bar."""
    query = drawn.get("query") if isinstance(drawn, dict) else None
    return address(q=query) if isinstance(query, str) else None


def _word(value: str | None) -> str:
    return "unknown" if value is None else shown(value)


def _sizes(sizes: Sequence[Values], fields: Sequence[str]) -> Html:
    columns = (*map(Column, fields), Column("files", is_number=True), Column("size", is_number=True))
    rows = [
        (
            *(parts.link(_word(one[field]), address(q=term(field, one[field]))) for field in fields),
            parts.number(one["count"]), parts.size(one["size_bytes"]),
        )
        for one in sizes[:1000]
    ]  # fmt: skip
    return parts.table("Room taken", columns, rows)


def largest(found: Found) -> Html:
    """Return the largest experiments, and what of each could go."""
    columns = (
        Column("experiment"), Column("files", is_number=True), Column("size", is_number=True),
        Column("could go", is_number=True), Column("in files", is_number=True),
    )  # fmt: skip
    rows = []
    for one in found.largest:
        files, size = found.going.get(one["experiment"], (None, None))
        name = one["experiment"]
        link = (
            parts.link("unknown", address(q=is_("experiment", None)))
            if name is None
            else parts.link(name, address("experiments", name=name))
        )
        rows.append(
            (link, parts.number(one["count"]), parts.size(one["size_bytes"]), parts.size(size), parts.number(files))
        )
    said = "Could go: neither the best nor the last of its run, not pinned; or the same content as one that stays."
    return tag(
        "section",
        tag("h2", "Largest experiments"),
        tag("p", said, class_="ckpt-dim"),
        parts.table("Largest experiments", columns, rows),
        class_="ckpt-card",
    )
