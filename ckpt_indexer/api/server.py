"""Listening, and uvicorn on a thread of its own."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from ckpt_indexer.api.connection import connection_class
from ckpt_indexer.api.hosts import is_address
from ckpt_indexer.errors import AddressInUse, ComponentFailed, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.api.application import Face
    from ckpt_indexer.api.options import Options

log = logging.getLogger(__name__)

BACKLOG = 1024
START_S = 30.0
STOP_S = 1.0
"""For answers under way; streams end at once."""


def listen(host: str, port: int, *, or_any: bool = False) -> socket.socket:
    """Return a socket that listens. `or_any`: when the port is taken, any free one will do.

    Raises:
        AddressInUse: another program listens there.
        SettingsError: the host is none of this machine, or the port may not be used.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise SettingsError(f"server.host: {host!r} is no address of this machine ({error})") from error
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # unnamed, asyncio sets no TCP_NODELAY
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE and or_any:
            log.warning("port %d is in use by another program; listening on a free one", port)
            return listen(host, 0)
        raise _refused(error, host, port) from error
    return listener


def _refused(error: OSError, host: str, port: int) -> AddressInUse | SettingsError:
    if error.errno == errno.EADDRINUSE:
        message = f"port {port} of {host} is in use by another program; take another with --port, 0 for any free one"
        return AddressInUse(message, port=port)
    return SettingsError(f"cannot listen on {host}:{port}: {error.strerror}", key="server.port")


def listen_on_path(path: Path) -> socket.socket:
    """Return a Unix socket that listens, for this user only. A dead one is replaced.

    Raises:
        AddressInUse: a living program listens there.
        SettingsError: it cannot be made there.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            _require_dead(path)
            path.unlink()
        before = os.umask(0o177)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
    except AddressInUse:
        listener.close()
        raise
    except OSError as error:
        listener.close()
        raise SettingsError(f"server.uds: cannot listen on {path}: {error}", key="server.uds") from error
    return listener


def _require_dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(os.fspath(path)) == 0:
            raise AddressInUse(f"another program listens on {path}", path=os.fspath(path))


def url_of(host: str, listener: socket.socket) -> str:
    """Return the address people type."""
    port = listener.getsockname()[1]
    name = f"[{host.strip('[]')}]" if ":" in host and is_address(host) else host
    return f"http://{name}:{port}"


class _Server(uvicorn.Server):
    """Ends the streams first: nobody waits for what never ends."""

    def __init__(self, config: uvicorn.Config, face: Face) -> None:
        super().__init__(config)
        self._face = face

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking requests, and end those under way."""
        self._face.stream.close()
        await super().shutdown(sockets)


class HttpServer:
    """An application behind listening sockets, on a thread. Takes the sockets over."""

    def __init__(
        self, *, url: str, listeners: Sequence[socket.socket], build: Callable[[], Face], options: Options
    ) -> None:
        """Keep what `start` needs. `build` makes the application when the catalog is there to be opened."""
        self.url = url
        self._listeners = list(listeners)
        self._paths = [Path(one.getsockname()) for one in listeners if one.family == socket.AF_UNIX]
        self._build = build
        self._options = options
        self._face: Face | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to answer; return when requests are taken.

        Raises:
            ComponentFailed: the server ended at once; the log says why.
        """
        self._face = self._build()
        self._server = _Server(self._config(self._face), self._face)
        self._thread = threading.Thread(target=self._run, args=(self._server,), name="http", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < deadline:
            self._thread.join(0.01)
        if not self._server.started:
            raise ComponentFailed("the HTTP interface did not start; see the log")

    def is_alive(self) -> bool:
        """Tell whether it still answers."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Stop answering: what is under way has a moment to end."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(STOP_S + 0.5)
        if self._face is not None:
            self._face.close()
        for listener in self._listeners:
            listener.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _run(self, server: _Server) -> None:
        server.run(sockets=list(self._listeners))

    def _config(self, app: Face) -> uvicorn.Config:
        limits = self._options.limits
        return uvicorn.Config(
            app,
            http=connection_class(limits),
            ws="auto" if self._options.page else "none",
            ws_max_size=limits.page_body_bytes,
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=int(limits.idle_s),
            timeout_graceful_shutdown=int(STOP_S),
            h11_max_incomplete_event_size=limits.head_bytes + limits.url_bytes,
        )
