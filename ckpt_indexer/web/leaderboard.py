"""Leaderboard: what works best, per backbone or whatever else makes a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nicegui import ui

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.catalog.fields import GROUPS
from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import charts, parts, tops, words
from ckpt_indexer.web.brush import Brush
from ckpt_indexer.web.headline import grouping, headline
from ckpt_indexer.web.layout import PATIENCE_S, shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.tops import Question
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.web.site import Site

TOP = 250
"""Rows that are looked at more closely."""
MOST_BARS = 40
COLUMNS = (
    Column("group"), Column("value", is_number=True), Column("behind", is_number=True), Column("epoch", is_number=True),
    Column("ranked", is_number=True), Column("experiment"), Column("checkpoint"),
)  # fmt: skip


class Ranking(NamedTuple):
    """What the page shows."""

    question: Question
    """With the metric and the groups that are shown."""
    stats: dict[str, Any]  # JSON values
    rows: Sequence[Row]
    top: Sequence[Row]
    warnings: Sequence[str]
    known: Sequence[str]

    @property
    def best(self) -> float | None:
        """Return the best value of all; that of the first group is none where the unknown group has a better one."""
        value: float | None = self.top[0]["value"] if self.top else None
        return value


def install(site: Site) -> None:
    """Give the page its address."""

    async def leaderboard(*, metric: str = "", by: str = "", q: str = "", mode: str = "") -> None:
        question = Question(metric, by, q, mode or None)
        board = _Board(site, question)
        async with shell(site, "best", "Leaderboard", redraw=board.draw):
            await board.draw()

    ui.page("/best", response_timeout=PATIENCE_S)(leaderboard)


class _Board:
    """The page's parts that change."""

    def __init__(self, site: Site, question: Question) -> None:
        self._site = site
        self._question = self._shown = question
        self._top: Html | None = None
        self._rows: Sequence[Row] = ()
        self._brush = Brush(site)

    async def draw(self) -> None:
        """Ask, and show the answer."""
        if self._top is None:
            self._make()
        question = self._question
        try:
            found = await self._site.ask(lambda catalog: ranking(catalog, question))
        except CkptIndexerError as error:
            self._head.set_content(await self._refusal(error))
            self._body.set_visibility(False)
            return
        self._rows, self._shown = found.rows, found.question
        question = found.question
        self._top = join(
            [controls(question, found.stats["metrics"]), summary(question, found), _words(question, found)]
        )
        self._head.set_content(self._top)
        self._body.set_visibility(bool(found.rows))
        if found.rows:
            await self._show(question, found)

    async def _refusal(self, error: CkptIndexerError) -> Html:
        """Return what is said where nothing can be ranked, and what can be chosen to mend it."""
        try:
            question, names = await self._site.ask(lambda catalog: choices(catalog, self._question))
        except CkptIndexerError:
            question, names = self._question, ()
        return join([controls(question, names), parts.notice("That cannot be ranked", error.message)])

    def _opened(self, place: int, _drawn: object) -> str | None:
        return _behind(self._shown, self._rows[place]) if 0 <= place < len(self._rows) else None

    def _make(self) -> None:
        self._top = join([])
        self._head = ui.html("", sanitize=False).props("id=ckpt-content")
        with ui.element("div") as self._body:
            with ui.element("div").classes("ckpt-columns2"):
                self._bars = charts.Chart("Best", opens=self._opened)
                with ui.element("div").classes("ckpt-stack"):
                    self._common = charts.Chart("What the best have in common", follows=self._brush.follow)
                    self._brush.beneath(self._common)
                    self._trade = charts.Chart("Precision and recall")
            self._table = ui.html("", sanitize=False)

    async def _show(self, question: Question, found: Ranking) -> None:
        rows = found.rows[:MOST_BARS]
        options = charts.bars(
            [_group(question, row) for row in rows], [row["value"] for row in rows], name=question.metric
        )
        whole = winners(question, found.rows, found.best)
        title = f"Best {shown(question.metric)} by {question.by}"
        self._bars.show(options, whole, height=_height(len(rows)), title=title)
        common = tops.common(found.top, question.metric)
        if common is not None:
            await self._brush.over(common.axes, question)
        for chart, drawing in ((self._common, common), (self._trade, tops.trade(found.top))):
            if drawing is None:
                chart.hide()
            else:
                chart.show(drawing.options, drawing.table, height=340, title=drawing.title)
        self._table.set_content(tag("section", tag("h2", "Winners"), whole, class_="ckpt-card"))


