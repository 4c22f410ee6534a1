"""The HTTP interface on a real socket of this machine, over a catalog file and a daemon that only remembers orders."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from ckpt_indexer import web
from ckpt_indexer.api.application import Face
from ckpt_indexer.api.control import SqlAnswer
from ckpt_indexer.api.options import Limits, Options
from ckpt_indexer.api.server import HttpServer, listen, url_of
from ckpt_indexer.app.faces import stamp_of
from ckpt_indexer.client.local import LocalCatalog
from ckpt_indexer.errors import CheckpointNotFound, CkptIndexerError
from ckpt_indexer.store.readonly import run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ckpt_indexer.api.control import Annotation

TOKEN = "t" * 43


@dataclass
class FakeControl:
    """A daemon that does nothing and remembers what it was told."""

    database: Path
    orders: list[tuple[Any, ...]] = field(default_factory=list)
    ready: bool = True
    scanning: Mapping[str, Any] | None = None
    error: CkptIndexerError | None = None
    state: dict[str, Any] = field(default_factory=lambda: {"status": "ok", "reasons": [], "busy": False, "backlog": 0})

    def health(self) -> Mapping[str, Any]:
        return self.state

    def is_ready(self) -> bool:
        return self.ready

    def progress(self) -> Mapping[str, Any] | None:
        return self.scanning

    def rescan(self, root: str | None, *, full: bool) -> Sequence[str]:
        self._told("rescan", root, full)
        if root not in (None, "outputs"):
            raise CheckpointNotFound(f"there is no root {root!r}")
        return ["outputs"]

    def annotate(self, row_id: int, said: Annotation) -> int:
        self._told("annotate", row_id, said)
        if row_id > 1000:
            raise CheckpointNotFound(f"there is no checkpoint with the id {row_id}")
        return 1

    def sql(self, statement: str) -> SqlAnswer:
        found = run_sql(self.database, statement, deadline_s=1.0, max_rows=1000, max_bytes=1024 * 1024)
        return SqlAnswer(found.columns, found.rows, found.truncated)

    def _told(self, *order: Any) -> None:
        self.orders.append(order)
        if self.error is not None:
            raise self.error


@dataclass
class Interface:
    """A running interface, and ways to talk to it."""

    url: str
    port: int
    database: Path
    control: FakeControl
    face: Face

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, **options)

    def post(self, path: str, body: Any, *, token: str | None = TOKEN, **headers: str) -> httpx.Response:
        sent = headers | ({"authorization": f"Bearer {token}"} if token is not None else {})
        return httpx.post(self.url + path, json=body, headers=sent)

    def raw(self, request: bytes, *, timeout_s: float = 5.0) -> bytes:
        """Send bytes as they are and return everything that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as connection:
            connection.sendall(request)
            return received(connection)

    def status(self, request: bytes) -> int:
        """Send bytes as they are and return the status of the answer, as soon as it is there."""
        found = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30.0) as connection:
            connection.sendall(request)
            while b"\r\n" not in found and (piece := connection.recv(4096)):
                found += piece
        return status_of(found)


def received(connection: socket.socket) -> bytes:
    """Return everything until the other side closes, or says nothing more for the socket's timeout."""
    found = b""
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        while piece := connection.recv(65536):
            found += piece
    return found


def status_of(answer: bytes) -> int:
    """Return the status of a raw answer, 0 when there is none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and answer.startswith(b"HTTP/1.1 ") else 0


@contextlib.contextmanager
def interface(database: Path, *, limits: Limits | None = None, **options: Any) -> Iterator[Interface]:
    """Run the interface over a catalog file, as `serve` does."""
    listener = listen("127.0.0.1", 0)
    control = FakeControl(database)
    catalog = LocalCatalog(database)
    chosen = Options(token=TOKEN, version="1.2.3", limits=limits or Limits(), **options)
    face = Face(catalog=catalog, stamp=stamp_of(catalog), control=control, options=chosen)
    if chosen.page:
        web.mount(face)
    server = HttpServer(url=url_of("127.0.0.1", listener), listeners=[listener], build=lambda: face, options=chosen)
    server.start()
    try:
        yield Interface(server.url, listener.getsockname()[1], database, control, face)
    finally:
        server.close()


class Listener:
    """One client of the event stream, on a thread."""

    def __init__(self, url: str, *, since: int | None = None, last_event_id: str | None = None) -> None:
        self.events: list[tuple[str, dict[str, Any], str | None]] = []
        self._arrived = threading.Condition()
        self._client = httpx.Client(timeout=httpx.Timeout(5.0, read=30.0))
        headers = {} if last_event_id is None else {"last-event-id": last_event_id}
        query = "" if since is None else f"?since={since}"
        self._request = self._client.build_request("GET", f"{url}/api/v1/events{query}", headers=headers)
        self._response = self._client.send(self._request, stream=True)
        self.status = self._response.status_code
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        one: dict[str, str] = {}
        with contextlib.suppress(httpx.HTTPError, httpx.StreamError, OSError):
            for line in self._response.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    one[name] = value
                elif "event" in one:
                    with self._arrived:
                        self.events.append((one["event"], json.loads(one["data"]), one.get("id")))
                        self._arrived.notify_all()
                    one = {}
        with self._arrived:
            self.events.append(("closed", {}, None))
            self._arrived.notify_all()

    def wait(self, name: str, *, timeout_s: float = 15.0, **having: Any) -> dict[str, Any]:
        """Return the data of the first event of a name with these members."""

        def found() -> dict[str, Any] | None:
            for kind, data, _ in self.events:
                if kind == name and having.items() <= data.items():
                    return data
            return None

        with self._arrived:
            self._arrived.wait_for(lambda: found() is not None, timeout_s)
            data = found()
        if data is None:
            raise AssertionError(f"no {name} came: {[kind for kind, _, _ in self.events]}")
        return data

    def close(self) -> None:
        stream = self._response.extensions["network_stream"]
        with contextlib.suppress(OSError):
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._client.close()
