from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.api.options import Limits
from tests.api.interface import TOKEN, interface, received, status_of
from tests.client.catalog_database import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.interface import Interface

GET = b"GET /api/v1/version HTTP/1.1\r\nHost: localhost\r\n"
POST = (
    b"POST /api/v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer "
    + TOKEN.encode()
    + b"\r\n"
)
CLOSE = b"Connection: close\r\n\r\n"
QUICK = Limits(connections=8, head_s=0.3, body_s=0.3, idle_s=1.0, stall_s=0.5)


@pytest.fixture(scope="module")
def impatient(database: Path) -> Iterator[Interface]:
    with interface(database, limits=QUICK) as running:
        yield running


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5x\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length : 5\r\n",
    ],
)  # fmt: skip
def test_a_body_of_two_lengths_is_refused_and_the_connection_closed(http: Interface, lengths: bytes) -> None:
    answer = http.raw(POST + lengths + b"\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status_of(answer) in (400, 501)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\nHost: localhost\nContent-Length: 1\nContent-Length: 1\n\nx",
    ],
)  # fmt: skip
def test_what_is_no_http_is_a_bad_request(impatient: Interface, request_bytes: bytes) -> None:
    answer = impatient.raw(request_bytes)
    assert status_of(answer) in (400, 408, 421, 505)
    assert b"application/problem+json" in answer
    assert b"Traceback" not in answer


def test_large_heads_addresses_and_bodies_have_their_own_answers(http: Interface) -> None:
    assert status_of(http.raw(GET + b"X: " + b"a" * 17_000 + b"\r\n" + CLOSE)) == 431
    assert status_of(http.raw(GET + b"X: " + b"a" * 60_000 + b"\r\n" + CLOSE)) == 431
    assert status_of(http.raw(GET + b"".join(b"X%d: 1\r\n" % n for n in range(3000)) + CLOSE)) == 431
    long_address = b"GET /api/v1/version?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n"
    assert status_of(http.raw(long_address + CLOSE)) == 414
    body = b'{"sql": "' + b"x" * 70_000 + b'"}'
    assert status_of(http.raw(POST + b"Content-Length: %d\r\n" % len(body) + CLOSE + body)) == 413
    assert status_of(http.raw(POST + b"Content-Length: 99999999999\r\n" + CLOSE + body)) == 413
    chunks = b"".join(b"4000\r\n" + b"x" * 0x4000 + b"\r\n" for _ in range(5)) + b"0\r\n\r\n"
    assert status_of(http.raw(POST + b"Transfer-Encoding: chunked\r\n" + CLOSE + chunks)) == 413


def test_a_read_has_no_body(http: Interface) -> None:
    assert status_of(http.raw(GET + b"Content-Length: 5\r\n" + CLOSE + b"hello")) == 400
    assert status_of(http.raw(GET + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"0\r\n\r\n")) == 400


def test_a_request_that_trickles_in_is_given_up(impatient: Interface) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=3) as connection:
        began = time.monotonic()
        for byte in GET:
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.02)  # the slowness is what is tested
            if time.monotonic() - began > 2:
                break
        answer = received(connection)
    assert status_of(answer) == 408
    assert time.monotonic() - began < 3


def test_a_silent_connection_is_given_up(impatient: Interface) -> None:
    began = time.monotonic()
    assert status_of(impatient.raw(b"")) == 408
    assert time.monotonic() - began < 3


def test_a_second_request_that_trickles_in_is_given_up(impatient: Interface) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=3) as connection:
        connection.sendall(GET + b"\r\n")
        while b'"v1"' not in (first := connection.recv(65536)):
            assert first
        connection.sendall(b"GET /api/v1/ver")
        assert status_of(received(connection)) == 408


def test_a_body_that_does_not_come_is_given_up(impatient: Interface) -> None:
    assert status_of(impatient.raw(POST + b"Content-Length: 50\r\n\r\n{")) == 408


def test_an_idle_connection_is_closed(impatient: Interface) -> None:
    began = time.monotonic()
    assert status_of(impatient.raw(GET + b"\r\n")) == 200
    assert 0.5 < time.monotonic() - began < 4


def test_one_connection_too_many_hears_503_and_the_others_go_on(impatient: Interface) -> None:
    held = []
    try:
        for _ in range(QUICK.connections):
            connection = socket.create_connection(("127.0.0.1", impatient.port), timeout=3)
            connection.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            held.append(connection)
        answer = impatient.raw(GET + CLOSE)
        assert status_of(answer) == 503
        assert b"retry-after" in answer
    finally:
        for connection in held:
            connection.close()
    deadline = time.monotonic() + 5
    while status_of(impatient.raw(GET + CLOSE)) != 200:
        assert time.monotonic() < deadline


def test_pipelined_requests_are_answered_in_order(http: Interface) -> None:
    answer = http.raw(GET + b"\r\n" + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET + CLOSE)
    assert [line.split(b" ")[1] for line in answer.split(b"\r\n") if b"HTTP/1.1 " in line] == [b"200", b"404"] or (
        answer.count(b"HTTP/1.1 ") == 3
    )


UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eDEyMzQ1\r\nSec-WebSocket-Version: 13\r\n"


def test_an_upgrade_from_a_foreign_page_is_refused(http: Interface) -> None:
    head = b"GET /ui/ws HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
    assert http.status(head + UPGRADE + b"\r\n") == 403


SQL_TRICKS = (
    "'", "--", ";", "x' OR '1'='1", "%", "_", "\\", '"', "1;DROP TABLE checkpoints",
    "\0", "9" * 40, "hmean>" + "9" * 400,
    "path:" + "*" * 90, "a" * 3900, "(" * 500, "-" * 500, "epoch:1e999..2", "\u202e", "size>1e308G",
)  # fmt: skip
ADDRESSES = (
    ("checkpoints", "q"), ("checkpoints", "sort"), ("checkpoints", "cursor"), ("best", "metric"), ("best", "by"),
    ("best", "q"), ("disk", "by"), ("facets", "fields"), ("compare", "ids"), ("problems", "q"), ("experiments", "q"),
    ("experiments/x/curve", "metric"), ("options", "q"), ("export.csv", "q"), ("checkpoints/by-path", "path"),
    ("checkpoints/by-ref", "ref"), ("changes", "since"),
)  # fmt: skip


@pytest.mark.parametrize("trick", SQL_TRICKS, ids=lambda trick: trick[:12].encode("unicode_escape").decode())
def test_no_parameter_reaches_sql(http: Interface, trick: str) -> None:
    for address, name in ADDRESSES:
        answer = http.get(f"/api/v1/{address}", params={name: trick})
        assert answer.status_code in (200, 400, 404), (address, name, answer.text)
    assert http.get("/api/v1/stats").json()["present"] == 24


def test_a_client_that_takes_nothing_of_a_stream_is_left_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"path": f"{number}.ckpt", "notes": "x" * 20_000} for number in range(1000)]
    with interface(build(tmp_path / "many.db", rows), limits=QUICK) as running, socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", running.port))
        lazy.sendall(b"GET /api/v1/export.jsonl HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with caplog.at_level("INFO"):
            deadline = time.monotonic() + 10
            while "took nothing" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.02)
        lazy.settimeout(5)
        assert not received(lazy).endswith(b"0\r\n\r\n")
        assert running.get("/api/v1/version").status_code == 200
    assert "took nothing of an answer for 0.5 s" in caplog.text
    assert not [record for record in caplog.records if record.levelname == "ERROR" or record.exc_info]
