"""Pages over catalogs of several kinds, each behind a real socket."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.client.local import LocalCatalog
from tests.api.interface import interface
from tests.client.catalog_database import build
from tests.web import catalogs
from tests.web.drawing import Drawing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from tests.api.interface import Interface

    Opened = Callable[..., AbstractContextManager[Interface]]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Return what opens the page of a catalog with some rows. One at a time: NiceGUI's modules are one per process."""

    @contextmanager
    def open_page(rows: list[dict[str, Any]], **options: Any) -> Iterator[Interface]:
        database = build(tmp_path_factory.mktemp("web") / "catalog.db", rows)
        with interface(database, page=True, **options) as running:
            yield running

    return open_page


@pytest.fixture(scope="module")
def page(opened: Opened) -> Iterator[Interface]:
    """Return the page of a catalog of text detectors."""
    with opened(catalogs.detectors()) as running:
        yield running


@pytest.fixture(scope="module")
def of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[list[dict[str, Any]]], LocalCatalog]]:
    """Return what makes a catalog of rows, without a page."""
    made: list[LocalCatalog] = []

    def catalog(rows: list[dict[str, Any]]) -> LocalCatalog:
        made.append(LocalCatalog(build(tmp_path_factory.mktemp("of") / "catalog.db", rows)))
        return made[-1]

    yield catalog
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def look(page: Interface) -> Callable[[str], Drawing]:
    """Return what draws an address of the page of text detectors."""
    return lambda address: Drawing(page.get("/ui/" + address))
