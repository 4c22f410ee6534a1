"""Restart with nothing changed: wall time of a second `scan` against `find` printing size and mtime.

    python scripts/bench_restart.py [--checkpoints 100000] [--rounds 5] [--json]

Interpreter start and imports are measured (a fresh interpreter that imports exactly the modules the scan held at its
end) and subtracted; `find` is not charged for its start, which is a millisecond. Every checkpoint has a document
beside it, so `find` prints, and the scan looks at, twice as many files.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from _measure import COMMAND, Report, arguments, median, run, workspace
from _trees import build

if TYPE_CHECKING:
    from pathlib import Path

SCAN_AND_LIST = """
import sys
sys.argv = ["ckpt-indexer", "scan", sys.argv[1], "--db", sys.argv[2]]
from ckpt_indexer.cli.main import run
try:
    run()
except SystemExit:
    pass
print("modules", *sys.modules)
"""
IMPORT = """
import importlib, sys
for name in sys.argv[1].split():
    if name not in ("__main__", "__mp_main__"):
        try:
            importlib.import_module(name)
        except ImportError:
            pass
"""


def modules_of_a_scan(outputs: Path, db: Path) -> str:
    """Return the names of the modules that a scan has imported, parted by blanks."""
    command = [sys.executable, "-c", SCAN_AND_LIST, str(outputs), str(db)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return said.stdout.splitlines()[-1].removeprefix("modules ")


def measure(work: Path, count: int, rounds: int, *, document: str | None) -> Report:
    """Return the figures; the three programs take turns."""
    outputs, db = work / "outputs", work / "catalog.db"
    build(outputs, count, document=document)
    first = run([COMMAND, "scan", str(outputs), "--db", str(db)])
    modules = modules_of_a_scan(outputs, db)
    programs = {
        "find": ["find", str(outputs), "-type", "f", "-printf", r"%s %T@ %p\n"],
        "start": [sys.executable, "-c", IMPORT, modules],
        "scan": [COMMAND, "scan", str(outputs), "--db", str(db)],
    }
    walls: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, command in programs.items():
            walls[name].append(run(command).wall_s)
    wall = {name: median(taken) for name, taken in walls.items()}
    report = Report("restart, nothing changed", {"checkpoints": count, "documents": document or "none"})
    report.figures |= {
        "first scan, wall s": first.wall_s,
        "first scan, CPU us per checkpoint": first.cpu_s / count * 1e6,
        "second scan, wall s": wall["scan"],
        "interpreter start and imports, s": wall["start"],
        "find with size and mtime, s": wall["find"],
    }
    report.at_most("(second scan - start) / find, wall", (wall["scan"] - wall["start"]) / wall["find"], 3.5)
    return report


def main() -> None:
    """Measure and print."""
    parser = arguments("A scan that finds nothing new.", checkpoints=100_000)
    parser.add_argument("--documents", choices=["1.0", "2.0", "none"], default="2.0", help="default 2.0")
    options = parser.parse_args()
    version = None if options.documents == "none" else options.documents
    with workspace(options.work) as work:
        report = measure(work, options.checkpoints, options.rounds, document=version)
        report.show(as_json=options.json)


if __name__ == "__main__":
    main()
