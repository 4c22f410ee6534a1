from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import httpx
import pytest

from ckpt_indexer.api.options import Limits
from tests.api.interface import Listener, interface
from tests.client.catalog_database import CatalogFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.interface import Interface


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[CatalogFile]:
    made = CatalogFile(tmp_path / "catalog.db")
    made.add("a.ckpt", backbone="resnet18", hmean=0.5)
    yield made
    made.close()


@pytest.fixture
def http(catalog: CatalogFile) -> Iterator[Interface]:
    with interface(catalog.path) as running:
        yield running


def test_a_listener_is_greeted_and_hears_of_a_new_checkpoint(http: Interface, catalog: CatalogFile) -> None:
    with closing(Listener(http.url)) as listener:
        assert listener.wait("hello")["seq"] == 1
        row_id = catalog.add("b.ckpt", backbone="resnet50", hmean=0.6)
        told = listener.wait("catalog", seq=2)
        assert [(row["id"], row["path"], row["hmean"]) for row in told["changed"]] == [(row_id, "b.ckpt", 0.6)]
        assert next(place for name, _, place in listener.events if name == "catalog") == "2"


def test_a_new_best_is_told_with_what_it_beat(http: Interface, catalog: CatalogFile) -> None:
    with closing(Listener(http.url)) as listener:
        listener.wait("hello")
        catalog.add("worse.ckpt", backbone="resnet18", hmean=0.4)
        listener.wait("catalog", seq=2)
        catalog.add("better.ckpt", backbone="resnet18", hmean=0.7)
        news = listener.wait("new_best")
        assert (news["group"], news["value"], news["previous"], news["path"]) == ("resnet18", 0.7, 0.5, "better.ckpt")
        catalog.add("first.ckpt", backbone="swin_t", hmean=0.1)
        assert listener.wait("new_best", group="swin_t")["previous"] is None


@pytest.mark.parametrize("way", ["header", "parameter"])
def test_who_comes_back_hears_what_was_missed(http: Interface, catalog: CatalogFile, way: str) -> None:
    catalog.add("b.ckpt")
    catalog.add("c.ckpt")
    told = {"last_event_id": "1"} if way == "header" else {"since": 1}
    with closing(Listener(http.url, **told)) as listener:
        missed = listener.wait("catalog", seq=3)
        assert [row["path"] for row in missed["changed"]] == ["b.ckpt", "c.ckpt"]
        catalog.add("d.ckpt")
        assert [row["path"] for row in listener.wait("catalog", seq=4)["changed"]] == ["d.ckpt"]


def test_who_comes_back_up_to_date_hears_nothing_old(http: Interface, catalog: CatalogFile) -> None:
    with closing(Listener(http.url, last_event_id="1")) as listener:
        catalog.add("b.ckpt")
        listener.wait("catalog", seq=2)
        assert [name for name, _, _ in listener.events][:2] == ["hello", "catalog"]


def test_a_place_of_another_catalog_is_reset(http: Interface) -> None:
    with closing(Listener(http.url, last_event_id="900")) as listener:
        assert listener.wait("reset")["seq"] == 1


def test_a_place_that_is_no_number_counts_as_none(http: Interface) -> None:
    with closing(Listener(http.url, last_event_id="x")) as listener:
        assert listener.wait("hello")["seq"] == 1


def test_a_catalog_made_anew_is_reset(http: Interface, catalog: CatalogFile) -> None:
    with closing(Listener(http.url)) as listener:
        listener.wait("hello")
        catalog.connection.execute("UPDATE meta SET value = 'another' WHERE key = 'catalog_id'")
        assert listener.wait("reset")["catalog"] == "another"


def test_progress_of_a_scan_and_its_end_are_told(http: Interface) -> None:
    with closing(Listener(http.url)) as listener:
        http.control.scanning = {"phase": "walking", "root": "outputs", "found": 10, "done": 4, "pending": 6}
        assert listener.wait("scan", phase="walking")["pending"] == 6
        http.control.scanning = None
        assert listener.wait("scan", phase="done")


