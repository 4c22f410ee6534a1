"""Reading a checkpoint's header against torch.load: 50 MB and 2 GB, 5,000 tensors, ten thousand small files.

    python scripts/bench_header.py [--checkpoints 10000] [--json]

Every torch variant runs in a process of its own that has torch imported before the clock starts; the header is read as
the daemon reads it, through a pool of limited children. Needs 2.1 GB of disk.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from _measure import Report, arguments, median, workspace
from _trees import build

from ckpt_indexer.sandbox.pool import Pool

if TYPE_CHECKING:
    from pathlib import Path

JOB = "ckpt_indexer.readers.child_jobs:read_header"
MAKE = """
import sys, torch
path, tensors, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
each = max(1, size // 4 // tensors)
weights = {f"model.layer{n // 10}.{n % 10}.weight": torch.empty(each) for n in range(tensors)}
torch.save({"epoch": 3, "global_step": 70, "state_dict": weights, "hyper_parameters": {"lr": 0.1}}, path)
"""
LOAD = """
import sys, time, torch
path, rounds, options = sys.argv[1], int(sys.argv[2]), eval(sys.argv[3])
for _ in range(rounds):
    began = time.perf_counter()
    kept = torch.load(path, **options)
    print(time.perf_counter() - began, flush=True)
    del kept
"""
VARIANTS = {
    "torch.load": "{}",
    "torch.load weights_only=False": "{'weights_only': False}",
    "torch.load mmap": "{'weights_only': True, 'mmap': True}",
    "torch.load mmap meta": "{'weights_only': True, 'mmap': True, 'map_location': 'meta'}",
}
TENSORS = 1440
HEADER_ROUNDS = 40
"""A header takes a hundredth of what torch takes: a median of few is chance on a busy machine."""
MB = 1_000_000


def loaded_ms(path: Path, options: str, rounds: int) -> float:
    """Return what torch takes for one variant, torch's import not counted."""
    command = [sys.executable, "-W", "ignore", "-c", LOAD, str(path), str(rounds), options]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return statistics.median(map(float, printed.split())) * 1e3


def header_ms(pool: Pool, path: Path, rounds: int) -> float:
    """Return what the daemon takes for the header of one file."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = pool.call(JOB, root=str(path.parent), path=path.name, kind="file")
        taken.append(time.perf_counter() - began)
        if answer["facts"].get("epoch") != 3 or answer["problems"]:
            raise AssertionError(f"the header of {path.name} is wrong: {answer['facts']} {answer['problems']}")
    return median(taken) * 1e3


def large_files(work: Path, rounds: int, report: Report) -> None:
    """Compare 50 MB with 2 GB, and the header with each way of torch.load."""
    sizes = {"50 MB": 50 * MB, "2 GB": 2000 * MB}
    taken: dict[str, float] = {}
    with Pool(size=1) as pool:
        for name, size in sizes.items():
            path = work / f"{size}.ckpt"
            subprocess.run([sys.executable, "-c", MAKE, str(path), str(TENSORS), str(size)], check=True)
            header_ms(pool, path, 1)
            taken[name] = header_ms(pool, path, max(rounds, HEADER_ROUNDS))
            report.figures[f"header, {name}, ms"] = taken[name]
            for variant, options in VARIANTS.items():
                taken[f"{variant} {name}"] = loaded_ms(path, options, rounds)
                report.figures[f"{variant}, {name}, ms"] = taken[f"{variant} {name}"]
            path.unlink()
    report.at_most("header, 2 GB / 50 MB", taken["2 GB"] / taken["50 MB"], 2)
    report.at_least("torch.load / header, 2 GB", taken["torch.load 2 GB"] / taken["2 GB"], 100)


def many_tensors(work: Path, rounds: int, report: Report) -> None:
    """Read one file of 5,000 tensors."""
    path = work / "tensors.ckpt"
    subprocess.run([sys.executable, "-c", MAKE, str(path), "5000", str(20 * MB)], check=True)
    with Pool(size=1) as pool:
        header_ms(pool, path, 1)
        report.at_most("header of 5,000 tensors, s", header_ms(pool, path, max(rounds, HEADER_ROUNDS)) / 1e3, 0.5)


def small_files(work: Path, count: int, report: Report) -> None:
    """Read many small files with two children."""
    root = work / "outputs"
    build(root, count, document=None)
    paths = [str(path.relative_to(root)) for path in root.rglob("*.ckpt")]
    with Pool(size=2) as pool, ThreadPoolExecutor(2) as threads:
        began = time.perf_counter()
        for _ in threads.map(lambda path: pool.call(JOB, root=str(root), path=path, kind="file"), paths):
            pass
        taken = time.perf_counter() - began
    report.figures["small checkpoints"] = len(paths)
    report.at_least("small checkpoints per second", len(paths) / taken, 200)


def main() -> None:
    """Measure and print."""
    options = arguments("Headers against torch.load.", checkpoints=10_000).parse_args()
    report = Report("checkpoint header")
    with workspace(options.work) as work:
        large_files(work, options.rounds, report)
        many_tensors(work, options.rounds, report)
        small_files(work, options.checkpoints, report)
    report.show(as_json=options.json)


if __name__ == "__main__":
    main()
