"""What `ckpt_indexer.record` costs a training loop: its import beyond a bare interpreter, first and later calls.

Rounds alternate, so that whatever else the machine does hits both alike; medians are compared.

    python scripts/bench_record.py [--rounds 30] [--json]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _measure import Report

PLACE = str(Path(__file__).resolve().parents[1])
START = f"import sys; sys.path.insert(0, {PLACE!r})"
CALL = (
    "record(path, metrics={'val/hmean': 0.5, 'val/loss': 0.25}, epoch=1, step=100, monitor='val/hmean', mode='max',"
    " model={'architecture': 'dbnet', 'encoder': 'resnet18'}, config={'lr': 0.1, 'optimizer': {'name': 'adamw'}})"
)
TIMED = f"""{START}
import time
from ckpt_indexer import record
path = sys.argv[1]
taken = []
for _ in range(int(sys.argv[2])):
    began = time.perf_counter()
    {CALL}
    taken.append(time.perf_counter() - began)
print(*taken)
"""


def started(code: str) -> float:
    """Return the wall time in seconds of a fresh interpreter that runs the code and ends."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
    return time.perf_counter() - began


def called(path: Path, times: int) -> list[float]:
    """Return the seconds of each call in one fresh interpreter; the first one loads what is needed."""
    command = [sys.executable, "-I", "-c", TIMED, str(path), str(times)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(seconds) for seconds in done.stdout.split()]


def main() -> int:
    """Measure, print, and return 1 when the budget is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    bare, imported = [], []
    for _ in range(options.rounds):
        bare.append(started(START))
        imported.append(started(f"{START}; from ckpt_indexer import record"))
    with tempfile.TemporaryDirectory(prefix="bench-record-") as made:
        checkpoint = Path(made) / "epoch=1.ckpt"
        checkpoint.write_bytes(b"weights")
        calls = [called(checkpoint, 50) for _ in range(5)]
    report = Report("record")
    report.figures["bare interpreter, ms"] = statistics.median(bare) * 1000
    report.figures["first call, ms"] = statistics.median(one[0] for one in calls) * 1000
    report.figures["later call, median ms"] = statistics.median(seconds for one in calls for seconds in one[1:]) * 1000
    beyond_ms = (statistics.median(imported) - statistics.median(bare)) * 1000
    report.at_most("import beyond a bare interpreter, ms", beyond_ms, 30)
    report.show(as_json=options.json)
    return int(beyond_ms > 30)


if __name__ == "__main__":
    sys.exit(main())
