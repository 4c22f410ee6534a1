"""`doctor` beside a running daemon, beside one that hangs, and on what a person forgot."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.journeys.harness import Daemon, run, write_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


def doctor(database: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    done = run(database, "doctor", "--json")
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_a_running_daemon_is_found_well_and_is_not_disturbed(root: Path, database: Path) -> None:
    write_checkpoint(root / "exp" / "checkpoints" / "epoch=1.ckpt")
    with Daemon(root, database) as daemon:
        daemon.settle()
        code, checks = doctor(database)
        assert (code, checks["daemon.health"]["verdict"]) == (0, "ok")
        assert checks["daemon.health"]["facts"]["pid"] == daemon.process.pid
        assert checks["daemon.watching"]["facts"]["modes"] == {root.name: "events"}
        assert checks["database.integrity"]["verdict"] == "ok"
        assert checks["roots.scanned"]["verdict"] == "ok"
    assert doctor(database)[1]["daemon.health"]["facts"] == {
        "running": False,
        "lock_held": False,
        "pid": daemon.process.pid,
    }


@pytest.mark.prove
def test_a_daemon_that_hangs_is_a_failure(root: Path, database: Path) -> None:
    with Daemon(root, database) as daemon:
        os.kill(daemon.process.pid, signal.SIGSTOP)
        try:
            code, checks = doctor(database)
        finally:
            os.kill(daemon.process.pid, signal.SIGCONT)
    assert (code, checks["daemon.health"]["verdict"]) == (1, "failed")
    assert str(daemon.process.pid) in checks["daemon.health"]["fix"]
