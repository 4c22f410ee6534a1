from __future__ import annotations

from ckpt_indexer.cli.progress import PAUSE_S, Lines, described
from ckpt_indexer.ingest.summary import ScanProgress


def test_a_line_per_phase_and_then_one_in_a_while() -> None:
    said: list[str] = []
    now = [100.0]
    lines = Lines(said.append, lambda: now[0])
    for done in range(1000):
        lines(ScanProgress("walking", "/o", 1000, done, 0))
    assert said == ["walking /o: 0 of 1,000 checkpoints"]
    now[0] += PAUSE_S
    lines(ScanProgress("walking", "/o", 1000, 1000, 0))
    lines(ScanProgress("settling", "/o", 1000, 1000, 3))
    assert said[1:] == ["walking /o: 1,000 of 1,000 checkpoints", "settling /o: 1,000 of 1,000 checkpoints, 3 pending"]


def test_names_are_escaped() -> None:
    assert described(ScanProgress("walking", "/o\x1b\u202e", 1, 0, 0)) == "walking /o\\x1b\\u202e: 0 of 1 checkpoint"
