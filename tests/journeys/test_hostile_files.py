"""A tree full of files that mean harm: nothing runs, nothing hangs, and the good ones between them are right."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.errors import ReaderError
from ckpt_indexer.readers.asking import ChildReader
from ckpt_indexer.readers.torch_load import LIMITS as TORCH_LIMITS
from ckpt_indexer.sandbox.pool import Pool
from tests.journeys import real_trees
from tests.journeys.harness import Daemon, eventually, picture, problems, rows, run
from tests.journeys.hostile_files import Tree, build

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_S = 10.0
MOST_BYTES = 1 << 30
NEVER_TOLD = {"entries/directory.ckpt"}
"""An unmarked directory is walked like any other."""


def told(database: Path) -> dict[str, set[str]]:
    """Return path -> kinds of its problems."""
    found: dict[str, set[str]] = {}
    for path, kind, _ in problems(database):
        found.setdefault(path, set()).add(kind)
    return found


def check(tree: Tree, database: Path, canary: Path) -> None:
    """Assert what must hold of a catalog of the tree."""
    assert not canary.exists(), "something ran"
    found = {row["path"]: row for row in rows(database, "path, read_state, epoch, nested")}
    reasons = told(database)
    assert [path for path, row in found.items() if row["read_state"] == "pending"] == []
    assert [path for path in tree.hostile if path not in found] == []
    states = {path: found[path]["read_state"] for path in tree.hostile}
    assert [path for path, state in states.items() if state not in {"degraded", "unreadable"}] == []
    assert [path for path in tree.hostile if not reasons.get(path)] == []
    wrong = {path: found[path]["epoch"] for path, epoch in tree.good.items() if found[path]["epoch"] != epoch}
    assert wrong == {}
    degraded = [path for path in tree.good if found[path]["read_state"] != "ok"]
    assert [path for path in degraded if not reasons.get(path)] == []
    assert [path for path in degraded if not path.startswith("documents/")] == []
    assert [path for path in tree.no_rows if path in found] == []
    assert [path for path in tree.no_rows if path not in NEVER_TOLD and not reasons.get(path)] == []


def scan(root: Path, database: Path, *more: str) -> dict[str, Any]:
    done = run(database, "scan", root, "--json", *more, timeout_s=600)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def test_a_scan_of_hostile_files_ends_with_a_reason_for_each(root: Path, database: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    tree = build(root, canary, scale=2_000, step=2_500, every=9)
    summary = scan(root, database)
    assert (summary["pending"], summary["complete"]) == (0, True)
    check(tree, database, canary)
    before = (picture(database), problems(database))
    again = real_trees.scan(root, database)
    assert (again["added"], again["changed"], again["missing"], again["unchanged"]) == (0, 0, 0, summary["found"])
    assert (picture(database), problems(database)) == before


def test_hostile_files_that_arrive_leave_the_daemon_as_it_was(root: Path, database: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    with Daemon(root, database) as daemon:
        tree = build(root, canary, scale=2_000, step=2_500, every=9)
        eventually(lambda: len(rows(database, "id", "path LIKE '%good.ckpt'")) == 14, timeout_s=30)
        daemon.settle(timeout_s=60)
        eventually(lambda: told(database).keys() >= {*tree.no_rows} - NEVER_TOLD)
        check(tree, database, canary)
        children = real_trees.children_of(daemon.process.pid)
        assert daemon.stop() == 0
    eventually(lambda: real_trees.alive(children) == [], timeout_s=3)
    assert "Traceback" not in daemon.log.read_text()
    before = picture(database)
    real_trees.scan(root, database)
    check(tree, database, canary)
    assert picture(database) == before


# -- everything, and measured


class Watch(threading.Thread):
    """Looks at the memory of a process and of all below it, several times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._ended.wait(0.1):
            for pid in (self._pid, *real_trees.children_of(self._pid)):
                self.peak = max(self.peak, peak_bytes(pid))

    def stop(self) -> int:
        """Return the most memory any of the processes ever had."""
        self._ended.set()
        self.join()
        return self.peak


def peak_bytes(pid: int) -> int:
    """Return the most resident memory a process ever had; 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file)
    except OSError:
        return 0
    return int(lines.get("VmHWM", "0").split()[0]) << 10


@pytest.mark.prove
def test_every_hostile_file_under_the_daemon_stays_within_its_bounds(
    root: Path, database: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    tree = build(root, canary, scale=200_000, step=5)
    assert len(tree.hostile) > 1_200
    with Daemon(root, database) as daemon:
        watch = Watch(daemon.process.pid)
        watch.start()
        daemon.settle(timeout_s=900)
        check(tree, database, canary)
        real_trees.save(root / "late.ckpt", real_trees.state(42, 420))
        eventually(lambda: rows(database, "epoch", "path = 'late.ckpt'") == [{"epoch": 42}])
        daemon.settle()
        assert watch.stop() < MOST_BYTES
        children = real_trees.children_of(daemon.process.pid)
        assert daemon.stop() == 0
    eventually(lambda: real_trees.alive(children) == [], timeout_s=3)
    assert "Traceback" not in daemon.log.read_text()
    before = (picture(database), problems(database))
    with Daemon(root, database) as daemon:
        daemon.settle(timeout_s=900)
        assert daemon.stop() == 0
    assert (picture(database), problems(database)) == before
    assert scan(root, database)["changed"] == 0
    fresh = database.with_name("fresh.db")
    scan(root, fresh)
    assert picture(fresh) == before[0]


@pytest.mark.prove
def test_no_hostile_file_takes_its_readers_long(root: Path, tmp_path: Path) -> None:
    tree = build(root, tmp_path / "canary", scale=200_000, step=200)
    slow: dict[str, float] = {}
    with Pool(size=1) as pool, Pool(size=1, limits=TORCH_LIMITS) as torch_pool:
        read = ChildReader(pool=pool, torch_pool=torch_pool)
        read(candidate(root, "bombs/marks.ckpt"))  # starts both children: importing torch is no file's fault
        for path in tree.hostile:
            began = time.monotonic()
            with contextlib.suppress(ReaderError):
                read(candidate(root, path))
            took_s = time.monotonic() - began
            if took_s > LONGEST_S:
                slow[path] = took_s
    assert slow == {}
    assert not (tmp_path / "canary").exists()


def candidate(root: Path, path: str) -> Candidate:
    stat = (root / path).lstat()
    kind = Kind.DIRECTORY if (root / path).is_dir() else Kind.FILE
    return Candidate(os.fsencode(root), os.fsencode(path), kind, Fingerprint.of(stat))
