"""Completion: the scripts are those of the shells, and the program answers them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer import app as real
from tests.journeys.harness import settings_for, write_checkpoint, write_sidecar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    for name, backbone in (("a", "resnet18"), ("b", "resnet50"), ("c", "odd name; rm -rf")):
        write_sidecar(write_checkpoint(folder / "outputs" / f"exp-{name}" / "x.ckpt"), backbone=backbone)
    database = folder / "catalog.db"
    real.scan(settings_for(database), [folder / "outputs"], full=False, progress=None)
    return database


def offered(database: Path, *words: str) -> list[str]:
    """Return what bash would offer for the last word, as the program answers it."""
    line = ["ckpt-indexer", "--db", str(database), *words]
    environ = {
        **os.environ, "_CKPT_INDEXER_COMPLETE": "bash_complete", "COMP_WORDS": "\n".join(line).replace("\n", " "),
        "COMP_CWORD": str(len(line) - 1),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", "from ckpt_indexer.cli.main import run; run()"],
        env=environ, capture_output=True, text=True, check=True, cwd=database.parent,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("comp",), ["plain,compare", "plain,completion"]),
        (("ls", "backb"), ["plain,backbone:"]),
        (("ls", "^backb"), ["plain,^backbone:"]),
        (("ls", "backbone:res"), ["plain,backbone:resnet18", "plain,backbone:resnet50"]),
        (("ls", "backbone", ":", "resnet5"), ["plain,resnet50"]),
        (("ls", "backbone:resnet18,resnet5"), ["plain,backbone:resnet18,resnet50"]),
        (("best", "presence:m"), ["plain,presence:missing"]),
        (("best", "nothing:m"), []),
        (("best", "--metric", "h"), ["plain,hmean"]),
        (("best", "--by", "dec"), ["plain,decoder"]),
        (("show", "outp"), ["file,outp"]),
        (("export", "--format", "p"), ["plain,parquet"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_words_are_completed(database: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert sorted(offered(database, *words)) == sorted(expected)


def test_values_that_a_shell_would_take_apart_are_not_offered(database: Path) -> None:
    assert offered(database, "ls", "backbone:odd") == []


def test_a_missing_catalog_offers_nothing_and_says_nothing(database: Path) -> None:
    assert offered(database.with_name("none.db"), "ls", "backbone:res") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed(shell: str, run: Run) -> None:
    done = run("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert f"_CKPT_INDEXER_COMPLETE={shell}_complete" in done.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_accepts_the_script(shell: str, run: Run, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is missing on this machine")
    script = tmp_path / "script"
    script.write_text(run("completion", shell).out)
    assert subprocess.run([shell, "-n", str(script)], capture_output=True, check=False).returncode == 0


def test_another_shell_is_2(run: Run) -> None:
    assert run("completion", "tcsh").code == 2
