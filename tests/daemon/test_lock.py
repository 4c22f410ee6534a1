from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.daemon.lock import CatalogLock, holder, lock_path
from ckpt_indexer.errors import AlreadyRunning

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from ckpt_indexer.daemon.lock import CatalogLock
lock = CatalogLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    database = tmp_path / "catalog.db"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning) as refused:
            CatalogLock(database)
    finally:
        child.communicate(timeout=10)

    assert refused.value.details["pid"] == child.pid
    assert str(child.pid) in refused.value.message


def test_a_file_left_by_a_killed_holder_does_not_block(tmp_path: Path) -> None:
    database = tmp_path / "catalog.db"
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(database)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    child.kill()
    child.communicate(timeout=10)

    with CatalogLock(database):
        assert holder(database) == os.getpid()


def test_the_lock_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with CatalogLock(tmp_path / "catalog.db"):
        assert lock_path(tmp_path / "catalog.db").stat().st_mode & 0o777 == 0o600


def test_nobody_holds_a_catalog_without_a_lock_file(tmp_path: Path) -> None:
    assert holder(tmp_path / "catalog.db") is None
