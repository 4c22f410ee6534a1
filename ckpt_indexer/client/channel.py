"""Requests over connections that stay open, with the standard library's `http.client`. Knows no catalog."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import DatabaseAbsent, DatabaseForeign, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.client.address import Address

MAX_IDLE = 8
"""Connections kept for the next request; more may be in use at once."""
_SHORT = 100
"""The kernel takes 107 bytes of a socket's path."""


class Reply(NamedTuple):
    """What came back."""

    status: int
    kind: str
    """The media type."""
    etag: str | None
    body: bytes


class Channel:
    """Sends GET requests to one server. A connection the server closed meanwhile is made anew, once.

    Safe to share between threads and to use after a fork.
    """

    def __init__(self, address: Address, *, timeout_s: float) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._idle: list[http.client.HTTPConnection] = []
        self._process = os.getpid()
        self._closed = False

    def close(self) -> None:
        """Let go of the connections. Those in use end with their request."""
        self._closed = True
        self._drop()

    def __del__(self) -> None:
        self._drop()

    def get(self, target: str, headers: Mapping[str, str]) -> Reply:
        """Return the answer to one request.

        Raises:
            DatabaseAbsent: nothing listens.
            DatabaseForeign: what listens speaks no HTTP.
            StoreError: no answer came.
        """
        where = self.address.shown
        if self._closed:
            raise StoreError(f"the catalog {where} was closed", path=where)
        try:
            return self._once(self._take(), target, headers)
        except (http.client.HTTPException, ConnectionError) as error:
            if isinstance(error, ConnectionRefusedError):
                raise _absent(where) from error
            self._drop()
        except OSError as error:
            raise _unreachable(error, where, self.timeout_s) from error
        try:
            return self._once(self._fresh(), target, headers)
        except ConnectionRefusedError as error:
            raise _absent(where) from error
        except ConnectionError as error:
            raise StoreError(f"{where} closed the connection without an answer", path=where) from error
        except http.client.HTTPException as error:
            raise DatabaseForeign(
                f"what listens at {where} is no ckpt-indexer: it speaks no HTTP", path=where
            ) from error
        except OSError as error:
            raise _unreachable(error, where, self.timeout_s) from error

    def _once(self, connection: http.client.HTTPConnection, target: str, headers: Mapping[str, str]) -> Reply:
        try:
            connection.request("GET", self.address.prefix + target, headers=dict(headers))
            response = connection.getresponse()
            body = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close or self._closed or len(self._idle) >= MAX_IDLE:
            connection.close()
        else:
            self._idle.append(connection)
        kind = (response.getheader("content-type") or "").partition(";")[0].strip().lower()
        return Reply(response.status, kind, response.getheader("etag"), body)

    def _take(self) -> http.client.HTTPConnection:
        """Return the connection used last, or a fresh one."""
        if self._process != os.getpid():  # a child may not talk on its parent's connections
            self._drop()
            self._process = os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._fresh()

    def _fresh(self) -> http.client.HTTPConnection:
        address = self.address
        if address.socket is not None:
            return _UnixConnection(address.socket, timeout_s=self.timeout_s)
        make = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        return make(address.host, address.port, timeout=self.timeout_s)

    def _drop(self) -> None:
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread took it
                self._idle.pop().close()

    def __getstate__(self) -> dict[str, Any]:  # the attributes
        """Return what another process needs: connections stay here."""
        return {"address": self.address, "timeout_s": self.timeout_s}

    def __setstate__(self, state: dict[str, Any]) -> None:  # the attributes
        """Begin without connections."""
        vars(self).update(state, _idle=[], _process=os.getpid(), _closed=False)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, *, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Open the socket; a path that is too long for the kernel is reached through its directory."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        if len(os.fsencode(self._path)) < _SHORT:
            self.sock.connect(self._path)
            return
        directory, name = os.path.split(os.path.abspath(self._path))
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sock.connect(f"/proc/self/fd/{descriptor}/{name}")
        finally:
            os.close(descriptor)


def _absent(where: str) -> DatabaseAbsent:
    message = f"nothing listens at {where}; start the daemon with `ckpt-indexer serve`, or give the catalog's file"
    return DatabaseAbsent(message, path=where)


def _unreachable(error: OSError, where: str, timeout_s: float) -> StoreError:
    if isinstance(error, TimeoutError):
        return StoreError(f"{where} gave no answer within {timeout_s:g} s", path=where)
    if isinstance(error, FileNotFoundError):
        return _absent(where)
    return StoreError(f"{where} cannot be reached: {error.strerror or error}", path=where)
