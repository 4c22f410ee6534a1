from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ckpt_indexer.integrations.surroundings import environment, find_commit, logged_run_id, wandb_run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_is_read_without_running_git(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q")
    assert find_commit(str(work)) is None
    git(work, "commit", "-q", "--allow-empty", "-m", "first")
    commit = git(work, "rev-parse", "HEAD")
    (work / "deep" / "er").mkdir(parents=True)
    assert find_commit(str(work / "deep" / "er")) == commit
    git(work, "worktree", "add", "-q", str(tmp_path / "linked"))
    assert find_commit(str(tmp_path / "linked")) == commit
    git(work, "pack-refs", "--all")
    assert find_commit(str(work)) == find_commit(str(tmp_path / "linked")) == commit
    git(work, "checkout", "-q", "--detach")
    assert find_commit(str(work)) == commit


def test_the_environment_names_what_is_loaded_and_no_directory_of_this_machine() -> None:
    said = environment()
    assert {"python", "ckpt_indexer"} <= said.keys()
    assert not any("/" in str(value) for value in said.values())


class WandbLogger:
    version = "run7"
    name = "ocr"


def test_a_run_that_is_going_on_is_known_with_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    run = SimpleNamespace(id="run7", name="brave-sky-1", project="ocr", entity="team")
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=run))
    assert wandb_run([WandbLogger()]) == {"id": "run7", "name": "brave-sky-1", "project": "ocr", "entity": "team"}
    assert wandb_run([])["id"] == "run7"


def test_the_logger_s_run_outranks_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    run = SimpleNamespace(id="other", name="other", project="other", entity="other")
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=run))
    assert wandb_run([WandbLogger()]) == {"id": "run7", "project": "ocr"}


def test_without_wandb_there_is_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    assert wandb_run([object()]) == {}
    assert "wandb" not in sys.modules


def test_another_logger_s_run_id_counts_when_it_is_text() -> None:
    loggers: list[Any] = [object(), SimpleNamespace(run_id=3), SimpleNamespace(run_id="abc")]
    assert logged_run_id(loggers) == "abc"