def test_streams_end_when_the_interface_does(catalog: CatalogFile, tmp_path: Path) -> None:
    with interface(tmp_path / "catalog.db") as running:
        listener = Listener(running.url)
        listener.wait("hello")
        began = time.monotonic()
    assert time.monotonic() - began < 2
    listener.wait("closed")
    listener.close()
    assert catalog.seq == 1


def test_the_head_of_a_stream_ends_and_the_connection_goes_on(http: Interface) -> None:
    with httpx.Client(timeout=5) as client:
        head = client.head(f"{http.url}/api/v1/events")
        assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert client.get(f"{http.url}/api/v1/version").json()["seq"] == 1
        deadline = time.monotonic() + 5
        while http.face.traffic.streams and time.monotonic() < deadline:
            time.sleep(0.01)
    assert http.face.traffic.streams == 0


def test_a_scan_somebody_asked_for_is_told_of_however_short_it_was(http: Interface) -> None:
    with closing(Listener(http.url)) as listener:
        listener.wait("hello")
        http.post("/api/v1/rescan", {})
        listener.wait("scan", phase="done")


def test_nobody_listening_costs_no_look(http: Interface, catalog: CatalogFile) -> None:
    with closing(Listener(http.url)) as listener:
        listener.wait("hello")
    deadline = time.monotonic() + 5
    while http.face.traffic.streams:
        catalog.add(f"{time.monotonic()}.ckpt")
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    assert http.get("/api/v1/version").status_code == 200


def test_an_answer_is_new_as_soon_as_it_is_committed(http: Interface, catalog: CatalogFile) -> None:
    with httpx.Client(base_url=http.url) as client:
        for number in range(20):
            catalog.add(f"n{number}.ckpt", backbone="resnet18", hmean=0.6 + number / 100)
            assert client.get("/api/v1/best").json()["items"][0]["path"] == f"n{number}.ckpt"
            assert client.get("/api/v1/version").json()["seq"] == number + 2


@pytest.mark.prove
def test_three_hundred_listeners_hear_within_a_second(http: Interface, catalog: CatalogFile) -> None:
    import asyncio
    import json

    async def listen(started: asyncio.Event, count: list[int]) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
        writer.write(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while b"event: hello" not in await reader.readline():
            pass
        count[0] += 1
        if count[0] == 300:
            started.set()
        while b"event: catalog" not in await reader.readline():
            pass
        heard = time.monotonic()
        assert json.loads((await reader.readline())[6:])["changed"][0]["path"] == "new.ckpt"
        writer.close()
        return heard

    async def all_of_them() -> list[float]:
        started, count = asyncio.Event(), [0]
        tasks = [asyncio.create_task(listen(started, count)) for _ in range(300)]
        await asyncio.wait_for(started.wait(), 30)
        committed = time.monotonic()
        await asyncio.to_thread(catalog.add, "new.ckpt")
        return [heard - committed for heard in await asyncio.wait_for(asyncio.gather(*tasks), 30)]

    catalog.connection.close()
    catalog.connection = sqlite3.connect(http.database, isolation_level=None, check_same_thread=False)
    waits = asyncio.run(all_of_them())
    assert len(waits) == 300
    assert max(waits) < 1.0


def test_more_listeners_than_may_wait_for_a_thread_are_all_greeted(catalog: CatalogFile) -> None:
    with interface(catalog.path, limits=Limits(waiting=0)) as running, ExitStack() as stack:
        listeners = [stack.enter_context(closing(Listener(running.url))) for _ in range(5)]
        assert [listener.wait("hello")["seq"] for listener in listeners] == [1] * 5
        catalog.add("b.ckpt")
        late = stack.enter_context(closing(Listener(running.url, since=1)))
        assert late.wait("reset")["seq"] == 2


def test_a_stream_that_cannot_begin_is_a_problem(http: Interface, catalog: CatalogFile) -> None:
    catalog.close()
    catalog.path.unlink()
    answer = http.get("/api/v1/events")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
