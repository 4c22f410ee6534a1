from __future__ import annotations

import gc
import json
import os
from typing import TYPE_CHECKING

import httpx
import pytest

from ckpt_indexer.api.token import COOKIE, ensure_token, token_path
from ckpt_indexer.errors import StoreError
from tests.api.interface import TOKEN, interface, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.interface import Interface


def ask(http: Interface, head: str, *, line: str = "GET /api/v1/version HTTP/1.1") -> int:
    return status_of(http.raw(f"{line}\r\n{head}Connection: close\r\n\r\n".encode("latin-1")))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST.", "[::1]", "127.0.0.1:{port}", "localhost:80"])
def test_loopback_names_are_served_with_or_without_a_port(http: Interface, host: str) -> None:
    assert ask(http, f"Host: {host.format(port=http.port)}\r\n") == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost@evil.example", "127.0.0.1:80:80",
     "0.0.0.0", "10.0.0.1", "", "localhost..", "[::1", "localhost, evil.example", "127.1"],
)  # fmt: skip
def test_a_foreign_host_is_misdirected(http: Interface, host: str) -> None:
    assert ask(http, f"Host: {host.format(port=http.port)}\r\n") == 421


def test_no_host_and_two_hosts_are_bad_requests(http: Interface) -> None:
    assert ask(http, "") == 400
    assert ask(http, "Host: localhost\r\nHost: localhost\r\n") == 400
    assert ask(http, "", line="GET /api/v1/version HTTP/1.0") == 400


def test_the_host_of_an_absolute_address_counts_too(http: Interface) -> None:
    assert ask(http, "Host: localhost\r\n", line="GET http://evil.example/api/v1/version HTTP/1.1") == 421
    assert ask(http, "Host: localhost\r\n", line="GET http://localhost/api/v1/version HTTP/1.1") == 200
    assert ask(http, "Host: localhost\r\n", line="GET ftp://localhost/ HTTP/1.1") == 400
    assert ask(http, "Host: localhost\r\n", line="OPTIONS * HTTP/1.1") == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost.evil.example", "https://localhost:1", "x"]
)
def test_a_foreign_origin_is_refused(http: Interface, origin: str) -> None:
    answer = http.get("/api/v1/version", headers={"origin": origin})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_own_origin_is_served(http: Interface) -> None:
    answer = http.get("/api/v1/version", headers={"origin": http.url})
    assert answer.status_code == 200
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_changes_nothing(http: Interface, site: str) -> None:
    answer = http.post("/api/v1/rescan", {}, **{"sec-fetch-site": site})
    assert answer.status_code == 403


def test_a_preflight_gets_no_permission(http: Interface) -> None:
    answer = http.raw(
        b"OPTIONS /api/v1/sql HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
        b"Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
    )
    assert status_of(answer) == 403
    assert b"access-control" not in answer.lower()


@pytest.mark.parametrize("token", [None, "wrong", TOKEN[:-1], "Bearer"])
@pytest.mark.parametrize(
    ("address", "body"),
    [("/api/v1/sql", {"sql": "SELECT 1"}), ("/api/v1/rescan", {}), ("/api/v1/checkpoints/1/tags", {"add": ["x"]})],
)
def test_changes_and_sql_need_the_token(http: Interface, address: str, body: object, token: str | None) -> None:
    answer = http.post(address, body, token=token)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in answer.text


def test_a_body_is_json(http: Interface) -> None:
    plain = {"authorization": f"Bearer {TOKEN}", "content-type": "text/plain"}
    assert httpx.post(http.url + "/api/v1/sql", headers=plain, content=b'{"sql": "x"}').status_code == 403
    broken = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    assert httpx.post(http.url + "/api/v1/sql", headers=broken, content=b"{").status_code == 400


@pytest.fixture(scope="module")
def guarded(database: Path) -> Iterator[Interface]:
    with interface(database, guards_reads=True, allowed_hosts=("gpu-box.lan",)) as running:
        yield running


