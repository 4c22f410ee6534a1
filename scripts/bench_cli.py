"""How long the command line takes to start, as ratios to a bare interpreter start measured in the same run.

Rounds alternate, so that whatever else the machine does hits every command alike; medians are compared.

    python scripts/bench_cli.py [--rounds 20] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = "python -c pass"
BUDGETS = {"ckpt-indexer --version": 8.0, "ckpt-indexer best": 12.0}
"""DESIGN 12: at most so many times a bare start."""
SIDECAR = """\
schema_version: '2.0'
file: {{name: {name}}}
model: {{encoder: {{model_name: {backbone}}}}}
metrics: {{hmean: {hmean}}}
"""
BACKBONES = ("resnet18", "resnet50", "mobilenetv3_large_100")


def commands(database: Path) -> dict[str, list[str]]:
    """Return what is measured: a name and a command line each."""
    program = [sys.executable, "-m", "ckpt_indexer"]
    at = ["--db", str(database)]
    return {
        BARE: [sys.executable, "-c", "pass"],
        "import click": [sys.executable, "-c", "import click"],
        "ckpt-indexer --version": [*program, "--version"],
        "ckpt-indexer --help": [*program, "--help"],
        "ckpt-indexer best": [*program, "best", *at],
        "ckpt-indexer best --json -q": [*program, "best", "--json", "-q", *at],
        "ckpt-indexer ls": [*program, "ls", *at],
    }


def build(place: Path) -> Path:
    """Make a small catalog to ask, and return its database."""
    tree, database = place / "outputs", place / "catalog.db"
    tree.mkdir()
    for number in range(300):
        name, backbone = f"epoch={number}.ckpt", BACKBONES[number % 3]
        (tree / name).write_bytes(b"not a checkpoint")
        sidecar = SIDECAR.format(name=json.dumps(name), backbone=backbone, hmean=number / 1000)
        (tree / f"epoch={number}.metadata.yaml").write_text(sidecar, encoding="utf-8")
    scan = [sys.executable, "-m", "ckpt_indexer", "scan", str(tree), "--db", str(database), "-q"]
    subprocess.run(scan, check=True, stdout=subprocess.DEVNULL, env=environment(place))
    return database


def environment(place: Path) -> dict[str, str]:
    """Return an environment in which nobody's own settings count."""
    own = {"XDG_CONFIG_HOME": str(place), "XDG_DATA_HOME": str(place)}
    return {key: value for key, value in os.environ.items() if not key.startswith("CKPT_INDEXER_")} | own


def measure(lines: dict[str, list[str]], place: Path, rounds: int) -> dict[str, float]:
    """Return the median wall time of each command in seconds."""
    times: dict[str, list[float]] = {name: [] for name in lines}
    for turn in range(rounds + 1):
        for name, line in lines.items():
            started = time.perf_counter()
            subprocess.run(line, check=True, cwd=place, env=environment(place), capture_output=True)
            if turn:  # the first round fills caches
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def main() -> int:
    """Measure, print, and return 1 when a budget is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-cli-") as made:
        place = Path(made)
        taken = measure(commands(build(place)), place, options.rounds)
    ratios = {name: seconds / taken[BARE] for name, seconds in taken.items()}
    if options.json:
        rows = {name: {"ms": taken[name] * 1000, "ratio": ratios[name], "budget": BUDGETS.get(name)} for name in taken}
        print(json.dumps({"bench": "cli", "rounds": options.rounds, "results": rows}))
    else:
        print(f"command line start-up, medians of {options.rounds} alternating rounds")
        for name, seconds in taken.items():
            budget = f"  (budget {BUDGETS[name]:.0f}x)" if name in BUDGETS else ""
            print(f"  {name:<28} {seconds * 1000:7.1f} ms {ratios[name]:6.2f}x{budget}")
    return int(any(ratios[name] > limit for name, limit in BUDGETS.items()))


if __name__ == "__main__":
    sys.exit(main())
