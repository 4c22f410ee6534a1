from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.sandbox.limits import Limits
from ckpt_indexer.tools.doctor import Verdict
from ckpt_indexer.tools.doctor_child import EXPECTED, ChildSeen, judge, limits_here, try_child

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = {name: getattr(Limits(), name) for name in ("memory_bytes", "file_size", "open_files", "core")}
GOOD = ChildSeen(LIMITS, {**EXPECTED, "format": "torch_zip", "torch": False}, 0.2)


def test_a_real_child_reads_a_real_checkpoint_under_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = try_child()
    assert seen.limits == LIMITS
    assert {name: seen.facts[name] for name in EXPECTED} == EXPECTED
    assert seen.facts["torch"] is False
    assert judge(seen).verdict is Verdict.OK
    assert os.listdir(tmp_path) == []


def test_no_place_for_the_test_file_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    check = judge(try_child())
    assert (check.verdict, "TMPDIR" in check.message) == ("skipped", True)


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        (GOOD, "ok", "in 0.20 s"),
        (GOOD._replace(seconds=9.0), "warning", "9.00 s"),
        (GOOD._replace(error="it died"), "failed", "it died"),
        (GOOD._replace(limits={**LIMITS, "memory_bytes": -1}), "failed", "without its limits: memory_bytes"),
        (GOOD._replace(limits={**LIMITS, "open_files": 1024}), "failed", "open_files"),
        (GOOD._replace(limits={}), "failed", "memory_bytes, file_size"),
        (GOOD._replace(limits={**LIMITS, "memory_bytes": 1 << 20}), "ok", "started"),
        (GOOD._replace(facts={"epoch": 4}), "failed", "misread"),
        (GOOD._replace(facts={**GOOD.facts, "torch": True}), "failed", "loaded torch"),
    ],
)
def test_verdicts(seen: ChildSeen, verdict: str, words: str) -> None:
    check = judge(seen)
    assert (check.verdict, words in check.message) == (verdict, True)


def test_limits_are_those_of_the_process_that_asks() -> None:
    assert set(limits_here()["limits"]) == set(LIMITS)