def test_auth_all_guards_reads_but_not_the_signs_of_life(guarded: Interface) -> None:
    for address in ("/api/v1/best", "/metrics", "/api/v1/openapi.json", "/", "/api/v1/events", "/ui"):
        assert guarded.get(address).status_code == 401, address
    assert guarded.get("/api/v1/best", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert guarded.get("/healthz").json() == {"status": "ok"}
    assert guarded.get("/readyz").status_code == 200


def test_a_host_of_the_settings_is_served(guarded: Interface) -> None:
    assert ask(guarded, f"Host: GPU-box.lan:80\r\nAuthorization: Bearer {TOKEN}\r\n") == 200


def test_the_page_keeps_the_token_of_its_address_in_a_cookie(guarded: Interface) -> None:
    answer = guarded.get(f"/ui/best?by=backbone&token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/ui/best?by=backbone"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert guarded.get("/api/v1/best", cookies={COOKIE: TOKEN}).status_code == 200
    assert guarded.get("/api/v1/best", cookies={COOKIE: "wrong"}).status_code == 401
    assert guarded.get("/ui/best?token=wrong").status_code == 401
    assert guarded.get(f"/ui//evil.example?token={TOKEN}").headers["location"].startswith("/ui//")


def test_every_answer_has_the_headers_of_a_careful_server(http: Interface) -> None:
    for address in ("/api/v1/best", "/api/v1/nothing", "/healthz", "/api/v1/export.csv", "/ui"):
        head = http.get(address).headers
        assert head["x-content-type-options"] == "nosniff"
        assert head["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in head["content-security-policy"]
        assert "server" not in head
    assert "default-src 'none'" in http.get("/api/v1/best").headers["content-security-policy"]


TRICKS = (
    "/..", "/api/v1/%2e%2e/%2e%2e/etc/passwd", "/api/v1/checkpoints/%252e%252e", "/api/v1/checkpoints/1%00",
    "/api/v1/..\\..\\etc", "/api/v1/checkpoints/../../../etc/passwd", "//etc/passwd", "/ui/..%2f..%2fetc",
)  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
def test_path_tricks_find_nothing(http: Interface, path: str) -> None:
    answer = http.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert status_of(answer) in (404, 400)
    assert b"root:" not in answer


def test_a_token_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    token = ensure_token(tmp_path / "c.db")
    path = token_path(tmp_path / "c.db")
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_token(tmp_path / "c.db") == token == path.read_text().strip()
    assert len(token) >= 32


@pytest.mark.parametrize("harm", ["open", "short", "link", "fifo"])
def test_a_token_others_may_know_is_replaced(tmp_path: Path, harm: str) -> None:
    before = ensure_token(tmp_path / "c.db")
    path = token_path(tmp_path / "c.db")
    if harm == "open":
        path.chmod(0o644)
    elif harm == "short":
        path.write_text("abc\n")
    else:
        path.rename(tmp_path / "elsewhere")
        if harm == "link":
            path.symlink_to(tmp_path / "elsewhere")
        else:
            os.mkfifo(path, 0o600)
    after = ensure_token(tmp_path / "c.db")
    assert after != before
    assert path.is_file()
    assert not path.is_symlink()


def test_a_directory_in_place_of_the_token_is_told_and_nothing_stays_open(tmp_path: Path) -> None:
    token_path(tmp_path / "c.db").mkdir()
    gc.collect()  # what earlier tests left open is closed before descriptors are counted
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(StoreError, match=r"c\.db\.token cannot be written"):
            ensure_token(tmp_path / "c.db")
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/api/v1/checkpoints", 405),
        ("PUT", "/api/v1/checkpoints/1", 405),
        ("POST", "/api/v1/checkpoints", 405),
        ("POST", "/healthz", 405),
        ("BREW", "/api/v1/best", 405),
        ("DELETE", "/api/v1/sql", 405),
        ("POST", "/api/v1/nowhere", 404),
        ("DELETE", "/", 405),
    ],
)
def test_what_is_not_there_needs_no_token_to_hear_so(http: Interface, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, http.url + path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert ("allow" in answer.headers) == (status == 405)


def test_what_is_not_there_stays_unsaid_where_reads_are_guarded(guarded: Interface) -> None:
    assert httpx.post(guarded.url + "/api/v1/nowhere").status_code == 401


def test_problems_name_no_path_of_this_machine(http: Interface) -> None:
    answer = http.get("/api/v1/checkpoints/by-ref", params={"ref": "a\0b"})
    assert answer.status_code in (400, 404)
    assert str(http.database) not in json.dumps(answer.json())
