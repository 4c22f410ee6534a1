"""The door of the page: who gets in, what is fetched from where, and that NiceGUI waits for the first visitor."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from ckpt_indexer import web
from ckpt_indexer.api.token import COOKIE
from tests.api.interface import TOKEN, interface, status_of
from tests.client.catalog_database import build
from tests.web.drawing import tags_of, text_of
from tests.web.handshake import shake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.api.interface import Interface
    from tests.web.drawing import Drawing

PAGES = ("", "best", "experiments", "experiments?name=dbnet-r18", "compare?ids=1,2", "disk", "health")


@pytest.mark.parametrize("address", PAGES)
def test_every_page_is_drawn_and_kept_by_nobody(page: Interface, address: str) -> None:
    answer = page.get("/ui/" + address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert '<html lang="en-US"' in answer.text


@pytest.mark.parametrize("address", PAGES)
def test_nothing_is_fetched_from_elsewhere(page: Interface, address: str) -> None:
    source = page.get("/ui/" + address).text
    fetched = re.findall(r"""(?:src|href|url\(|from |import )\s*=?\s*["']?((?:https?:)?//[^"'\s)]+)""", source)
    assert fetched == []


def test_everything_the_page_is_made_of_is_there(page: Interface) -> None:
    paths = set(re.findall(r"""["'](/ui/_nicegui/[^"'\s]+\.(?:js|css))["']""", page.get("/ui/best").text))
    with httpx.Client(base_url=page.url) as client:
        assert {path for path in paths if client.head(path).status_code != 200} == set()
    assert len(paths) > 10


def test_assets_come_from_addresses_that_change_with_them(page: Interface) -> None:
    source = page.get("/ui/").text
    found = re.findall(r"/ui/assets/([a-z.]+)\?([0-9a-f]{12})", source)
    assert {name for name, _ in found} == {"page.css", "page.js", "carry.js", "grid.js", "find.js"}
    for name, _ in found:
        assert page.get(f"/ui/assets/{name}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/ui/assets/../site.py", "/ui/assets/%2e%2e/site.py", "/ui/assets/", "/ui/assets/no.js"]
)
def test_assets_are_all_that_is_there(page: Interface, path: str) -> None:
    answer = page.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert status_of(answer) == 404
    assert b"class Site" not in answer


def test_the_address_without_a_slash_leads_to_the_page_and_keeps_its_question(page: Interface) -> None:
    assert page.get("/ui").headers["location"] == "/ui/"
    assert page.get("/ui?q=epoch:3").headers["location"] == "/ui/?q=epoch:3"
    assert page.get("/").headers["location"] == "/ui/"


def test_an_unknown_page_is_not_found(page: Interface) -> None:
    assert page.get("/ui/nothing").status_code == 404


def test_a_page_takes_no_other_methods(page: Interface) -> None:
    assert httpx.put(page.url + "/ui/", headers={"origin": page.url}).status_code == 405


def test_a_page_runs_nothing_but_what_it_began_with(page: Interface) -> None:
    policies = page.get("/ui/").headers.get_list("content-security-policy")
    scripts = [re.search(r"script-src ([^;]*)", policy)[1] for policy in policies]  # type: ignore[index]  # each has one
    strict = [one for one in scripts if "'unsafe-inline'" not in one]
    assert len(strict) == 1
    assert strict[0].count("'sha256-") == 4
    assert any("script-src-attr 'none'" in policy and "base-uri 'none'" in policy for policy in policies)
    assert all("http:" not in policy and "*" not in policy for policy in policies)


def test_the_detail_of_a_checkpoint(page: Interface) -> None:
    answer = page.get("/ui/data/detail?id=3")
    assert answer.headers["cache-control"] == "no-store"
    assert "dbnet-r18/epoch=2.ckpt" in text_of(answer.text)


@pytest.mark.parametrize("number", ["", "0", "999", "x", "-1", "1" * 30, "1;2", "\u0663"])
def test_the_detail_of_no_checkpoint(page: Interface, number: str) -> None:
    answer = page.get("/ui/data/detail", params={"id": number})
    assert answer.status_code == 404
    assert "No such checkpoint" in answer.text


# -- the token


@pytest.fixture
def browser(page: Interface) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=page.url, follow_redirects=True) as client:
        yield client


