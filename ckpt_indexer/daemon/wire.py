"""The daemon's Unix socket: one JSON object per line, both ways. Contains no decisions.

A request is `{"op": NAME, ...}`; the answer any number of `{"progress": ...}` lines, then `{"result": ...}` or
`{"error": {"type": ..., "message": ...}}`. The socket has mode 0600: whoever may write the database may ask.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

from ckpt_indexer import errors
from ckpt_indexer.errors import CkptIndexerError, DaemonError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

MAX_LINE = 1024 * 1024
IDLE_S = 30.0

Answer = dict[str, Any]  # JSON object; its keys depend on the operation


def socket_path(database: Path) -> Path:
    """Return the socket of a database's daemon."""
    return database.with_name(database.name + ".sock")


@contextlib.contextmanager
def _short_address(path: Path) -> Iterator[str]:
    """Yield an address for a socket path of any length: the kernel takes 107 bytes, so go through the directory."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def dial(database: Path, *, timeout_s: float = 5.0) -> socket.socket | None:
    """Return a connection to the daemon of this database; None when there is none."""
    path = socket_path(database)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        with _short_address(path) as address:
            connection.connect(address)
    except OSError:
        connection.close()
        return None
    return connection


def ask(
    database: Path, request: Answer, *, progress: Callable[[Answer], None] | None = None, timeout_s: float = 30.0
) -> Answer | None:
    """Send one request and return its result; None when no daemon listens.

    Raises:
        CkptIndexerError: the daemon's own error, as the type it was there.
        DaemonError: the daemon went away before it answered.
    """
    connection = dial(database)
    if connection is None:
        return None
    with connection, connection.makefile("rb") as stream:  # unbuffered writes: nothing is left to fail in close()
        connection.settimeout(timeout_s)
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            for line in stream:
                answer = json.loads(line)
                if "progress" in answer:
                    if progress is not None:
                        progress(answer["progress"])
                    continue
                if "error" in answer:
                    raise _revive(answer["error"])
                result: Answer = answer["result"]
                return result
        except (OSError, ValueError) as error:
            raise DaemonError(f"the daemon did not answer: {error}", path=str(database)) from error
    raise DaemonError("the daemon ended before it answered", path=str(database))


def _revive(error: Answer) -> CkptIndexerError:
    kind = getattr(errors, str(error.get("type")), CkptIndexerError)
    if not (isinstance(kind, type) and issubclass(kind, CkptIndexerError)):
        kind = CkptIndexerError
    return kind(str(error.get("message")))


class Server:
    """Listens on the database's socket; every connection has a thread of its own and may ask several things."""

    def __init__(self, database: Path, handle: Callable[[Answer, Callable[[Answer], None]], Answer]) -> None:
        self._path = socket_path(database)
        self._handle = handle
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with _short_address(self._path) as address:
                self._listener.bind(address)
        finally:
            os.umask(before)
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._accept, name="socket", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and remove the socket. Running requests end with the process."""
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=1.0)

    def is_alive(self) -> bool:
        """Tell whether the listening thread runs."""
        return self._thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name="request", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(IDLE_S)
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rwb") as stream:
            while line := stream.readline(MAX_LINE):

                def send(answer: Answer) -> None:
                    stream.write(json.dumps(answer).encode() + b"\n")
                    stream.flush()

                send(self._answer(line, send))

    def _answer(self, line: bytes, send: Callable[[Answer], None]) -> Answer:
        try:
            request = json.loads(line)
            if not isinstance(request, dict) or not isinstance(request.get("op"), str):
                raise DaemonError("a request is a JSON object with a text `op`")
            return {"result": self._handle(request, lambda answer: send({"progress": answer}))}
        except CkptIndexerError as error:
            return {"error": {"type": type(error).__name__, "message": error.message}}
        except ValueError as error:
            return {"error": {"type": "DaemonError", "message": f"a request is one JSON object per line: {error}"}}
