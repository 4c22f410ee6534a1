from __future__ import annotations

import subprocess
import sys

import pytest

_FORBIDDEN = ("pickle", "_pickle", "pickletools", "torch", "numpy", "omegaconf", "yaml")


@pytest.mark.parametrize("module", ["pickle.machine", "interpret.plain", "peek"])
def test_no_unpickler_is_ever_imported(module: str) -> None:
    code = f"import sys, ckpt_indexer.readers.{module}; print([name for name in {_FORBIDDEN!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
