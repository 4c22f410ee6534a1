"""First index of a tree: CPU of `ckpt-indexer scan` into a new database against the way it replaces.

    python scripts/bench_index.py [--checkpoints 10000] [--rounds 3] [--json]

Both sides start their own interpreter and are charged for it and for their children. The tree holds documents of
1.0 as the replaced writer emits them (2 KB, twelve metrics); the same tree with 2.0 documents is scanned as well.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from _measure import COMMAND, Cost, Report, arguments, median, run, workspace
from _trees import build

REPLACED = str(Path(__file__).with_name("_replaced_way.py"))


def scan(outputs: Path, db: Path, expected: int) -> Cost:
    """Scan into a new database; make sure that every row came out whole."""
    cost = run([COMMAND, "scan", str(outputs), "--db", str(db)])
    with closing(sqlite3.connect(db)) as catalog:
        question = "SELECT count(*) FROM checkpoints WHERE read_state = 'ok' AND hmean IS NOT NULL"
        whole = catalog.execute(question).fetchone()[0]
    if whole != expected:
        raise RuntimeError(f"{whole} of {expected} rows are whole")
    return cost


def measure(work: Path, count: int, rounds: int) -> Report:
    """Return the figures; the sides take turns so that a busy moment hits both."""
    report = Report("first index", {"checkpoints": count})
    trees = {version: work / f"outputs-{version}" for version in ("1.0", "2.0")}
    for version, outputs in trees.items():
        build(outputs, count, document=version)
    costs: dict[str, list[Cost]] = {"replaced": [], "1.0": [], "2.0": []}
    for turn in range(rounds):
        costs["replaced"].append(run([sys.executable, REPLACED, str(trees["1.0"])]))
        for version, outputs in trees.items():
            costs[version].append(scan(outputs, work / f"catalog-{version}-{turn}.db", count))
    cpu = {name: median([cost.cpu_s for cost in taken]) for name, taken in costs.items()}
    report.figures |= {
        "replaced way, CPU us per checkpoint": cpu["replaced"] / count * 1e6,
        "scan, documents 1.0, CPU us per checkpoint": cpu["1.0"] / count * 1e6,
        "scan, documents 2.0, CPU us per checkpoint": cpu["2.0"] / count * 1e6,
        "scan, documents 1.0, wall s": median([cost.wall_s for cost in costs["1.0"]]),
        "scan, peak resident MB": max(cost.peak_rss_bytes for cost in costs["1.0"]) / 1e6,
    }
    report.at_least("replaced / scan (1.0), CPU", cpu["replaced"] / cpu["1.0"], 5)
    report.at_least("replaced / scan (2.0), CPU", cpu["replaced"] / cpu["2.0"], 5)
    return report


def main() -> None:
    """Measure and print."""
    options = arguments("First index against the replaced way.", checkpoints=10_000, rounds=3).parse_args()
    with workspace(options.work) as work:
        measure(work, options.checkpoints, options.rounds).show(as_json=options.json)


if __name__ == "__main__":
    main()
