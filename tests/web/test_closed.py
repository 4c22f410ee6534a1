"""The page of a daemon that answers nobody without the token, and what the page leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from ckpt_indexer.api.token import COOKIE
from tests.api.interface import TOKEN
from tests.web import catalogs
from tests.web.drawing import Drawing
from tests.web.handshake import shake

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.web.conftest import Opened


def test_reads_that_need_the_token_need_it_on_the_page_too(opened: Opened) -> None:
    with opened(catalogs.detectors(), guards_reads=True) as page, httpx.Client(base_url=page.url) as client:
        closed = ("/ui/", "/ui/best", "/ui/data/rows?end=1", "/ui/data/detail?id=1", "/ui/assets/page.js", "/ui")
        assert {client.get(address).status_code for address in closed} == {401}
        assert client.post("/ui/_nicegui_ws/socket.io/?EIO=4&transport=polling").status_code == 401
        assert client.get(f"/ui/?token={TOKEN}").status_code == 303
        assert [client.get(address).status_code for address in closed] == [200, 200, 200, 200, 200, 307]


def test_a_websocket_needs_the_token_where_reads_do(opened: Opened) -> None:
    with opened([], guards_reads=True) as page:
        origin = f"Origin: {page.url}"
        assert shake(page, f"127.0.0.1:{page.port}", origin) == 403
        assert shake(page, f"127.0.0.1:{page.port}", origin, f"Cookie: {COOKIE}={TOKEN}") == 101


def test_the_page_leaves_nothing_in_the_working_directory(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(catalogs.detectors()) as page:
        assert Drawing(page.get("/ui/")).status == 200
    assert list(tmp_path.iterdir()) == []
