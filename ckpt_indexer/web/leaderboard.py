"""Leaderboard: what works best, per backbone or whatever else makes a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nicegui import ui

from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.catalog.fields import GROUPS
from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import charts, parts, words
from ckpt_indexer.web.layout import shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.web.site import Site

TOP = 250
"""Rows of the scatter."""
MOST_BARS = 40
LEVELS = (0.80, 0.85, 0.90, 0.95)
COLUMNS = (
    Column("group"), Column("value", is_number=True), Column("behind", is_number=True), Column("epoch", is_number=True),
    Column("ranked", is_number=True), Column("experiment"), Column("checkpoint"),
)  # fmt: skip


class Question(NamedTuple):
    """What the address asks for."""

    metric: str
    by: str
    query: str
    mode: str | None


class Ranking(NamedTuple):
    """What the page shows."""

    stats: dict[str, Any]  # JSON values
    rows: Sequence[Row]
    top: Sequence[Row]
    warnings: Sequence[str]
    known: Sequence[str]


def install(site: Site) -> None:
    """Give the page its address."""

    async def leaderboard(metric: str = "hmean", by: str = "backbone", q: str = "", mode: str = "") -> None:
        question = Question(metric or "hmean", by or "backbone", q, mode or None)
        board = _Board(site, question)
        async with shell(site, "best", "Leaderboard", redraw=board.draw):
            await board.draw()

    ui.page("/best")(leaderboard)


class _Board:
    """The page's parts that change."""

    def __init__(self, site: Site, question: Question) -> None:
        self._site = site
        self._question = question
        self._top: Html | None = None
        self._rows: Sequence[Row] = ()

    async def draw(self) -> None:
        """Ask, and show the answer."""
        if self._top is None:
            self._make()
        question = self._question
        try:
            found = await self._site.ask(lambda catalog: ranking(catalog, question))
        except CkptIndexerError as error:
            self._head.set_content(join([controls(question, ()), parts.notice("That cannot be ranked", error.message)]))
            self._body.set_visibility(False)
            return
        self._rows = found.rows
        self._top = join(
            [controls(question, found.stats["metrics"]), summary(question, found), _words(question, found)]
        )
        self._head.set_content(self._top)
        self._body.set_visibility(bool(found.rows))
        if found.rows:
            self._show(question, found)

    def _opened(self, place: int, _drawn: object) -> str | None:
        return _behind(self._question, self._rows[place]) if 0 <= place < len(self._rows) else None

    def _make(self) -> None:
        self._top = join([])
        self._head = ui.html("", sanitize=False).props("id=ckpt-content")
        with ui.element("div") as self._body:
            with ui.element("div").classes("ckpt-columns2"):
                self._bars = charts.Chart("Best", opens=self._opened)
                with ui.element("div").classes("ckpt-stack"):
                    self._scatter = charts.Chart("Precision and recall")
            self._table = ui.html("", sanitize=False)

    def _show(self, question: Question, found: Ranking) -> None:
        rows = found.rows[:MOST_BARS]
        options = charts.bars(
            [_group(question, row) for row in rows], [row["value"] for row in rows], name=question.metric
        )
        whole = winners(question, found.rows)
        title = f"Best {shown(question.metric)} by {question.by}"
        self._bars.show(options, whole, height=60 + 26 * len(rows), title=title)
        points = [row for row in found.top if row["precision"] is not None and row["recall"] is not None]
        pairs = [(row["recall"], row["precision"]) for row in points]
        self._scatter.show(
            charts.scatter(pairs, x="recall", y="precision", curves=LEVELS), _pairs(points), height=360,
            title=f"Precision and recall of the best {len(points)}",
        )  # fmt: skip
        self._table.set_content(tag("section", tag("h2", "Winners"), whole, class_="ckpt-card"))


def ranking(catalog: Catalog, question: Question) -> Ranking:
    """Return what the page shows. Raises InvalidFilter."""
    stats = dict(catalog.stats())
    most = MOST_BARS if question.by == "none" else 1
    page = catalog.best(question.metric, question.by, question.query, k=most, mode=question.mode)
    top = catalog.best(question.metric, "none", question.query, k=TOP, mode=question.mode)
    return Ranking(stats, list(page), list(top), page.warnings, page.known_metrics)


def controls(question: Question, metrics: Sequence[str]) -> Html:
    """Return what can be chosen."""
    names = list(dict.fromkeys(["hmean", question.metric, *metrics]))
    return tag(
        "div",
        parts.choice("Metric", "metric", names, question.metric),
        parts.choice("by", "by", [*GROUPS, "none"], question.by),
        parts.choice("better is", "mode", [("", "as known"), ("max", "higher"), ("min", "lower")], question.mode or ""),
        tag("form", parts.search(question.query, "only these: created:2026-06.. dataset:icdar"),
            data_form="search", class_="ckpt-search", role="search"),
        class_="ckpt-controls",
    )  # fmt: skip


def summary(question: Question, found: Ranking) -> Html:
    """Return the cards."""
    stats, present = found.stats, found.stats["present"]
    best = found.rows[0]["value"] if found.rows else None
    ok = stats["read_state"].get("ok", 0)
    total = sum(stats["read_state"].values())
    return parts.cards(
        (words.count(present), "checkpoints"),
        (words.count(stats["experiments"]), "experiments"),
        (words.metric(best), f"best {question.metric}"),
        (words.size(stats["size_bytes"]), "on disk"),
        (f"{100 * ok / total:.1f} %" if total else words.UNKNOWN, "read in full"),
    )


def winners(question: Question, rows: Sequence[Row]) -> Html:
    """Return the winner of each group, and how far it is behind the best of all."""
    best = rows[0]["value"] if rows else None
    made = [
        (
            parts.link(_group(question, row), _behind(question, row)),
            parts.metric(row["value"]),
            parts.Cell("" if row is rows[0] else words.difference(row["value"] - best), row["value"] - best),
            parts.number(row["epoch"]),
            parts.number(row["n"]),
            parts.link(row["experiment"], address("experiments", name=row["experiment"])),
            parts.link(row["name"], address(id=str(row["id"])), opens=row["id"]),
        )
        for row in rows
    ]
    return parts.table(f"Best {question.metric} by {question.by}", COLUMNS, made)


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


def _pairs(rows: Sequence[Row]) -> Html:
    columns = (
        Column("checkpoint"),
        Column("precision", is_number=True),
        Column("recall", is_number=True),
        Column("hmean", is_number=True),
    )
    made = [
        (
            parts.link(row["name"], address(id=str(row["id"])), opens=row["id"]),
            parts.metric(row["precision"]), parts.metric(row["recall"]), parts.metric(row["hmean"]),
        )
        for row in rows
    ]  # fmt: skip
    return parts.table("Precision and recall", columns, made)
