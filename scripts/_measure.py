"""What every benchmark needs: the cost of a child process, percentiles, one way to print and compare.

A benchmark compares two things in one run on one machine; the ratio is the result, the seconds are not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMAND = str(Path(sys.executable).with_name("ckpt-indexer"))
"""The installed command of the interpreter that runs the benchmark."""


class Cost(NamedTuple):
    """What a child process and everything it started took."""

    cpu_s: float
    wall_s: float
    peak_rss_bytes: int


def run(command: Sequence[str], *, ok: tuple[int, ...] = (0,)) -> Cost:
    """Run a program to its end with its output thrown away; return its cost. Raises RuntimeError when it fails."""
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in ok:
            errors.seek(0)
            said = errors.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}: {said}")
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss * 1024)


@contextlib.contextmanager
def serving(root: Path, db: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon on one root; yield when it says that it serves, end it with SIGTERM."""
    log = db.with_name(db.name + ".log")
    with log.open("wb") as stream:
        command = [COMMAND, "serve", str(root), "--db", str(db), "--port", "0"]
        child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 600
        while b"\nserving " not in b"\n" + log.read_bytes():
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the daemon does not serve: {log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield child
    finally:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(30)
        child.kill()
        child.wait()


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1))]


median = statistics.median


@dataclass(slots=True)
class Report:
    """The figures of one benchmark, and how each ratio compares with its budget."""

    name: str
    figures: dict[str, float | int | str] = field(default_factory=dict)
    ratios: dict[str, dict[str, float | bool | str]] = field(default_factory=dict)

    def at_least(self, what: str, value: float, budget: float) -> None:
        """Keep a ratio that must not fall below its budget."""
        self.ratios[what] = {"value": round(value, 3), "budget": f">= {budget:g}", "holds": value >= budget}

    def at_most(self, what: str, value: float, budget: float) -> None:
        """Keep a figure that must not exceed its budget."""
        self.ratios[what] = {"value": round(value, 3), "budget": f"<= {budget:g}", "holds": value <= budget}

    def show(self, *, as_json: bool) -> None:
        """Print the report: one JSON object per line, or lines for people."""
        if as_json:
            figures = {key: _rounded(value) for key, value in self.figures.items()}
            print(json.dumps({"bench": self.name, "figures": figures, "ratios": self.ratios}), flush=True)
            return
        print(f"\n{self.name}")
        for key, value in self.figures.items():
            print(f"  {key:<52} {_rounded(value)!s:>12}")
        for key, ratio in self.ratios.items():
            mark = "ok" if ratio["holds"] else "MISSED"
            print(f"  {key:<52} {ratio['value']!s:>12}  {ratio['budget']} {mark}", flush=True)


def _rounded(value: float | str) -> float | str:
    return round(value, 3) if isinstance(value, float) else value


def arguments(what: str, *, checkpoints: int, rounds: int = 5) -> argparse.ArgumentParser:
    """Return the options every benchmark takes."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--checkpoints", "--rows", type=int, default=checkpoints, help=f"default {checkpoints}")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    parser.add_argument("--work", type=Path, help="directory to build in (default: a temporary one)")
    return parser


@contextlib.contextmanager
def workspace(wanted: Path | None) -> Iterator[Path]:
    """Yield an empty directory that is removed afterwards."""
    base = None if wanted is None else str(wanted)
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="ckpt-bench-", dir=base))
    try:
        yield made
    finally:
        shutil.rmtree(made)
