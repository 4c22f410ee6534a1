"""What stands before every request, to pages and websockets alike: its size, its host, its origin, its token."""

from __future__ import annotations

import asyncio
import logging
import time
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode

from ckpt_indexer.api import hosts, problems
from ckpt_indexer.api.body import BodyRefused, read_body
from ckpt_indexer.api.options import PREFIX
from ckpt_indexer.api.security import API_HEADERS, PAGE_HEADERS
from ckpt_indexer.api.token import COOKIE, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ckpt_indexer.api.metrics import Traffic
    from ckpt_indexer.api.options import Options

log = logging.getLogger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = frozenset({"/healthz", "/readyz"})
"""What a supervisor may ask without a token, whatever else needs one."""
PAGE = "/ui"
ABORT = "ckpt_indexer.abort"
"""Extension of a scope: its `abort` ends the connection at once. `connection` puts it there."""


class Refused(Exception):  # no error: an answer
    """The request is answered here, with a problem."""

    def __init__(self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.response = problems.respond(status, name, detail, headers=headers)


class Head(NamedTuple):
    """The headers the guard looks at, as text."""

    one: dict[str, str]
    """Last value by name."""
    hosts: int
    lengths: int
    size: int


class Guard:
    """An ASGI application around another one. Says no to whatever should not come further."""

    def __init__(
        self, app: ASGIApp, options: Options, traffic: Traffic, *, takes: Callable[[Scope], bool] = lambda _: True
    ) -> None:
        """`takes` tells whether there is anything at an address for a method: what is not there needs no token to hear
        so."""
        self._app = app
        self._takes = takes
        self._options = options
        self._traffic = traffic
        self._names = frozenset(name.lower().removesuffix(".") for name in options.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer it."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
            return
        began = time.perf_counter()
        abort = scope.get("extensions", {}).get(ABORT, {}).get("abort")
        answer = Sender(send, self._options.limits.stall_s, abort, is_page=_is_page(scope["path"]))
        try:
            head = self._check(scope)
            receive = await self._with_body(scope, head, receive)
        except (Refused, BodyRefused) as refused:
            await _refuse(refused.response, scope, receive, answer)
        else:
            await self._app(scope, receive, answer)
        self._traffic.note(scope, answer.status, time.perf_counter() - began)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
        except Refused:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> Head:
        head = _head_of(scope)
        limits = self._options.limits
        if scope["http_version"] not in ("1.0", "1.1", "2"):
            raise Refused(505, "bad-request", "this is no version of HTTP that is spoken here", _CLOSE)
        if len(scope["raw_path"]) + len(scope["query_string"]) > limits.url_bytes:
            raise Refused(414, "too-large", f"an address is at most {limits.url_bytes:,} bytes", _CLOSE)
        if head.size > limits.head_bytes:
            raise Refused(431, "too-large", f"headers are at most {limits.head_bytes:,} bytes", _CLOSE)
        if head.lengths > 1 or (head.lengths and "transfer-encoding" in head.one):
            raise Refused(400, "bad-request", "the length of the body is given twice", _CLOSE)
        self._check_host(scope, head)
        self._check_origin(scope, head)
        self._check_token(scope, head)
        return head

    def _check_host(self, scope: Scope, head: Head) -> None:
        if head.hosts != 1:
            raise Refused(400, "host", "exactly one Host header is needed", _CLOSE)
        address = scope["server"][0] if scope.get("server") else None
        named = [head.one["host"]]
        if not scope["raw_path"].startswith(b"/"):
            named.append(_take_authority(scope))
        for authority in named:
            if not hosts.is_allowed(authority, names=self._names, address=address):
                raise Refused(421, "host", "this host is not served here; see the setting server.allowed_hosts", _CLOSE)

    def _check_origin(self, scope: Scope, head: Head) -> None:
        origin = head.one.get("origin")
        if origin is not None and not hosts.is_own_origin(origin, head.one["host"]):
            raise Refused(403, "forbidden", "requests from pages of another origin are not answered")
        site = head.one.get("sec-fetch-site", "none")
        if scope.get("method", "GET") not in SAFE and site not in ("same-origin", "none"):
            raise Refused(403, "forbidden", "a page of another origin may not change anything")

    def _check_token(self, scope: Scope, head: Head) -> None:
        """Ask for the token where it is needed; a Unix socket needs none, its file has an owner."""
        if _is_page(scope["path"]) and scope.get("method") == "GET":
            login(scope, self._options.token)
        if scope.get("server") and scope["server"][1] is None:
            return
        changes = scope.get("method", "GET") not in SAFE and not _is_page(scope["path"]) and self._takes(scope)
        if not changes and not (self._options.guards_reads and scope["path"] not in OPEN):
            return
        given = _tokens_of(head)
        if any(matches(one, self._options.token) for one in given):
            return
        said = "the token is not that of this catalog" if given else "this needs the token"
        detail = f"{said}: it lies beside the catalog in a file named <db>.token; send `Authorization: Bearer TOKEN`"
        raise Refused(401, "unauthorized", detail, {"www-authenticate": 'Bearer realm="ckpt-indexer"'})

    async def _with_body(self, scope: Scope, head: Head, receive: Receive) -> Receive:
        """Read the body of a request to the API, within its limits; the page reads its own."""
        limits = self._options.limits
        if scope["method"] in SAFE:
            if head.one.get("content-length", "0") != "0" or "transfer-encoding" in head.one:
                raise Refused(400, "bad-request", f"a {scope['method']} request has no body", _CLOSE)
            return receive
        is_api = not _is_page(scope["path"])
        if is_api and scope["path"].startswith(PREFIX) and self._takes(scope):
            kind = head.one.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise Refused(
                    403, "media-type", "a body is application/json: what a form of another page sends is none"
                )
        most = limits.body_bytes if is_api else limits.page_body_bytes
        return await read_body(receive, most=most, deadline_s=limits.body_s, announced=head.one.get("content-length"))


_CLOSE = {"connection": "close"}


def login(scope: Scope, token: str) -> None:
    """Raise the answer to a page's address that carries the token: a cookie, and the address without it."""
    given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token")
    if given is None or not matches(given, token):
        return
    rest = [pair for pair in parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != "token"]
    path = scope["raw_path"].decode("ascii", "replace")
    headers = {
        "location": "/" + path.lstrip("/") + ("?" + urlencode(rest) if rest else ""),
        "set-cookie": f"{_cookie_name(scope)}={token}; Path=/; HttpOnly; SameSite=Strict",
        "cache-control": "no-store",
    }
    raise Refused(303, "see-other", "the token is kept in a cookie now", headers)


class Sender:
    """Passes an answer on with the headers every answer has; ends the connection of a client that takes nothing of
    it."""

    def __init__(self, send: Send, stall_s: float, abort: Callable[[], None] | None, *, is_page: bool) -> None:
        """Send through `send`. `abort` ends the connection; None: the client is waited for."""
        self._send = send
        self._stall_s = None if abort is None else stall_s
        self._abort = abort
        self._headers = PAGE_HEADERS if is_page else API_HEADERS
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Pass on one part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers]
        try:
            async with asyncio.timeout(self._stall_s):
                await self._send(message)
        except TimeoutError:
            self._give_up()

    def _give_up(self) -> None:
        """End the connection: whoever makes the stream hears of it as of a client that left."""
        log.info("a client took nothing of an answer for %g s; its connection was ended", self._stall_s)
        if self._abort is not None:
            self._abort()


async def _refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    await response(scope, receive, send)


def _head_of(scope: Scope) -> Head:
    one: dict[str, str] = {}
    count = {b"host": 0, b"content-length": 0}
    size = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value) + 4
        if name in count:
            count[name] += 1
        one[name.decode("latin-1")] = value.decode("latin-1")
    return Head(one, count[b"host"], count[b"content-length"], size)


