"""What stands around every page: the header with its freshness line, the drawer, the list of keys."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nicegui import ui

from ckpt_indexer.catalog.cells import shown, to_json
from ckpt_indexer.catalog.fields import FIELDS
from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.words import address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ckpt_indexer.web.site import Site

ASSETS = Path(__file__).parent / "assets"
PATIENCE_S = 60.0
"""For a page to be drawn; NiceGUI's own 3 s are too few for a large catalog on a busy machine."""
SCRIPTS = ("page.js", "carry.js", "grid.js", "find.js")


class Place(NamedTuple):
    """A page of the header."""

    name: str
    page: str
    key: str
    """What to type after `g`."""


PLACES = (
    Place("Checkpoints", "", "c"),
    Place("Leaderboard", "best", "b"),
    Place("Experiments", "experiments", "e"),
    Place("Compare", "compare", "m"),
    Place("Disk", "disk", "d"),
    Place("Health", "health", "h"),
)
KEYS = (
    ("/", "search"),
    ("↑ ↓ PgUp PgDn", "move in the table"),
    ("Space", "select for comparing"),
    ("Enter", "details"),
    ("c", "compare what is selected"),
    ("y", "copy the path"),
    ("g, then c b e m d h", "go to a page"),
    ("Esc", "close"),
    ("?", "this list"),
)
EXAMPLES = (
    ("backbone:resnet18,resnet50", "either of them"),
    ("hmean>0.8 epoch:5..10", "a bound, a range; both must hold"),
    ("val/iou>0.8 param.lr:<0.01", "any logged metric, any hyper-parameter"),
    ("exp:dbnet-* -source:names", "wildcards; a minus negates"),
    ("created:2026-06..", "since June 2026"),
    ("decoder: read_state:degraded", "unknown decoder; problems while reading"),
    ("presence:any", "what is missing, too"),
    ("hmean-", "best first"),
)


@asynccontextmanager
async def shell(
    site: Site, place: str, title: str, *, redraw: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """Draw what stands around a page; the page itself goes inside. `redraw` is called after changes."""
    ui.page_title(f"{shown(title)} · ckpt-indexer")
    ui.add_head_html(head())
    state = await _state(site)
    with ui.header(elevated=False).classes("ckpt-header"):
        ui.html(header(place, state), sanitize=False).classes("ckpt-bar")
    with ui.element("div").classes("ckpt-page"):
        yield
    ui.html(around(), sanitize=False)
    client = ui.context.client
    site.live.join(client, redraw)
    client.on_delete(site.stir)
    site.stir()


async def _state(site: Site) -> str:
    """Return how fresh the catalog is, as JSON; empty when it cannot be read now, which the page then says."""
    try:
        return to_json((await site.freshness()).keys())
    except CkptIndexerError:
        return ""


def head() -> str:
    """Return what every page loads, under addresses that change with their contents."""
    made = [f'<link rel="stylesheet" href="/ui/assets/page.css?{_digest("page.css")}">']
    made += [f'<script src="/ui/assets/{name}?{_digest(name)}"></script>' for name in SCRIPTS]
    return "\n".join(made)


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:12]


def header(place: str, state: str) -> Html:
    """Return the header: the pages, how fresh everything is, dark mode, help."""
    links = [
        tag("a", one.name, href=address(one.page), aria_current="page" if one.page == place else None) for one in PLACES
    ]
    fresh = tag(
        "div",
        tag("span", class_="ckpt-dot"), tag("span", "…", id="ckpt-fresh"),
        class_="ckpt-fresh", id="ckpt-state", data_state=state, role="status",
    )  # fmt: skip
    tools = [
        tag("button", "◐", type="button", data_do="dark", aria_label="Dark or light", title="Dark or light"),
        tag("button", "?", type="button", data_do="keys", aria_label="Keys and queries", title="Keys and queries (?)"),
    ]
    name = tag("a", "ckpt-indexer", href=address(), class_="ckpt-name")
    return join(
        [
            tag("a", "Skip to the content", href="#ckpt-content", class_="ckpt-skip"),
            name,
            tag("nav", *links, aria_label="Pages"),
            fresh,
            tag("div", *tools, class_="ckpt-tools"),
            tag(
                "div", tag("div", class_="ckpt-scan-bar"), tag("span", id="ckpt-scan-text"), id="ckpt-scan", hidden=True
            ),
            tag("div", id="ckpt-banner", role="alert", hidden=True),
        ]
    )


def around() -> Html:
    """Return the drawer, the list of keys, and where short messages appear."""
    return join(
        [
            tag("aside", id="ckpt-drawer", hidden=True, aria_label="Checkpoint", tabindex="-1"),
            tag("dialog", help_(), id="ckpt-keys", aria_label="Keys and queries"),
            tag("div", id="ckpt-toasts", role="status", aria_live="polite"),
        ]
    )


def help_() -> Html:
    """Return the list of keys, and the query language in a few lines."""
    keys = [tag("tr", tag("td", tag("kbd", key)), tag("td", words)) for key, words in KEYS]
    queries = [tag("tr", tag("td", tag("code", example)), tag("td", words)) for example, words in EXAMPLES]
    fields = ", ".join(FIELDS)
    return join(
        [
            tag("h2", "Keys"), tag("table", *keys),
            tag("h2", "Queries"), tag("table", *queries),
            tag("p", "Fields: ", fields, "; metrics and param.NAME.", class_="ckpt-dim"),
            tag("button", "Close", type="button", data_do="close-keys"),
        ]
    )  # fmt: skip
