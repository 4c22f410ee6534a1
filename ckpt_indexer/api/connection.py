"""One connection, with the bounds uvicorn leaves open. Adapts uvicorn's h11 protocol.

A request that takes too long to arrive, a head that is too large, a body whose length is given twice, one connection
too many: each is answered with a problem and ends the connection.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ckpt_indexer.api import problems
from ckpt_indexer.api.guard import ABORT
from ckpt_indexer.api.options import Limits
from ckpt_indexer.api.security import API_HEADERS

if TYPE_CHECKING:
    import asyncio

LINGER_S = 1.0
"""How long what a refused client still sends is thrown away: closing at once would take the answer from it."""


class Connection(H11Protocol):
    """A connection that does not wait for ever."""

    limits = Limits()
    _deadline: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(503, "busy", f"{self.limits.connections} connections are open already")
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came, unless the connection only lingers."""
        if not self._refused:
            super().data_received(data)

    def eof_received(self) -> None:
        """End a connection that only lingers."""
        if self._refused:
            self.transport.close()

    def handle_events(self) -> None:
        """Look at what came before it is parsed, and at what is still missing afterwards."""
        if self.conn.their_state is h11.IDLE and gives_length_twice(self.conn.trailing_data[0]):
            self._refuse(400, "bad-request", "the length of the body is given twice")
            return
        super().handle_events()
        if self.scope is not None:  # requests begin in tasks of their own, which have not run yet
            self.scope.setdefault("extensions", {})[ABORT] = {"abort": self.transport.abort}
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self.conn.trailing_data[0]:
            self._await_head()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        error = sys.exc_info()[1]
        if getattr(error, "error_status_hint", 400) == 431:
            self._refuse(431, "too-large", f"headers are at most {self.limits.head_bytes:,} bytes")
        else:
            self._refuse(400, "bad-request", msg)

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection; one that never took its last answer loses it."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _await_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.limits.head_s, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._refuse(408, "timeout", f"no request came within {self.limits.head_s:g} s")

    def _refuse(self, status: int, name: str, detail: str) -> None:
        """Answer by hand and close soon, unless an answer is on its way that this would garble."""
        self._stop_waiting()
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()
            return
        self.transport.write(raw_problem(status, name, detail))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)


def gives_length_twice(buffered: bytes) -> bool:
    """Tell whether a head gives the length of its body twice, which a proxy and a server may read differently."""
    head = buffered.partition(b"\r\n\r\n")[0].partition(b"\n\n")[0].lower()
    _, found, rest = head.partition(b"\ncontent-length")
    if not found:
        return False
    return b"\ncontent-length" in rest or b"," in rest.partition(b"\n")[0] or b"\ntransfer-encoding" in head


def raw_problem(status: int, name: str, detail: str) -> bytes:
    """Return a whole answer with a problem document."""
    response = problems.respond(status, name, detail, headers={"connection": "close"})
    head = [*response.raw_headers, *API_HEADERS]
    lines = b"".join(key + b": " + value + b"\r\n" for key, value in head)
    import http

    phrase = http.HTTPStatus(status).phrase.encode()
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, phrase, lines, response.body)


def connection_class(limits: Limits) -> type[Connection]:
    """Return the class of connections with these bounds."""
    return type("BoundedConnection", (Connection,), {"limits": limits})
