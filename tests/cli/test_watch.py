"""`watch` against a real catalog that a scan changes meanwhile, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer import app as real
from tests.journeys.harness import program, run, settings_for, write_checkpoint, write_sidecar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.fakes.application import FakeApplication


@pytest.fixture
def database(tmp_path: Path) -> Path:
    write_sidecar(write_checkpoint(tmp_path / "outputs" / "exp" / "old.ckpt"), hmean=0.5)
    database = tmp_path / "catalog.db"
    real.scan(settings_for(database), [tmp_path / "outputs"], full=False, progress=None)
    return database


def start(database: Path, *words: str) -> subprocess.Popen[str]:
    """Start watching and wait until it does."""
    line = [*program(database), "watch", *words]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=database.parent)
    assert process.stderr is not None
    assert "no daemon is watching" in process.stderr.readline()
    return process


def scan(database: Path) -> None:
    real.scan(settings_for(database), [database.parent / "outputs"], full=False, progress=None)


def test_lines_come_as_scans_find_things_and_once_ends_it(database: Path) -> None:
    process = start(database, "--once", "--timeout", "30", "--json")
    write_sidecar(write_checkpoint(database.parent / "outputs" / "exp" / "new.ckpt"), hmean=0.75)
    scan(database)
    out, err = process.communicate(timeout=30)
    events = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0
    assert [event["event"] for event in events] == ["new", "new_best"]
    assert events[0]["row"]["path"] == "exp/new.ckpt"
    assert (events[1]["value"], events[1]["previous"], events[1]["group"]) == (0.75, 0.5, "resnet18")
    assert f"--since {events[0]['seq']} goes on there" in err


def test_an_interrupt_ends_it_with_130(database: Path) -> None:
    process = start(database)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "interrupted" in err


def test_people_read_lines_with_what_is_known(database: Path) -> None:
    write_sidecar(write_checkpoint(database.parent / "outputs" / "exp" / "n\x1bw.ckpt", size=128), hmean=0.75)
    (database.parent / "outputs" / "exp" / "old.ckpt").unlink()
    scan(database)
    done = run(database, "watch", "--since", "1", "--timeout", "0")
    assert done.returncode == 0
    assert "missing    exp/old.ckpt (id 1)  exp, resnet18, epoch 1, hmean 0.5000" in done.stdout.splitlines()
    assert "exp/n\\x1bw.ckpt (id 2)  exp, resnet18, epoch 1, hmean 0.7500" in done.stdout


def test_a_timeout_is_0_and_waiting_in_vain_is_1(run: Run, app: FakeApplication) -> None:
    app.catalog.having("a.ckpt", hmean=0.5)
    assert run("watch", "--timeout", "0.01").code == 0
    assert run("watch", "--timeout", "0.01", "--once").code == 1


@pytest.mark.parametrize("words", [("--by", "colour"), ("--since", "-1"), ("--timeout", "soon")])
def test_wrong_usage_is_2(words: tuple[str, ...], run: Run) -> None:
    assert run("watch", *words).code == 2


def test_a_metric_without_direction_asks_for_it(run: Run, app: FakeApplication) -> None:
    app.catalog.having("a.ckpt", metrics={"odd": 1.0})
    done = run("watch", "--metric", "odd", "--timeout", "0")
    assert done.code == 2
    assert "--mode" in done.err
    assert run("watch", "--metric", "odd", "--mode", "min", "--timeout", "0").code == 0
