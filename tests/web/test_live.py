"""News on an open page: a browser's websocket, as NiceGUI speaks it, and what comes over it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from ckpt_indexer.web import live
from ckpt_indexer.web.live import parsed
from tests.client.catalog_database import CatalogFile
from tests.journeys.harness import eventually
from tests.web import catalogs
from tests.web.browser_tab import tab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nicegui import Client

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


def test_what_happens_is_in_the_tail_of_health(page: Interface) -> None:
    with tab(page, "health") as one:
        add(page, path="tail/came.ckpt", backbone="tail_net", hmean=0.42)
        eventually(lambda: "hmean 0.4200 of tail_net, the first" in one.drawn(), what="a new best in the tail")
        drawn = one.drawn()
        assert re.search(
            r">\d{4}-\d\d-\d\d \d\d:\d\d:\d\d</td><td[^>]*>new</td><td[^>]*><a[^>]*>tail/came.ckpt<", drawn
        )


def test_a_scan_is_told(page: Interface) -> None:
    with tab(page) as one:
        page.control.scanning = {"phase": "scan", "root": "outputs", "found": 10, "done": 3}
        eventually(lambda: '"found":10' in one.scripts().replace(" ", ""), what="progress")
        page.control.scanning = None
        eventually(lambda: '"phase":"done"' in one.scripts().replace(" ", ""), what="the end")


class Looking(contextlib.AbstractContextManager[None]):
    """An open tab, as far as drawing it anew goes."""

    id = "one"
    has_socket_connection = False
    is_deleted = False

    def __exit__(self, *_: object) -> None:
        pass


def test_a_page_that_takes_long_to_draw_is_drawn_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SOON_S", 0.0)
    monkeypatch.setattr(live, "PAUSE_S", 0.0)
    drawn: list[tuple[float, float]] = []

    async def redraw() -> None:
        began = time.monotonic()
        await asyncio.sleep(0.05)
        drawn.append((began, time.monotonic()))
        viewer.hear("catalog", "{}")
        looking.is_deleted = len(drawn) == 2

    looking = Looking()
    viewer = live._Viewer(cast("Client", looking), redraw)
    viewer._is_stale = viewer._is_drawing = True
    asyncio.run(viewer._draw(redraw))
    (_, first_ended), (second_began, _) = drawn
    assert second_began - first_ended >= live.BREATH * 0.05


def test_a_tab_that_was_closed_is_not_drawn() -> None:
    async def redraw() -> None:
        drawn.append(1)

    drawn: list[int] = []
    looking = Looking()
    viewer = live._Viewer(cast("Client", looking), redraw)
    viewer._is_stale = viewer._is_drawing = True

    async def close_while_it_waits() -> None:
        drawing = asyncio.create_task(viewer._draw(redraw))
        await asyncio.sleep(0)
        looking.is_deleted = True
        await drawing

    asyncio.run(close_while_it_waits())
    assert drawn == []


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
