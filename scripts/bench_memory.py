"""Resident memory of the daemon and its children: reading headers, quiet, and quiet after somebody saw the page.

    python scripts/bench_memory.py [--checkpoints 100000] [--json]

The tree is indexed with `scan` first. The daemon then comes up, reads in idle time the headers that nobody waits for
(minutes, for 100,000 files) and falls quiet. The page is measured where the extra `ui` is installed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from _measure import COMMAND, Report, arguments, median, run, serving, workspace
from _trees import build

BARE = "import sys, time; print(flush=True); time.sleep(60)"
QUIET_S = 25.0
"""Longer than the daemon keeps children without work, and memory it does not use."""
PATIENCE_S = 1800.0


def resident(pid: int) -> int:
    """Return the resident bytes of a process and everything below it; none where it has ended."""
    own = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                own = int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return own + sum(resident(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """Return the processes that any thread of this one started."""
    found: list[int] = []
    for one in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            found += map(int, one.read_text(encoding="utf-8").split())
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def bare_interpreter() -> int:
    """Return the resident bytes of an interpreter that does nothing."""
    child = subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE)
    with child:
        if child.stdout is not None:
            child.stdout.readline()
        taken = resident(child.pid)
        child.terminate()
    return taken


def unread(db: Path) -> int:
    """Return how many rows still wait for their header."""
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as catalog:
        return int(catalog.execute("SELECT count(*) FROM checkpoints WHERE header_read = 0").fetchone()[0])


def peak_until_quiet(pid: int, db: Path) -> int:
    """Return the most that was resident until every header was read, and wait until that has been a while ago."""
    most, deadline = 0, time.monotonic() + PATIENCE_S
    while unread(db):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{unread(db)} headers are unread after {PATIENCE_S:.0f} s")
        most = max(most, resident(pid))
        time.sleep(1)
    time.sleep(QUIET_S)
    return most


def idle(pid: int, rounds: int) -> tuple[int, float]:
    """Return the median of some looks at the resident bytes a second apart, and the share of a core used meanwhile."""
    began, looks = cpu_s(pid), []
    for _ in range(rounds):
        time.sleep(1)
        looks.append(resident(pid))
    return int(median(looks)), (cpu_s(pid) - began) / rounds


def see_page(db: Path) -> bool:
    """Open the page as a browser would; False where it is not installed."""
    address = db.with_name(db.name + ".log").read_text(encoding="utf-8").partition("url=")[2].split()[0]
    try:
        with urllib.request.urlopen(f"{address}/ui/", timeout=60) as answer:  # noqa: S310  # the daemon just started
            return bool(answer.read())
    except urllib.error.HTTPError:
        return False


def measure(work: Path, count: int, rounds: int) -> Report:
    """Return what the daemon holds."""
    outputs, db = work / "outputs", work / "catalog.db"
    build(outputs, count, document="2.0")
    run([COMMAND, "scan", str(outputs), "--db", str(db)])
    bare = bare_interpreter()
    report = Report("resident memory", {"checkpoints": count, "bare interpreter, MB": bare / 1e6})
    with serving(outputs, db) as daemon:
        busy = peak_until_quiet(daemon.pid, db)
        taken, share = idle(daemon.pid, rounds)
        report.figures["idle CPU, share of one core"] = share
        report.figures["daemon / bare interpreter"] = taken / bare
        report.figures["reading headers, children included, MB"] = busy / 1e6
        report.at_most("idle, MB", taken / 1e6, 100)
        if see_page(db):
            time.sleep(QUIET_S)
            report.at_most("idle after the page was seen, MB", idle(daemon.pid, rounds)[0] / 1e6, 150)
    return report


def main() -> None:
    """Measure and print."""
    options = arguments("Resident memory of the daemon.", checkpoints=100_000).parse_args()
    with workspace(options.work) as work:
        measure(work, options.checkpoints, options.rounds).show(as_json=options.json)


if __name__ == "__main__":
    main()
