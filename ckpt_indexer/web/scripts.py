"""Which scripts a page may run: files of this interface, and the very lines its own template holds. Pure, but for ASGI.

NiceGUI compiles templates and properties in the browser and so needs `unsafe-eval`. It does not need `unsafe-inline`:
its inline scripts are known when a page is sent, and are named by their digests. A `<script>` or an `onerror=` that
came in with a name of a file, past every escaping, would not run.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INLINE = re.compile(rb"<script(?:\s+type=\"[a-z]+\")?>(.*?)</script>", re.DOTALL)
"""What the template writes; a script with any other attribute is no inline script of its own."""


def policy(html: bytes) -> bytes:
    """Return what a page may run, as a Content-Security-Policy beside the one that every answer has."""
    digests = dict.fromkeys(b64encode(sha256(script).digest()) for script in _INLINE.findall(html))
    known = b" ".join(b"'sha256-%s'" % digest for digest in digests)
    return b"script-src 'self' 'unsafe-eval' %s; script-src-attr 'none'; base-uri 'none'; form-action 'none'" % known


class KnownScripts:
    """An ASGI application around the one that draws pages. Lets a browser run nothing but what a page began with."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, _Sender(send) if scope["type"] == "http" else send)


class _Sender:
    """Keeps the head of a page back until its text is known; passes everything else on as it comes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._head: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self._head = message
        elif self._head is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._head)

    async def _finish(self, head: Message) -> None:
        body = bytes(self._body)
        head["headers"] = [*head["headers"], (b"content-security-policy", policy(body))]
        await self._send(head)
        await self._send({"type": "http.response.body", "body": body})


def _is_html(head: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/html") for name, value in head["headers"])
