"""Best hmean per backbone over HTTP, 16 clients, while the serving process itself commits to the catalog.

    python scripts/bench_api.py [--rows 100000] [--json]

The other side is the handler a tutorial builds (FastAPI, a SQLAlchemy session per request, `response_model`), with the
same rows, the same clients and the same writer; `loose` gives it our query instead of a window function.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from _measure import Report, arguments, median, percentile, workspace
from _rows import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = str(Path(__file__).with_name("_api_server.py"))
CLIENTS = 16
SECONDS = 4.0
REQUEST = b"GET /api/v1/best HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@contextlib.contextmanager
def serving(kind: str, catalog: Path, count: int) -> Iterator[tuple[int, list[int]]]:
    """Run a server; yield its port, and a list that holds how often was committed after leaving."""
    child = subprocess.Popen(
        [sys.executable, SERVER, kind, str(catalog), str(count)], stdout=subprocess.PIPE, text=True
    )
    committed: list[int] = []
    with child:
        if child.stdout is None:
            raise RuntimeError("stdout is a pipe")
        port = int(child.stdout.readline())
        try:
            yield port, committed
        finally:
            child.terminate()
            committed.append(int(child.stdout.read() or 0))


class Client:
    """One keep-alive connection that asks again as soon as it has its answer."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._got = bytearray()
        self._length = 0
        self._asked_at = 0.0
        self.taken: list[float] = []

    def ask(self) -> None:
        """Send the question."""
        self._asked_at = time.perf_counter()
        self.connection.sendall(REQUEST)

    def take(self) -> None:
        """Take what came; when the answer is whole, note its time and ask again."""
        piece = self.connection.recv(1 << 20)
        if not piece:
            raise RuntimeError("the server closed the connection")
        self._got += piece
        if not self._length:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._got[:end]).lower()
            if not head.startswith(b"http/1.1 200"):
                raise RuntimeError(head.decode())
            self._length = end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r")[0])
        if len(self._got) >= self._length:
            self.taken.append(time.perf_counter() - self._asked_at)
            self._got.clear()
            self._length = 0
            self.ask()


def load(port: int, clients: int, seconds: float) -> tuple[float, list[float]]:
    """Return (answers per second, seconds of each answer) of so many clients that never pause."""
    asking = [Client(port) for _ in range(clients)]
    with selectors.DefaultSelector() as selector:
        for one in asking:
            selector.register(one.connection, selectors.EVENT_READ, one)
            one.ask()
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            for key, _ in selector.select(1):
                key.data.take()
        spent = time.perf_counter() - began
    for one in asking:
        one.connection.close()
    taken = [value for one in asking for value in one.taken]
    return len(taken) / spent, taken


def measure(work: Path, count: int, rounds: int) -> Report:
    """Return requests per second and latencies of each side, asked in turns."""
    path = work / "catalog.db"
    fill(path, count)
    rates: dict[str, list[float]] = {"ours": [], "textbook": [], "loose": []}
    waits: dict[str, list[float]] = {kind: [] for kind in rates}
    commits = dict.fromkeys(rates, 0)
    for _ in range(rounds):
        for kind, measured in rates.items():
            with serving(kind, path, count) as (port, committed):
                load(port, 2, 0.5)
                rate, taken = load(port, CLIENTS, SECONDS)
            measured.append(rate)
            waits[kind] += taken
            commits[kind] += committed[0]
    report = Report("best per backbone over HTTP, indexing going on", {"rows": count, "clients": CLIENTS})
    for kind, measured in rates.items():
        report.figures[f"{kind}, requests/s"] = median(measured)
        report.figures[f"{kind}, p50 ms"] = median(waits[kind]) * 1000
        report.figures[f"{kind}, p99 ms"] = percentile(waits[kind], 0.99) * 1000
        report.figures[f"{kind}, transactions meanwhile"] = commits[kind]
    for kind in ("textbook", "loose"):
        report.at_least(f"requests/s against {kind}", median(rates["ours"]) / median(rates[kind]), 4)
        ratio = percentile(waits["ours"], 0.99) / percentile(waits[kind], 0.99)
        report.at_most(f"p99 against {kind}", ratio, 1 / 3)
    return report


def main() -> None:
    """Measure and print."""
    options = arguments("Best per backbone over HTTP while rows are written.", checkpoints=100_000, rounds=3)
    chosen = options.parse_args()
    with workspace(chosen.work) as work:
        measure(work, chosen.checkpoints, chosen.rounds).show(as_json=chosen.json)


if __name__ == "__main__":
    main()
