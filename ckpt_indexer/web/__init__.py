"""The page: what a person sees of the catalog in a browser. One module per page; each is text made from rows, drawn by
NiceGUI. Knows the `Catalog` protocol and the API around it; knows no SQL and changes nothing by itself: tags, notes,
pins and scans are requests of the browser to the API, which asks for the token.

Importing this room is cheap. NiceGUI is imported when somebody first opens the page.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckpt_indexer.api.application import Face

ADDRESS = "/ui"
"""Where the page lives."""


def is_installed() -> bool:
    """Tell whether the extra `ui` is installed."""
    return find_spec("nicegui") is not None


def mount(face: Face) -> None:
    """Put the page under `/ui` of an interface that does not serve yet. `face.desk.options.page` must be set."""
    from starlette.routing import Mount

    from ckpt_indexer.web.opening import Entrance

    face.app.router.routes.insert(0, Mount(ADDRESS, app=Entrance(face)))