def test_the_printed_address_opens_the_page_and_is_forgotten(page: Interface, browser: httpx.Client) -> None:
    answer = browser.get(f"/ui/best?by=decoder&token={TOKEN}")
    assert (answer.status_code, answer.url.query) == (200, b"by=decoder")
    assert TOKEN not in answer.text
    assert TOKEN not in str(answer.url)
    assert answer.history[0].headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    cookie = answer.history[0].headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}-{page.port}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


CHANGES = (
    ("/api/v1/checkpoints/1/tags", {"add": ["keep"]}), ("/api/v1/checkpoints/1/tags", {"remove": ["keep"]}),
    ("/api/v1/checkpoints/1/note", {"text": "table 3"}), ("/api/v1/checkpoints/1/pin", {"pinned": True}),
    ("/api/v1/rescan", {"full": False}),
)  # fmt: skip


@pytest.mark.parametrize(("address", "body"), CHANGES)
def test_a_browser_with_the_token_may_change_things_and_one_without_may_not(
    page: Interface, browser: httpx.Client, address: str, body: dict[str, object]
) -> None:
    head = {"origin": page.url, "sec-fetch-site": "same-origin"}
    before = len(page.control.orders)
    assert browser.post(address, json=body, headers=head).status_code == 401
    browser.get(f"/ui/?token={TOKEN}")
    assert browser.post(address, json=body, headers=head).status_code in (200, 202)
    assert browser.post(address, json=body, headers=head | {"sec-fetch-site": "same-site"}).status_code == 403
    assert browser.post(address, json=body, headers={"origin": "http://127.0.0.1:1"}).status_code == 403
    assert len(page.control.orders) == before + 1


def test_a_second_daemon_on_this_machine_does_not_log_the_first_one_out(page: Interface, browser: httpx.Client) -> None:
    browser.get(f"/ui/?token={TOKEN}")
    browser.cookies.set(f"{COOKIE}-1", "o" * 43)
    browser.cookies.set(COOKIE, "p" * 43)
    answer = browser.post("/api/v1/checkpoints/1/pin", json={"pinned": True}, headers={"origin": page.url})
    assert answer.status_code == 200


def test_a_wrong_token_opens_the_page_but_changes_nothing(browser: httpx.Client) -> None:
    assert browser.get("/ui/?token=wrong").status_code == 200
    assert not browser.cookies
    assert browser.post("/api/v1/rescan", json={}).status_code == 401


# -- websockets


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example", "http://127.0.0.1:1", "file://"]
)
def test_a_websocket_of_another_origin_is_refused(page: Interface, origin: str) -> None:
    assert shake(page, f"127.0.0.1:{page.port}", f"Origin: {origin}") in (403, 421)


def test_a_websocket_to_another_host_is_refused(page: Interface) -> None:
    assert shake(page, f"evil.example:{page.port}", f"Origin: http://evil.example:{page.port}") in (403, 421)


def test_the_own_page_s_websocket_is_let_in(page: Interface) -> None:
    assert shake(page, f"127.0.0.1:{page.port}", f"Origin: {page.url}") == 101


# -- without the page


def test_a_page_that_is_switched_off_says_so(tmp_path: Path) -> None:
    with interface(build(tmp_path / "c.db", []), no_page="the page is switched off") as http:
        for address in ("/ui", "/ui/", "/ui/best"):
            answer = http.get(address)
            assert (answer.status_code, answer.json()["detail"]) == (404, "the page is switched off")
        assert http.get("/").json()["name"] == "ckpt-indexer"


def test_nicegui_waits_for_the_first_visitor() -> None:
    program = (
        "import sys\n"
        "from ckpt_indexer import web\n"
        "assert web.is_installed()\n"
        "from ckpt_indexer.app import faces\n"
        "from ckpt_indexer.api import application\n"
        "import ckpt_indexer.web.opening\n"
        "assert 'nicegui' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_older_nicegui_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, str] = {"nicegui": "2.24.1"}
    monkeypatch.setattr(web, "version", said.__getitem__)
    assert not web.is_installed()
    said["nicegui"] = "3"
    assert not web.is_installed()
    said["nicegui"] = "3.18.0rc1"
    assert web.is_installed()


def test_hrefs_of_every_page_stay_on_it(look: Callable[[str], Drawing]) -> None:
    for address in PAGES:
        drawing = look(address)
        found = [attributes["href"] for _, attributes in tags_of(drawing.header + drawing.html) if "href" in attributes]
        assert [href for href in found if not str(href).startswith(("/ui/", "/api/v1/export", "#"))] == []