def _take_authority(scope: Any) -> str:  # noqa: ANN401  # a scope, changed in place
    """Turn `GET http://host/path` into `GET /path`; return the host."""
    scheme, separator, rest = scope["raw_path"].partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise Refused(400, "bad-request", "the address is malformed", _CLOSE)
    authority: bytes
    authority, slash, path = rest.partition(b"/")
    scope["raw_path"] = slash + path or b"/"
    scope["path"] = unquote(scope["raw_path"].decode("ascii", "replace"))
    return authority.decode("latin-1")


def _tokens_of(head: Head) -> list[str]:
    """Return the tokens a request carries: in its Authorization header, else in the cookies of the page. A browser
    sends those of every daemon on the machine: it tells hosts apart, not ports."""
    scheme, _, given = head.one.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return [given.strip()]
    try:
        found = SimpleCookie(head.one.get("cookie", ""))
    except CookieError:
        return []
    return [morsel.value for name, morsel in found.items() if name.startswith(COOKIE)]


def _cookie_name(scope: Scope) -> str:
    """Return the name under which a browser keeps the token: one for each port, so that two daemons do not replace each
    other's."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    port = host.rpartition(b":")[2]
    return f"{COOKIE}-{port.decode()}" if port.isdigit() else COOKIE


def _is_page(path: str) -> bool:
    return path == PAGE or path.startswith(PAGE + "/")
