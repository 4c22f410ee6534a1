"""Best hmean per backbone through the Python client, while another process commits to the same catalog.

    python scripts/bench_best.py [--rows 100000] [--json]

The baseline is the query people write by hand, on the same file, under the same writer: GROUP BY with max().
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from _measure import Report, arguments, median, percentile, workspace
from _rows import fill

from ckpt_indexer import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITER = str(Path(__file__).with_name("_rows.py"))
BY_HAND = "SELECT backbone, max(hmean), path FROM checkpoints WHERE presence = 'present' GROUP BY backbone"
ASKED = 1000
BY_HAND_ASKED = 20


@contextlib.contextmanager
def writing(catalog: Path, count: int) -> Iterator[list[int]]:
    """Run the writer; on leaving, the list holds how many transactions it committed."""
    committed: list[int] = []
    child = subprocess.Popen([sys.executable, WRITER, str(catalog), str(count)], stdout=subprocess.PIPE, text=True)
    with child:
        if child.stdout is None or child.stdout.readline() != "writing\n":
            raise RuntimeError("the writer did not start")
        try:
            yield committed
        finally:
            child.terminate()
            committed.append(int(child.stdout.read()))


def timed(question: Callable[[], object], times: int) -> list[float]:
    """Return how many seconds each answer took."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        question()
        taken.append(time.perf_counter() - began)
    return taken


def measure(work: Path, count: int, rounds: int) -> Report:
    """Return the latencies; both sides are asked in turns while the writer commits."""
    path = work / "catalog.db"
    fill(path, count)
    ours: list[float] = []
    others: list[float] = []
    with contextlib.closing(connect(path)) as catalog, contextlib.closing(sqlite3.connect(path)) as by_hand:
        groups = len(catalog.best())
        with writing(path, count) as committed:
            for _ in range(rounds):
                ours += timed(catalog.best, ASKED // rounds)
                others += timed(lambda: by_hand.execute(BY_HAND).fetchall(), max(1, BY_HAND_ASKED // rounds))
    report = Report("best per backbone, a writer committing", {"rows": count, "backbones": groups})
    report.figures |= {
        "transactions committed meanwhile": committed[0],
        "GROUP BY by hand, p50 ms": median(others) * 1000,
        "client p99 ms": percentile(ours, 0.99) * 1000,
        "GROUP BY by hand / client, p50": median(others) / median(ours),
    }
    report.at_most("client p50 ms", median(ours) * 1000, 1)
    return report


def main() -> None:
    """Measure and print."""
    options = arguments("Best per backbone while a writer commits.", checkpoints=100_000).parse_args()
    with workspace(options.work) as work:
        measure(work, options.checkpoints, options.rounds).show(as_json=options.json)


if __name__ == "__main__":
    main()
