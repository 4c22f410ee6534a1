"""NiceGUI, set up once: the pages and their addresses. Imported when the page is first opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nicegui
from fastapi import FastAPI
from nicegui import app as drawn
from nicegui import ui

from ckpt_indexer.web import checkpoints, compare, disk, experiments, health, leaderboard
from ckpt_indexer.web.scripts import KnownScripts
from ckpt_indexer.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.api.application import Face

VERSION: str = nicegui.__version__


def build(face: Face, tidy: Callable[[], None] | None = None) -> FastAPI:
    """Return the application that draws the pages of an interface. Its lifespan must be entered."""
    site = Site(face, tidy)
    for page in (checkpoints, leaderboard, experiments, compare, disk, health):
        page.install(site)
    host = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    drawn.user_middleware.clear()  # of an interface opened before in this process
    drawn.middleware_stack = None
    drawn.add_middleware(KnownScripts)
    ui.run_with(
        host,
        title="ckpt-indexer",
        favicon="\U0001f5c3",
        dark=None,
        language="en-US",
        tailwind=False,
        reconnect_timeout=10.0,
        show_welcome_message=False,
        binding_refresh_interval=None,
    )
    return host
