from __future__ import annotations

import pytest

from ckpt_indexer.client import is_remote
from ckpt_indexer.client.address import read_address
from ckpt_indexer.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "shown", "place"),
    [
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765", ("http", "127.0.0.1", 8765, "", None, None)),
        ("HTTP://LocalHost/", "http://LocalHost", ("http", "localhost", 80, "", None, None)),
        ("https://team/index/", "https://team/index", ("https", "team", 443, "/index", None, None)),
        ("http://[::1]:9/ui/?token=abc", "http://[::1]:9", ("http", "::1", 9, "", None, "abc")),
        ("http://h:1/p/ui", "http://h:1/p", ("http", "h", 1, "/p", None, None)),
        ("unix:/run/x.sock", "unix:/run/x.sock", ("unix", "localhost", 0, "", "/run/x.sock", None)),
        ("unix:///run/x.sock", "unix:/run/x.sock", ("unix", "localhost", 0, "", "/run/x.sock", None)),
        ("unix:x.sock", "unix:x.sock", ("unix", "localhost", 0, "", "x.sock", None)),
        ("http+unix://%2Frun%2Fx.sock", "unix:/run/x.sock", ("unix", "localhost", 0, "", "/run/x.sock", None)),
    ],
)  # fmt: skip
def test_addresses_are_taken_apart(text: str, shown: str, place: tuple[object, ...]) -> None:
    assert is_remote(text)
    assert read_address(text) == (shown, *place)


@pytest.mark.parametrize(
    "text", ["http://", "http://:80", "http://h:99999", "http://h:x", "http://me:secret@h", "http://h h", "http://h/\r\nx",
             "http://[::1", "http://\u00e4", "http://h/\x00", "unix:", "http+unix://"],
)  # fmt: skip
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(SettingsError):
        read_address(text)


@pytest.mark.parametrize("text", ["catalog.db", "/a/http:/b", "http:catalog.db", "file:///a", "https", "C:/unix:"])
def test_paths_are_no_addresses(text: str) -> None:
    assert not is_remote(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("http://localhost:1", True), ("http://127.9.9.9:1", True), ("http://[::1]:1", True), ("http://team:1", False),
     ("http://127.evil.example:1", False), ("unix:/x", False)],
)  # fmt: skip
def test_loopback_is_this_machine(text: str, answer: bool) -> None:
    assert read_address(text).is_loopback is answer
