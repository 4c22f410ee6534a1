from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.store import migrate
from ckpt_indexer.store.maintenance import check
from ckpt_indexer.store.options import WriterOptions
from tests.store.revisions import ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKOUT = Path(__file__).resolve().parents[2]
MAKE = """
import sys
from pathlib import Path
import ckpt_indexer
from ckpt_indexer.store import migrate
from ckpt_indexer.store.writer import open_writer
assert Path(ckpt_indexer.__file__).is_relative_to(sys.argv[2]), ckpt_indexer.__file__
assert migrate.script_folder() == Path(sys.argv[2]) / "ckpt_indexer" / "_migrations"
with open_writer(Path(sys.argv[1])) as writer:
    print(writer.seq, migrate.state(Path(sys.argv[1])).revision)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a program on the package as a wheel brings it."""
    if not (find_spec("build") and find_spec("hatchling")):
        pytest.skip("build and hatchling are not installed: THE WHEEL AND ITS MIGRATIONS ARE NOT TESTED")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    target = folder / "installed"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode != 0:  # an environment without pip: a wheel is an archive
        shutil.unpack_archive(wheel, target, "zip")

    def run(program: str, *arguments: object) -> str:
        environment = {**os.environ, "PYTHONPATH": str(target)}
        command = [sys.executable, "-c", program, *map(str, arguments), str(target)]
        found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        return found.stdout.strip()

    return run


def test_an_installed_wheel_makes_a_catalog(installed: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    assert installed(MAKE, path) == f"0 {migrate.HEAD}"
    assert check(path).is_ok


@pytest.mark.parametrize("revision", ROWS)
def test_an_installed_wheel_upgrades_every_released_revision(
    installed: Callable[..., str], tmp_path: Path, revision: str
) -> None:
    path = tmp_path / "catalog.db"
    migrate.create(path, WriterOptions(), migrate.Revisions(migrate.script_folder(), revision))
    with closing(sqlite3.connect(path)) as connection:
        for statement in ROWS[revision].statements:
            connection.execute(statement)
        connection.commit()
    assert installed(MAKE, path) == f"7 {migrate.HEAD}"
    with closing(sqlite3.connect(path)) as connection:
        for question, answer in ROWS[revision].answers:
            assert connection.execute(question).fetchall() == answer
