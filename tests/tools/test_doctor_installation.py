from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ckpt_indexer.readers.torch_load import OLDEST
from ckpt_indexer.tools import doctor_installation as judge
from ckpt_indexer.tools.doctor import Verdict
from ckpt_indexer.tools.doctor_installation import Package, WandbSeen

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_oldest_versions_are_those_of_the_package() -> None:
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, judge.PYTHON))
    assert OLDEST == judge.OLDEST_TORCH


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.13.0+cpu", (2, 13, 0)), ("3", (3,)), ("2.10.0a0+git1", (2, 10, 0)), ("dev", ())]
)
def test_release_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert judge.release(version) == numbers


def test_an_old_interpreter_or_library_fails() -> None:
    assert judge.python((3, 11, 0)).verdict is Verdict.OK
    assert judge.python((3, 10, 9)).verdict is Verdict.FAILED
    assert judge.sqlite("3.40.1", has_json=True).verdict is Verdict.OK
    assert judge.sqlite("3.37.2", has_json=True).verdict is Verdict.FAILED
    assert judge.sqlite("3.40.1", has_json=False).verdict is Verdict.FAILED


def test_dependencies() -> None:
    assert judge.dependencies([]).verdict is Verdict.SKIPPED
    assert judge.dependencies([Package("a", "7.1.0", "7.1")]).verdict is Verdict.OK
    check = judge.dependencies([Package("a", "6.9", "7.1"), Package("b", None, None), Package("c", "1")])
    assert check.verdict is Verdict.FAILED
    assert check.message == "not installed: b; too old: a 6.9 (needs 7.1)"


@pytest.mark.parametrize(
    ("version", "setting", "verdict"),
    [("2.13.0", "auto", "ok"), ("2.9.1", "auto", "warning"), ("2.9.1", "off", "ok"), (None, "auto", "skipped")],
)
def test_torch(version: str | None, setting: str, verdict: str) -> None:
    assert judge.torch(Package("torch", version, "2.10"), setting).verdict == verdict


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        (WandbSeen(Package("wandb", None), enabled=False, project=None, key=None), "skipped", "not asked"),
        (WandbSeen(Package("wandb", None), enabled=True, project="p", key="x"), "failed", "not installed"),
        (WandbSeen(Package("wandb", "0.31"), enabled=True, project="p", key=None), "failed", "no key"),
        (WandbSeen(Package("wandb", "0.1", "0.18"), enabled=True, project="p", key="x"), "warning", "older"),
        (WandbSeen(Package("wandb", "0.31"), enabled=True, project=None, key="x"), "warning", "never sent"),
        (WandbSeen(Package("wandb", "0.31"), enabled=True, project="p", key="the netrc file"), "ok", "netrc"),
    ],
)
def test_wandb(seen: WandbSeen, verdict: str, words: str) -> None:
    check = judge.wandb(seen)
    assert (check.verdict, words in check.message) == (verdict, True)


def test_what_only_trainings_need() -> None:
    assert judge.training_side(Package("lightning", None), "for x").verdict is Verdict.SKIPPED
    assert judge.training_side(Package("lightning", "2.6", "2.4"), "for x").verdict is Verdict.OK
    assert judge.training_side(Package("lightning", "2.3", "2.4"), "for x").verdict is Verdict.WARNING