def _height(bars: int) -> int:
    """Return how high the bars are drawn: as what stands beside them, unless they are few or many."""
    return min(60 + 46 * bars, max(60 + 26 * bars, 660))


def ranking(catalog: Catalog, question: Question) -> Ranking:
    """Return what the page shows. Raises InvalidFilter."""
    question, _ = choices(catalog, question)
    stats = dict(catalog.stats())
    most = MOST_BARS if question.by == "none" else 1
    page = catalog.best(question.metric, question.by, question.query, k=most, mode=question.mode)
    top = catalog.best(question.metric, "none", question.query, k=TOP, mode=question.mode)
    return Ranking(question, stats, list(page), list(top), page.warnings, page.known_metrics)


def choices(catalog: Catalog, question: Question) -> tuple[Question, Sequence[str]]:
    """Return the question with what its address leaves open, and the metrics there are."""
    metric, by = question.metric or headline(catalog), question.by or grouping(catalog)
    return question._replace(metric=metric, by=by), catalog.stats()["metrics"]


def controls(question: Question, metrics: Sequence[str]) -> Html:
    """Return what can be chosen."""
    names = [one for one in dict.fromkeys([question.metric, *metrics]) if one]
    return tag(
        "div",
        parts.choice("Metric", "metric", names, question.metric),
        parts.choice("by", "by", [*GROUPS, "none"], question.by),
        parts.mode(question.mode),
        tag("form", parts.search(question.query, "only these: created:2026-06.. dataset:icdar"),
            data_form="search", class_="ckpt-search", role="search"),
        class_="ckpt-controls",
    )  # fmt: skip


def summary(question: Question, found: Ranking) -> Html:
    """Return the cards."""
    stats, present = found.stats, found.stats["present"]
    ok = stats["read_state"].get("ok", 0)
    total = sum(stats["read_state"].values())
    return parts.cards(
        (words.count(present), "checkpoints"),
        (words.count(stats["experiments"]), "experiments"),
        (words.metric(found.best), f"best {question.metric}"),
        (words.size(stats["size_bytes"]), "on disk"),
        (f"{100 * ok / total:.1f} %" if total else words.UNKNOWN, "read in full"),
    )


def winners(question: Question, rows: Sequence[Row], best: float | None) -> Html:
    """Return the winner of each group, and how far it is behind the best of all."""
    made = [
        (
            parts.link(_group(question, row), _behind(question, row)),
            parts.metric(row["value"]),
            _gap(row["value"], best),
            parts.number(row["epoch"]),
            parts.number(row["n"]),
            parts.link(row["experiment"], address("experiments", name=row["experiment"])),
            parts.link(row["name"], address(id=str(row["id"])), opens=row["id"]),
        )
        for row in rows
    ]
    return parts.table(f"Best {question.metric} by {question.by}", COLUMNS, made)


def _gap(value: float, best: float | None) -> parts.Cell:
    if best is None or value == best:
        return parts.Cell("", 0.0)
    return parts.Cell(words.difference(value - best), value - best)


def _words(question: Question, found: Ranking) -> Html:
    said: list[Html] = [tag("p", warning, class_="ckpt-dim") for warning in found.warnings]
    if not found.rows:
        if not found.stats["present"]:
            said.append(parts.starting([root["path"] for root in found.stats["roots"]]))
        else:
            known = ", ".join(found.known) or "none"
            said.append(parts.notice(f"No checkpoint has {question.metric}", f"Metrics that can be ranked: {known}."))
    return join(said)


def _group(question: Question, row: Row) -> str:
    if question.by == "none":
        return f"{row['experiment'] or row['root']} · {row['name']}"
    return "unknown" if row["group"] is None else str(row["group"])


def _behind(question: Question, row: Row) -> str:
    """Return the address of the checkpoints of a group, best first."""
    if question.by == "none":
        return address(id=str(row["id"]))
    return address(q=f"{question.query} {is_(question.by, row['group'])}".strip())
