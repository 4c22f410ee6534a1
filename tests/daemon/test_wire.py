from __future__ import annotations

import json
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.daemon.wire import Server, ask, dial, socket_path
from ckpt_indexer.errors import DaemonError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def handle(request: dict[str, Any], progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    if request["op"] == "refuse":
        raise SettingsError("that root lies in another")
    for number in range(request.get("steps", 0)):
        progress({"step": number})
    return {"echo": request.get("text")}


@pytest.fixture(params=["", "/" + "long" * 20 + "/" + "path" * 20], ids=["short", "longer than sun_path"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / request.param.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder / "catalog.db", handle)
    yield folder / "catalog.db"
    server.close()


def test_an_answer_comes_back_after_its_progress(database: Path) -> None:
    seen: list[dict[str, Any]] = []

    answer = ask(database, {"op": "echo", "text": "ü\n", "steps": 2}, progress=seen.append)

    assert answer == {"echo": "ü\n"}
    assert seen == [{"step": 0}, {"step": 1}]


def test_an_error_is_raised_here_as_the_type_it_was_there(database: Path) -> None:
    with pytest.raises(SettingsError, match="lies in another"):
        ask(database, {"op": "refuse"})


def test_nobody_listening_is_none_and_no_error(tmp_path: Path) -> None:
    assert ask(tmp_path / "catalog.db", {"op": "echo"}) is None


def test_a_socket_left_by_a_dead_daemon_is_replaced(database: Path) -> None:
    other = database.with_name("other.db")
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    socket_path(other).touch()
    stale.close()

    server = Server(other, handle)
    try:
        assert ask(other, {"op": "echo", "text": "x"}) == {"echo": "x"}
    finally:
        server.close()


@pytest.mark.parametrize("line", [b"{\n", b"[]\n", b'{"op": 3}\n', b"\xff\xfe\n", b'"text"\n'])
def test_nonsense_is_answered_with_an_error_and_the_next_request_works(database: Path, line: bytes) -> None:
    connection = dial(database)
    assert connection is not None
    with connection, connection.makefile("rwb") as stream:
        stream.write(line)
        stream.flush()
        first = json.loads(stream.readline())
        stream.write(b'{"op": "echo", "text": 1}\n')
        stream.flush()
        second = json.loads(stream.readline())

    assert first["error"]["type"] == "DaemonError"
    assert second == {"result": {"echo": 1}}


def test_the_socket_is_for_its_owner_only_and_goes_with_the_server(tmp_path: Path) -> None:
    server = Server(tmp_path / "catalog.db", handle)
    mode = socket_path(tmp_path / "catalog.db").stat().st_mode & 0o777
    server.close()

    assert mode == 0o600
    assert not socket_path(tmp_path / "catalog.db").exists()


def test_a_daemon_that_ends_before_it_answers_is_an_error(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.fspath(socket_path(tmp_path / "catalog.db")))
    listener.listen()

    def hang_up() -> None:
        listener.accept()[0].close()

    dying = threading.Thread(target=hang_up)
    dying.start()
    try:
        with pytest.raises(DaemonError, match=r"before it answered|did not answer"):
            ask(tmp_path / "catalog.db", {"op": "x"})
    finally:
        dying.join(timeout=5)
        listener.close()
