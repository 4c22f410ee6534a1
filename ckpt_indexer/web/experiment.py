"""One experiment: its curves, others laid over, its files, and which of them could go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nicegui import ui

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import charts, parts, words
from ckpt_indexer.web.curves import drawn
from ckpt_indexer.web.headline import mode_of, of_rows, value_of
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.reclaim import reasons
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.web.site import Site

MOST_FILES = 1000
MOST_OVER = 7
"""Experiments laid over one."""


class Question(NamedTuple):
    """What the address asks for."""

    name: str
    metric: str
    """Empty: what the experiment is judged by."""
    over: tuple[str, ...] = ()
    mode: str | None = None


class Found(NamedTuple):
    """One experiment, and the curves of those laid over it."""

    question: Question
    """With the metric that is shown."""
    metrics: Sequence[str]
    rows: Sequence[Row]
    is_whole: bool
    """There are no more files than these."""
    curves: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]

    @property
    def mode(self) -> str | None:
        """Return which end of the metric is better; None when nobody knows."""
        return self.question.mode or mode_of(self.question.metric, self.rows)

    @property
    def going(self) -> dict[int, str]:
        """Return id -> why a file could go; nothing where not all files are known."""
        return reasons(self.rows) if self.is_whole else {}


class One:
    """The page of one experiment."""

    def __init__(self, site: Site, question: Question) -> None:
        self._site = site
        self._question = question
        self._made = False

    async def draw(self) -> None:
        """Ask, and show the answer."""
        if not self._made:
            self._make()
        try:
            found = await self._site.ask(lambda catalog: look(catalog, self._question))
        except CkptIndexerError as error:
            self._head.set_content(parts.notice("That cannot be shown", error.message))
            self._body.set_visibility(False)
            return
        self._head.set_content(heading(found))
        self._body.set_visibility(bool(found.rows))
        if not found.rows:
            return
        lines = drawn(found.curves, found.mode)
        title = f"{shown(found.question.metric)} by {lines.x}"
        self._chart.show(
            charts.lines(lines.lines, x=lines.x, best=lines.best), values(found.curves), height=380, title=title
        )
        self._files.set_content(files(found))

    def _make(self) -> None:
        self._made = True
        self._head = ui.html("", sanitize=False).props("id=ckpt-content")
        with ui.element("div").classes("ckpt-stack") as self._body:
            self._chart = charts.Chart("Curve")
            self._files = ui.html("", sanitize=False)


def look(catalog: Catalog, question: Question) -> Found:
    """Return one experiment and its curves. Raises InvalidFilter."""
    page = catalog.find(is_("experiment", question.name), sort="epoch,global_step", limit=MOST_FILES)
    rows = list(page)
    question = question._replace(metric=question.metric or of_rows(rows), over=question.over[:MOST_OVER])
    metrics = sorted(
        {name for row in rows for name in row["metrics"]}
        | {name for name in PROMOTED if any(row[name] is not None for row in rows)}
    )
    names = list(dict.fromkeys([question.name, *question.over]))
    return Found(
        question, metrics, rows, page.next is None, [(name, catalog.curve(name, question.metric)) for name in names]
    )


def heading(found: Found) -> Html:
    """Return the name, what can be chosen, and the totals."""
    question = found.question
    title = tag("h1", question.name, class_="ckpt-title")
    if not found.rows:
        others = tag("a", "All experiments", href=address("experiments"))
        return join([title, parts.notice("There is no such experiment", others)])
    return join([title, _controls(found), _cards(found)])


def _controls(found: Found) -> Html:
    question = found.question
    over = [
        tag(
            "span", name, " ", tag("a", "✕", href=_without(question, name), aria_label=f"Take {name} away"),
            class_="ckpt-tag",
        )
        for name in question.over
    ]  # fmt: skip
    adding = tag(
        "form", tag("input", name="over", placeholder="another experiment", size=28, aria_label="Another experiment"),
        tag("button", "Lay over", type="submit"), data_form="over", class_="ckpt-row",
    )  # fmt: skip
    return tag(
        "div",
        parts.choice("Metric", "metric", dict.fromkeys([question.metric, *found.metrics]), question.metric),
        parts.mode(question.mode),
        *over, adding,
        tag("a", "its checkpoints", href=address(q=is_("experiment", question.name))),
        class_="ckpt-controls",
    )  # fmt: skip


def _cards(found: Found) -> Html:
    metric, going = found.question.metric, found.going
    total = sum(row["size_bytes"] or 0 for row in found.rows)
    freed = sum(row["size_bytes"] or 0 for row in found.rows if row["id"] in going)
    count = words.count(len(found.rows)) + ("" if found.is_whole else " +")
    return parts.cards(
        (count, "checkpoints"),
        (words.metric(best(found.rows, metric, found.mode)), f"best {metric}"),
        (words.size(total), "on disk"),
        (words.size(freed) if found.is_whole else words.UNKNOWN, f"in {len(going):,} files that could go"),
    )


def best(rows: Sequence[Row], metric: str, mode: str | None) -> float | None:
    """Return the best value of a metric; None when there is none, or nobody knows which end is better."""
    pick = {"max": max, "min": min}.get(mode or "")
    known = [value for row in rows if (value := value_of(row, metric)) is not None]
    return pick(known) if pick is not None and known else None


def _without(question: Question, name: str) -> str:
    rest = [one for one in question.over if one != name]
    return address("experiments", name=question.name, metric=question.metric, mode=question.mode, over=rest)


def values(curves: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Html:
    """Return the numbers of the chart."""
    columns = (
        Column("experiment"), Column("epoch", is_number=True), Column("step", is_number=True),
        Column("value", is_number=True), Column("checkpoint"),
    )  # fmt: skip
    rows = [
        (
            parts.said(name), parts.number(one["epoch"]), parts.number(one["global_step"]), parts.metric(one["value"]),
            parts.link(one["path"].rsplit("/", 1)[-1], address(id=str(one["id"])), opens=one["id"]),
        )
        for name, curve in curves
        for one in curve
    ]  # fmt: skip
    return parts.table("Values of the curves", columns, rows)


def files(found: Found) -> Html:
    """Return the files of an experiment, and which of them another one makes superfluous. Nothing here deletes."""
    metric, going = found.question.metric, found.going
    columns = (
        Column("checkpoint"), Column("epoch", is_number=True), Column("step", is_number=True),
        Column(metric, is_number=True), Column("size", is_number=True), Column("saved as"),
        Column("why it could go"),
    )  # fmt: skip
    made = [
        (
            parts.link(row["name"], address(id=str(row["id"])), opens=row["id"]), parts.number(row["epoch"]),
            parts.number(row["global_step"]), parts.metric(value_of(row, metric)), parts.size(row["size_bytes"]),
            parts.said(row["saved_as"]), parts.Cell(going.get(row["id"], "")),
        )
        for row in found.rows
    ]  # fmt: skip
    more = None if found.is_whole else tag("p", f"The first {MOST_FILES:,} files by epoch.", class_="ckpt-dim")
    table = parts.table("Files of the experiment", columns, made)
    return tag("section", tag("h2", "Files"), more, table, class_="ckpt-card")
