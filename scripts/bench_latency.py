"""From a finished file to a visible row: rename into a watched tree, poll a read-only connection until it is there.

    python scripts/bench_latency.py [--files 300] [--json]

Every checkpoint arrives as trainers and `save_metadata` leave it: its document first, then the checkpoint by rename
from a temporary name. The floor measured beside it is a bare watchdog observer that inserts the path into SQLite.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from _measure import Report, arguments, median, percentile, serving, workspace
from _trees import EPOCHS, build, checkpoint, saves, sidecar

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

FLOOR = """
import sqlite3, sys, time
from watchdog.events import FileMovedEvent, FileSystemEventHandler
from watchdog.observers import Observer
root, db = sys.argv[1:]
catalog = sqlite3.connect(db, check_same_thread=False, isolation_level=None)
catalog.execute("PRAGMA journal_mode = wal")
catalog.execute("PRAGMA synchronous = normal")
catalog.execute("CREATE TABLE checkpoints (path TEXT PRIMARY KEY, hmean REAL)")
class Insert(FileSystemEventHandler):
    def on_moved(self, event):
        catalog.execute("INSERT INTO checkpoints VALUES (?, 1.0)", (event.dest_path[len(root) + 1:],))
observer = Observer()
observer.schedule(Insert(), root, recursive=True, event_filter=[FileMovedEvent])
observer.start()
print("ready", flush=True)
time.sleep(3600)
"""


@contextlib.contextmanager
def floor(root: Path, db: Path) -> Iterator[None]:
    """Run the bare observer."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FLOOR, str(root), str(db)], stdout=subprocess.PIPE
    ) as child:
        if child.stdout is not None and child.stdout.readline() != b"ready\n":
            raise RuntimeError("the bare observer did not start")
        try:
            yield
        finally:
            child.terminate()


def arrivals(outputs: Path, db: Path, count: int, *, skip: int, pause_s: float) -> list[float]:
    """Rename files in one by one; return for each how many seconds passed until its row could be read."""
    taken = []
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as catalog:
        for saved in list(saves(skip + count))[skip:]:
            directory = outputs / saved.experiment / "checkpoints"
            directory.mkdir(parents=True, exist_ok=True)
            (directory / f"{saved.stem}.metadata.yaml").write_text(sidecar(saved, "2.0"), encoding="utf-8")
            final = directory / f"{saved.stem}.ckpt"
            temporary = final.with_name(final.name + ".tmp")
            temporary.write_bytes(checkpoint(saved.epoch, saved.step))
            time.sleep(pause_s)  # the document's own events are over; only the rename is measured
            began = time.perf_counter()
            os.replace(temporary, final)  # the system call that is measured
            _wait(catalog, final.relative_to(outputs).as_posix(), began)
            taken.append(time.perf_counter() - began)
    return taken


def _wait(catalog: sqlite3.Connection, path: str, began: float) -> None:
    """Poll until the row is there with its score."""
    question = "SELECT 1 FROM checkpoints WHERE path = ? AND hmean IS NOT NULL"
    while catalog.execute(question, (path,)).fetchone() is None:
        if time.perf_counter() - began > 30:
            raise RuntimeError(f"no row for {path} after 30 s")
        time.sleep(0.0005)


def measure(work: Path, options: argparse.Namespace) -> Report:
    """Return the latencies of the daemon and of the floor."""
    outputs, bare = work / "outputs", work / "bare"
    build(outputs, EPOCHS)
    build(bare, EPOCHS)
    report = Report("finished file to visible row", {"files": options.files})
    with serving(outputs, work / "catalog.db"):
        daemon = arrivals(outputs, work / "catalog.db", options.files, skip=EPOCHS, pause_s=options.pause)
    with floor(bare, work / "bare.db"):
        least = arrivals(bare, work / "bare.db", options.files, skip=EPOCHS, pause_s=options.pause)
    report.figures |= {
        "floor, p50 ms": median(least) * 1000,
        "floor, p99 ms": percentile(least, 0.99) * 1000,
        "daemon p50 / floor p50": median(daemon) / median(least),
    }
    report.at_most("rename to row, p50 ms", median(daemon) * 1000, 50)
    report.at_most("rename to row, p99 ms", percentile(daemon, 0.99) * 1000, 300)
    return report


def main() -> None:
    """Measure and print."""
    parser = arguments("Rename to visible row.", checkpoints=EPOCHS)
    parser.add_argument("--files", type=int, default=300, help="default 300")
    parser.add_argument("--pause", type=float, default=0.03, help="seconds between files, default 0.03")
    options = parser.parse_args()
    with workspace(options.work) as work:
        measure(work, options).show(as_json=options.json)


if __name__ == "__main__":
    main()
