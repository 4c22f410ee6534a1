"""A server on this machine that says what it is told to, byte for byte, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

VERSION = {"catalog": "cafe0123", "seq": 1, "as_of": None, "roots": [], "version": "0.1.0", "api": "v1"}


class Asked(NamedTuple):
    """One request."""

    target: str
    headers: dict[str, str]


def answer(body: Any, status: int = 200, *, kind: str = "application/json", **headers: str) -> bytes:
    """Return a whole answer; a body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"content-type": kind, "content-length": str(len(content)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + content


def problem(status: int, name: str, detail: str, **more: Any) -> bytes:
    """Return an answer that carries a problem of ours."""
    document = {"type": f"urn:ckpt-indexer:problem:{name}", "status": status, "detail": detail, **more}
    return answer(document, status, kind="application/problem+json")


class ScriptedServer:
    """Answers each request by `say`; None closes the connection without an answer."""

    def __init__(self, say: Callable[[Asked], bytes | None], *, per_connection: int = 1000) -> None:
        """`per_connection`: so many requests are answered on a connection, then it is closed."""
        self.asked: list[Asked] = []
        self.connections = 0
        self._say = say
        self._per_connection = per_connection
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            for _ in range(self._per_connection):
                first = stream.readline()
                if not first:
                    return
                lines = iter(stream.readline, b"\r\n")
                headers = dict(line.decode().rstrip().lower().split(": ", 1) for line in lines)
                self.asked.append(Asked(first.split()[1].decode(), headers))
                said = self._say(self.asked[-1])
                if said is None:
                    return
                connection.sendall(said)
