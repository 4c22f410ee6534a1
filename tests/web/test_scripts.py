from __future__ import annotations

import asyncio
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ckpt_indexer.web.scripts import KnownScripts, policy

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


def digest(script: bytes) -> bytes:
    return b"'sha256-" + b64encode(sha256(script).digest()) + b"'"


def test_inline_scripts_are_named_by_their_digests() -> None:
    html = b'<script type="module">\nlet a = 1;\n</script><script>b()</script><script src="/x.js"></script>'
    said = policy(html)
    assert digest(b"\nlet a = 1;\n") in said
    assert digest(b"b()") in said
    assert said.count(b"sha256-") == 2


def test_nothing_inline_else_is_allowed() -> None:
    said = policy(b'<script id="x">evil()</script><p onclick="evil()">')
    assert b"sha256" not in said
    assert b"unsafe-inline" not in said


async def answered(kind: bytes, *pieces: bytes) -> list[dict[str, Any]]:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        for place, piece in enumerate(pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": place < len(pieces) - 1})

    sent: list[dict[str, Any]] = []

    async def send(message: Message) -> None:
        sent.append(dict(message))

    async def receive() -> Message:
        return {}

    await KnownScripts(app)({"type": "http"}, receive, send)
    return sent


def test_a_page_comes_with_its_policy_in_one_piece() -> None:
    head, body = asyncio.run(answered(b"text/html; charset=utf-8", b"<script>a", b"()</script>"))
    assert digest(b"a()") in dict(head["headers"])[b"content-security-policy"]
    assert body == {"type": "http.response.body", "body": b"<script>a()</script>"}


def test_anything_else_passes_as_it_comes() -> None:
    head, *bodies = asyncio.run(answered(b"text/javascript", b"1", b"2"))
    assert dict(head["headers"]) == {b"content-type": b"text/javascript"}
    assert [one["body"] for one in bodies] == [b"1", b"2"]
