"""Resident memory of the idle daemon, with everything it keeps running, against a bare interpreter.

    python scripts/bench_memory.py [--checkpoints 100000] [--json]

The tree is indexed with `scan` first, so that what is measured is a daemon that came up, reconciled and fell quiet.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from _measure import COMMAND, Report, arguments, median, run, serving, workspace
from _trees import build

BARE = "import sys, time; print(flush=True); time.sleep(60)"
QUIET_S = 5.0


def resident(pid: int) -> int:
    """Return the resident bytes of a process and everything below it."""
    own = 0
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            own = int(line.split()[1]) * 1024
    return own + sum(resident(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """Return the processes that any thread of this one started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for one in lists for child in one.read_text(encoding="utf-8").split()]


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


def measure(work: Path, count: int, rounds: int) -> Report:
    """Return what the idle daemon holds, the median of some looks a second apart."""
    outputs, db = work / "outputs", work / "catalog.db"
    build(outputs, count, document="2.0")
    run([COMMAND, "scan", str(outputs), "--db", str(db)])
    with serving(outputs, db) as daemon:
        time.sleep(QUIET_S)
        began, looks = cpu_s(daemon.pid), []
        for _ in range(rounds):
            time.sleep(1)
            looks.append(resident(daemon.pid))
        idle = (cpu_s(daemon.pid) - began) / rounds
    taken = median(looks)
    bare = bare_interpreter()
    report = Report("idle daemon", {"checkpoints": count, "bare interpreter, MB": bare / 1e6})
    report.figures["idle CPU, share of one core"] = idle
    report.figures["daemon / bare interpreter"] = taken / bare
    report.at_most("resident, MB", taken / 1e6, 100)
    return report


def main() -> None:
    """Measure and print."""
    options = arguments("Resident memory of the idle daemon.", checkpoints=100_000).parse_args()
    with workspace(options.work) as work:
        measure(work, options.checkpoints, options.rounds).show(as_json=options.json)


if __name__ == "__main__":
    main()
