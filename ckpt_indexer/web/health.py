"""Health: is what I see complete, and what could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nicegui import ui

from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web import events, parts, words
from ckpt_indexer.web.layout import PATIENCE_S, shell
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.words import address, is_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.web.site import Site
    from ckpt_indexer.web.tail import Event

    Values = Mapping[str, Any]  # JSON values

MOST = 500
"""Problems shown at once."""
FACETS = ("source", "sidecar_state", "read_state", "presence")


class Found(NamedTuple):
    """What the catalog says."""

    stats: Values
    problems: Sequence[Values]
    shares: Mapping[str, Mapping[str | None, int]]
    changed: Sequence[Values]
    """The rows that changed last."""


def install(site: Site) -> None:
    """Give the page its address."""

    async def health(q: str = "") -> None:
        content: Any = None  # a NiceGUI element, once it is drawn

        async def draw() -> None:
            if content is None:
                return
            try:
                state = await site.desk.order(lambda control: dict(control.health()))
                found = await site.ask(lambda catalog: look(catalog, q))
            except CkptIndexerError as error:
                content.set_content(parts.notice("The catalog cannot be read now", error.message))
                return
            fresh = page(state, found, q, events.latest(site.tail.events, found.changed))
            if fresh != content.content:
                content.set_content(fresh)

        async with shell(site, "health", "Health", redraw=draw):
            content = ui.html("", sanitize=False).props("id=ckpt-content")
            await draw()

    ui.page("/health", response_timeout=PATIENCE_S)(health)


def look(catalog: Catalog, query: str) -> Found:
    """Return what the catalog says of itself. Raises InvalidFilter."""
    return Found(catalog.stats(), catalog.problems(query), catalog.facets(FACETS), events.changed_last(catalog))


def page(state: Values, found: Found, query: str, happened: Sequence[Event] = ()) -> Html:
    """Return the whole page; `happened` is what happened last, the latest first."""
    stats = found.stats
    return join(
        [
            _mood(state),
            parts.cards(
                (words.count(stats["present"]), "checkpoints present"),
                (words.count(stats["read_state"].get("pending", 0)), "waiting to be read"),
                (words.count(stats["read_state"].get("unreadable", 0)), "unreadable"),
                (words.count(stats["presence"].get("missing", 0)), "missing"),
                (words.count(len(found.problems)), "problems"),
            ),
            tag("section", tag("h2", "Watched directories"), _roots(stats["roots"]), _scan(), class_="ckpt-card"),
            tag("div", *[_share(name, found.shares[name]) for name in FACETS], class_="ckpt-cards"),
            tag("section", tag("h2", "Problems"), _search(query), _problems(found.problems), class_="ckpt-card"),
            tag("section", tag("h2", "Latest changes"), events.table(happened), class_="ckpt-card"),
            tag("section", tag("h2", "The daemon"), _daemon(state), class_="ckpt-card"),
        ]
    )


def _mood(state: Values) -> Html:
    if state.get("status") == "ok":
        return tag("p", "Everything works.", class_="ckpt-dim")
    return tag("ul", *[tag("li", str(reason)) for reason in state.get("reasons", ())], class_="ckpt-trouble")


def _roots(roots: Sequence[Values]) -> Html:
    columns = (
        Column("name"),
        Column("path"),
        Column("state"),
        Column("watched by"),
        Column("last complete scan (UTC)"),
    )
    rows = [
        (
            parts.link(root["name"], address(q=is_("root", root["name"]))), parts.said(root["path"]),
            parts.said(root["state"]), parts.said(root["mode"]), parts.moment(root["as_of"]),
        )
        for root in roots
    ]  # fmt: skip
    return parts.table("Watched directories", columns, rows)


def _scan() -> Html:
    return tag(
        "p",
        tag("button", "Scan now", type="button", data_do="rescan", data_full="false"), " ",
        tag("button", "Read every file anew", type="button", data_do="rescan", data_full="true"),
    )  # fmt: skip


def _share(name: str, counts: Mapping[str | None, int]) -> Html:
    total = sum(counts.values()) or 1
    rows = [
        tag(
            "tr",
            tag("td", tag("a", "unknown" if value is None else value, href=address(q=is_(name, value)))),
            tag("td", words.count(n), class_="num"), tag("td", f"{100 * n / total:.1f} %", class_="num"),
        )
        for value, n in counts.items()
    ]  # fmt: skip
    return tag(
        "section",
        tag("h2", name.replace("_", " ")),
        tag("div", tag("table", *rows), class_="ckpt-table"),
        class_="ckpt-card",
    )


def _search(query: str) -> Html:
    hint = "only of these checkpoints: exp:dbnet-*"
    return tag("form", parts.search(query, hint), data_form="search", class_="ckpt-search", role="search")


def _problems(found: Sequence[Values]) -> Html:
    if not found:
        return tag("p", "There are none.", class_="ckpt-dim")
    columns = (
        Column("kind"), Column("what happened"), Column("file"), Column("root"), Column("times", is_number=True),
        Column("first seen (UTC)"), Column("last seen (UTC)"),
    )  # fmt: skip
    rows = [
        (
            parts.said(one["kind"]), parts.said(one["message"]), _file(one), parts.said(one["root"]),
            parts.number(one["count"]), parts.moment(one["first_seen"]), parts.moment(one["last_seen"]),
        )
        for one in found[:MOST]
    ]  # fmt: skip
    left = len(found) - MOST
    more = tag("p", f"and {left:,} more: narrow them with a query", class_="ckpt-dim") if left > 0 else None
    return join([parts.table("Problems", columns, rows), more])


def _file(one: Values) -> parts.Cell:
    row_id = one["checkpoint_id"]
    if row_id is None:
        return parts.said(one["path"])
    return parts.link(one["path"], address(id=str(row_id)), opens=row_id)


def _daemon(state: Values) -> Html:
    rows = [
        (parts.said(key.replace("_", " ")), parts.said(words.plain(value)))
        for key, value in state.items()
        if key not in ("reasons", "status")
    ]
    return parts.table("The daemon", (Column("what"), Column("value")), rows)
