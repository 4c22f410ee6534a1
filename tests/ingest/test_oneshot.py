from __future__ import annotations

import itertools
import os
import struct
from typing import TYPE_CHECKING

from ckpt_indexer.app.build import open_indexer
from ckpt_indexer.ingest.clock import Clock
from ckpt_indexer.ingest.inbox import Inbox
from ckpt_indexer.ingest.oneshot import PATIENCE_S, Patience, run_scan
from ckpt_indexer.ingest.targets import targets_of
from ckpt_indexer.settings import load

if TYPE_CHECKING:
    from pathlib import Path


def test_patience_ends_when_nothing_gets_done() -> None:
    patience = Patience()
    assert not patience.is_over(2, 0.0)
    assert not patience.is_over(2, PATIENCE_S)
    assert patience.is_over(3, PATIENCE_S + 1)


def test_patience_lasts_as_long_as_files_get_done() -> None:
    patience = Patience()
    assert [patience.is_over(waiting, PATIENCE_S * (10 - waiting)) for waiting in range(10, 0, -1)] == [False] * 10
    assert not patience.is_over(5, PATIENCE_S * 9.5)
    assert patience.is_over(5, PATIENCE_S * 11), "that more came is no progress"


def test_a_scan_waits_for_all_readings_however_long_they_take_together(tmp_path: Path) -> None:
    root = tmp_path / "outputs"
    root.mkdir()
    for number in range(60):
        (root / f"{number}.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    settings = load(config=None, flags={"catalog.db": os.fspath(tmp_path / "c.db")}, environ={}, cwd=tmp_path)
    indexer = open_indexer(settings, Inbox())
    waited = [0]

    def monotonic() -> float:
        """Let each reading take almost all the patience there is."""
        waited.append(indexer.intake.waiting)
        return 0.9 * PATIENCE_S * sum(later < earlier for earlier, later in itertools.pairwise(waited))

    try:
        targets = targets_of(indexer, [os.fsencode(root)], {})
        summary = run_scan(indexer, targets, full=False, clock=Clock(monotonic))
    finally:
        indexer.close()
    assert (summary.added, summary.pending) == (60, 0)
