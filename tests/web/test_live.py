"""News on an open page: a browser's websocket, as NiceGUI speaks it, and what comes over it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.web.live import parsed
from tests.client.catalog_database import CatalogFile
from tests.journeys.harness import eventually
from tests.web import catalogs
from tests.web.browser_tab import tab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.interface import Interface
    from tests.web.conftest import Opened


@pytest.fixture(scope="module")
def page(opened: Opened) -> Iterator[Interface]:
    with opened(catalogs.detectors()) as running:
        yield running


def add(page: Interface, **row: Any) -> None:
    file = CatalogFile.reopened(page.database)
    file.add_all([{"architecture": "dbnet", "epoch": 99} | row])
    file.close()


def test_an_open_page_hears_what_was_committed(page: Interface) -> None:
    with tab(page) as one:
        add(page, path="heard.ckpt", experiment="heard")
        eventually(lambda: "heard.ckpt" in one.scripts(), what="the news")


def test_the_rail_counts_anew(page: Interface) -> None:
    with tab(page) as one:
        add(page, path="rail.ckpt", backbone="brand_new_net")
        eventually(lambda: "brand_new_net" in one.drawn(), what="the rail")


@pytest.mark.parametrize("address", ["best", "experiments", "disk", "health", "experiments?name=dbnet-r18"])
def test_every_page_that_can_change_draws_itself_anew(page: Interface, address: str) -> None:
    with tab(page, address) as one:
        name = f"fresh-{address[:6]}-{len(address)}"
        add(
            page, path=f"{name}.ckpt", backbone=name, experiment="dbnet-r18" if "name=" in address else name, hmean=0.98
        )
        wanted = {"health": "checkpoints present"}.get(address, name)
        eventually(lambda: wanted in one.drawn(), what=f"{address} to show {wanted}")


def test_a_scan_is_told(page: Interface) -> None:
    with tab(page) as one:
        page.control.scanning = {"phase": "scan", "root": "outputs", "found": 10, "done": 3}
        eventually(lambda: '"found":10' in one.scripts().replace(" ", ""), what="progress")
        page.control.scanning = None
        eventually(lambda: '"phase":"done"' in one.scripts().replace(" ", ""), what="the end")


def test_hostile_names_are_no_code_in_the_news(page: Interface) -> None:
    with tab(page) as one:
        add(page, path='x");alert(1);("\u2028\u202e</script>.ckpt', experiment="'); alert(2); ('")
        eventually(lambda: "alert(1)" in one.scripts(), what="the news")
        (line,) = [one_ for one_ in one.scripts().split("\n") if "alert(1)" in one_]
        found = re.fullmatch(r"ckpt\.hear\('catalog', (\{.*\})\)", line)
        assert found is not None, line
        assert json.loads(found[1])["changed"][0]["experiment"] == "'); alert(2); ('"


@pytest.mark.parametrize(
    ("piece", "event"),
    [
        (b"id: 3\nevent: catalog\ndata: {}\n\n", (b"catalog", b"{}")),
        (b'event: scan\ndata: {"a": ": "}\n\n', (b"scan", b'{"a": ": "}')),
        (b": ping\n\n", (b"", b"")),
    ],
)
def test_an_event_is_taken_apart(piece: bytes, event: tuple[bytes, bytes]) -> None:
    assert parsed(piece) == event
