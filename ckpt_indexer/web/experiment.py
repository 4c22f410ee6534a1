"""One experiment: its curves, others laid over, its configuration, its files, and which of them could go."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nicegui import ui

from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import charts, configuration, panels, parts, run_files, words
from ckpt_indexer.web.headline import mode_of, of_rows, value_of
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.panels import Curves
from ckpt_indexer.web.reclaim import reasons
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.web.site import Site

MOST_FILES = 1000
MOST_OVER = 7
"""Experiments laid over one."""
MOST_ALSO = 5
"""Metrics shown beside one."""


class Question(NamedTuple):
    """What the address asks for."""

    name: str
    metric: str
    """Empty: what the experiment is judged by."""
    over: tuple[str, ...] = ()
    mode: str | None = None
    also: tuple[str, ...] = ()
    """Further metrics."""


class Found(NamedTuple):
    """One experiment, and the curves of those laid over it."""

    question: Question
    """With the metric that is shown."""
    metrics: Sequence[str]
    rows: Sequence[Row]
    is_whole: bool
    """There are no more files than these."""
    curves: Sequence[Curves]
    """Of each metric that is shown."""

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
        made = panels.drawing(found.curves)
        self._chart.show(made.options, panels.table(found.curves), height=made.height, title=made.title)
        self._rest.set_content(rest(found))

    def _make(self) -> None:
        self._made = True
        self._head = ui.html("", sanitize=False).props("id=ckpt-content")
        with ui.element("div").classes("ckpt-stack") as self._body:
            self._chart = charts.Chart("Curve")
            self._rest = ui.html("", sanitize=False)


def look(catalog: Catalog, question: Question) -> Found:
    """Return one experiment and its curves. Raises InvalidFilter."""
    page = catalog.find(is_("experiment", question.name), sort="epoch,global_step", limit=MOST_FILES)
    rows = list(page)
    metric = question.metric or of_rows(rows)
    also = tuple(one for one in dict.fromkeys(question.also) if one != metric)[:MOST_ALSO]
    question = question._replace(metric=metric, over=question.over[:MOST_OVER], also=also)
    metrics = sorted(
        {name for row in rows for name in row["metrics"]}
        | {name for name in PROMOTED if any(row[name] is not None for row in rows)}
    )
    names = list(dict.fromkeys([question.name, *question.over]))
    curves = [
        Curves(one, mode_of(one, rows), [(name, catalog.curve(name, one)) for name in names]) for one in (metric, *also)
    ]
    if question.mode is not None:
        curves[0] = curves[0]._replace(mode=question.mode)
    return Found(question, metrics, rows, page.next is None, curves)


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
    over = [_chosen(name, _address(question, over=_without(question.over, name))) for name in question.over]
    also = [_chosen(name, _address(question, also=_without(question.also, name))) for name in question.also]
    laying = tag(
        "form", tag("input", name="over", placeholder="another experiment", size=28, aria_label="Another experiment"),
        tag("button", "Lay over", type="submit"), data_form="over", class_="ckpt-row",
    )  # fmt: skip
    return tag(
        "div",
        parts.choice("Metric", "metric", dict.fromkeys([question.metric, *found.metrics]), question.metric),
        parts.mode(question.mode),
        *also, _adding(found), *over, laying,
        tag("a", "its checkpoints", href=address(q=is_("experiment", question.name))),
        class_="ckpt-controls",
    )  # fmt: skip


def _adding(found: Found) -> Html | None:
    """Return the choice of one more metric; None where all are shown, or enough."""
    question = found.question
    others = [one for one in found.metrics if one not in (question.metric, *question.also)]
    if not others or len(question.also) >= MOST_ALSO:
        return None
    options = [tag("option", one, value=one) for one in others]
    return tag(
        "form", tag("select", *options, name="also", aria_label="Another metric"),
        tag("button", "Add metric", type="submit"), data_form="also", class_="ckpt-row",
    )  # fmt: skip


def _chosen(name: str, without: str) -> Html:
    away = tag("a", "✕", href=without, aria_label=f"Take {name} away")
    return tag("span", name, " ", away, class_="ckpt-tag")


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


def _without(names: Iterable[str], name: str) -> tuple[str, ...]:
    return tuple(one for one in names if one != name)


def _address(question: Question, **changes: tuple[str, ...]) -> str:
    asked = question._asdict() | changes
    return address("experiments", **{key: asked[key] for key in ("name", "metric", "mode", "also", "over")})


def rest(found: Found) -> Html:
    """Return what stands beneath the curves: the configuration, what people said, the files."""
    more = None if found.is_whole else f"The first {MOST_FILES:,} files by epoch."
    return join(
        [
            run_files.files(found.rows, found.question.metric, found.going, more=more),
            run_files.annotated(found.rows, found.question.name),
            configuration.section(found.rows),
        ]
    )
