from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.sandbox.interpreter import interpreter

if TYPE_CHECKING:
    from pathlib import Path


def test_the_interpreter_is_the_one_that_runs() -> None:
    assert interpreter() == sys.executable


@pytest.mark.parametrize("place", ["gone/python", "", None])
def test_where_its_path_leads_nowhere_the_file_itself_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / place) if place else place)
    code = "import os; print(os.readlink('/proc/self/exe'))"
    done = subprocess.run(["python", "-I", "-S", "-c", code], executable=interpreter(), capture_output=True, check=True)
    assert os.fsdecode(done.stdout.strip()) == os.path.realpath("/proc/self/exe")
