"""What the replaced package promised of time and memory, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.compat.catalog_files import metadata

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import resource, sys, time
import ckpt_indexer.compat.catalog
from ckpt_indexer.compat import build_catalog, load_metadata
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
catalog = build_catalog(sys.argv[1])
seconds = time.perf_counter() - started
path = catalog.entries[0].checkpoint_path
started = time.perf_counter()
for _ in range(50):
    load_metadata(path)
each = (time.perf_counter() - started) / 50
print(catalog.metadata_available_count, seconds, each, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.prove
@pytest.mark.parametrize(("count", "limit_s"), [(100, 1.0), (5_000, 5.0)])
def test_a_catalog_is_built_in_time_and_memory(outputs: Path, count: int, limit_s: float) -> None:
    document = metadata().model_dump(mode="json", exclude_none=True)
    document["metrics"]["additional_metrics"] = {f"val/metric_{number}": number / 12 for number in range(12)}
    text = yaml.safe_dump(document, sort_keys=False).replace("exp/checkpoints/best.ckpt", "PATH")
    for number in range(count):
        directory = outputs / f"exp{number // 20}" / "checkpoints"
        directory.mkdir(parents=True, exist_ok=True)
        checkpoint = directory / f"epoch={number % 20}.ckpt"
        checkpoint.touch()
        checkpoint.with_suffix(".metadata.yaml").write_text(text.replace("PATH", checkpoint.name), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(outputs)], capture_output=True, text=True, check=True)
    found, seconds, each, kib = done.stdout.split()
    assert int(found) == count
    assert float(seconds) < limit_s
    assert float(each) < 0.05
    assert int(kib) < 100 << 10
