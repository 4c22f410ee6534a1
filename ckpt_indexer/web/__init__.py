"""The page: what a person sees of the catalog in a browser. One module per page; each is text made from rows, drawn by
NiceGUI. Knows the `Catalog` protocol and the API around it; knows no SQL and changes nothing by itself: tags, notes,
pins and scans are requests of the browser to the API, which asks for the token.

Importing this room is cheap. NiceGUI is imported when somebody first opens the page.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.api.application import Face

ADDRESS = "/ui"
"""Where the page lives."""
OLDEST = (3, 18)
"""The first NiceGUI that the page is made for, as the extra says."""


def is_installed() -> bool:
    """Tell whether the extra `ui` is installed: a NiceGUI that is new enough."""
    try:
        major, minor, *_ = map(int, version("nicegui").split(".")[:2])
    except (PackageNotFoundError, ValueError):  # ValueError: no version of the usual shape
        return False
    return (major, minor) >= OLDEST


def mount(face: Face, *, tidy: Callable[[], None] | None = None) -> None:
    """Put the page under `/ui` of an interface that does not serve yet. `face.desk.options.page` must be set. `tidy`
    gives memory back to the system, some seconds after pages were drawn."""
    from starlette.routing import Mount

    from ckpt_indexer.web.opening import Entrance

    face.app.router.routes.insert(0, Mount(ADDRESS, app=Entrance(face, tidy)))
