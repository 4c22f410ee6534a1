"""Best hmean per backbone as a UI process asks for it: from the catalog's file, and from a daemon over HTTP.

    python scripts/bench_client.py [--rows 100000] [--json]

The daemon's process commits twenty times a second meanwhile. Beside HTTP stands what a bare request costs: the smallest
question a daemon takes, with nothing decoded, on a connection that stays open.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from typing import TYPE_CHECKING

from _measure import Report, arguments, median, percentile, workspace
from _rows import fill
from bench_api import serving

from ckpt_indexer import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ASKED = 2000


def timed(question: Callable[[], object], times: int) -> list[float]:
    """Return how many seconds each answer took."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        question()
        taken.append(time.perf_counter() - began)
    return taken


def one_request(connection: http.client.HTTPConnection) -> bytes:
    """Return the answer to the smallest question a daemon takes."""
    connection.request("GET", "/api/v1/version")
    return connection.getresponse().read()


def measure(work: Path, count: int, rounds: int) -> Report:
    """Return the latencies of both clients, asked in turns."""
    path = work / "catalog.db"
    fill(path, count)
    taken: dict[str, list[float]] = {"file": [], "http": [], "new": [], "request": [], "version": []}
    with contextlib.ExitStack() as stack:
        port, _ = stack.enter_context(serving("ours", path, count))
        local = stack.enter_context(contextlib.closing(connect(path)))
        remote = stack.enter_context(contextlib.closing(connect(f"http://127.0.0.1:{port}")))
        plain = stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)))
        groups = len(remote.best())
        asked = ASKED // rounds
        places = iter(range(10**9))
        for _ in range(rounds):
            taken["file"] += timed(local.best, asked)
            taken["http"] += timed(remote.best, asked)
            taken["new"] += timed(lambda: remote.best(k=1 + next(places) % 900, by="none"), asked // 10)
            taken["version"] += timed(remote.version, asked)
            taken["request"] += timed(lambda: one_request(plain), asked)
    report = Report("best per backbone, as a UI process asks", {"rows": count, "backbones": groups})
    report.figures |= {
        "file, p99 ms": percentile(taken["file"], 0.99) * 1000,
        "HTTP, p99 ms": percentile(taken["http"], 0.99) * 1000,
        "HTTP, version(), p50 ms": median(taken["version"]) * 1000,
        "HTTP, up to 900 rows never asked for before, p50 ms": median(taken["new"]) * 1000,
        "a bare request, p50 ms": median(taken["request"]) * 1000,
        "HTTP / a bare request, p50": median(taken["http"]) / median(taken["request"]),
    }
    report.at_most("file, p50 ms", median(taken["file"]) * 1000, 0.3)
    report.at_most("HTTP, p50 ms", median(taken["http"]) * 1000, 2)
    return report


def main() -> None:
    """Measure and print."""
    options = arguments("Best per backbone, as a UI process asks.", checkpoints=100_000).parse_args()
    with workspace(options.work) as work:
        measure(work, options.checkpoints, options.rounds).show(as_json=options.json)


if __name__ == "__main__":
    main()
