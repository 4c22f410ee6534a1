"""A page that was open before there was anything to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client.catalog_database import CatalogFile
from tests.journeys.harness import eventually
from tests.web import catalogs
from tests.web.browser_tab import tab

if TYPE_CHECKING:
    from tests.web.conftest import Opened


def test_an_empty_page_is_made_anew_for_other_kinds_of_models(opened: Opened) -> None:
    with opened([]) as empty, tab(empty) as one:
        file = CatalogFile.reopened(empty.database)
        file.add_all(catalogs.classifiers())
        file.close()
        eventually(lambda: "history.go(0)" in one.scripts(), what="the page to be opened anew")
