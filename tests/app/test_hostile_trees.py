"""Trees whose shape is the attack: thousands of names of one file, linked documents, another user's interpreter."""

from __future__ import annotations

import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer import app
from ckpt_indexer.ingest.links import LINKS_PER_STEP
from tests.journeys.harness import (
    AS_NOBODY,
    eventually,
    needs,
    open_folder,
    rows,
    run,
    service,
    settings_for,
    write_checkpoint,
    write_sidecar,
)

if TYPE_CHECKING:
    from pathlib import Path

PICKLED = b"\x80\x02}(X\x05\x00\x00\x00epochK\x07X\x0b\x00\x00\x00global_stepKFu."
NAMES = LINKS_PER_STEP + 100
"""More than one step resolves."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


def scanned(root: Path, database: Path) -> dict[str, Any]:  # JSON values
    return app.scan(settings_for(database), [root], full=False, progress=None).to_dict()


def owners(database: Path) -> list[str]:
    """Return the present rows that are files of their own, and no other name of one."""
    return [row["path"] for row in rows(database, "path", "presence = 'present' AND alias_of IS NULL")]


# -- one file with thousands of names


@pytest.fixture
def farm(root: Path) -> Path:
    """A directory in which one file has many names."""
    first = write_checkpoint(root / "a.ckpt")
    for number in range(NAMES):
        os.link(first, root / f"l{number:04}.ckpt")
    return root


def test_every_name_of_one_file_is_a_row(farm: Path, database: Path) -> None:
    assert scanned(farm, database)["added"] == NAMES + 1
    assert owners(database) == ["a.ckpt"]
    assert len(rows(database, "id", "alias_of IS NOT NULL")) == NAMES
    assert scanned(farm, database)["changed"] == 0


def test_a_change_of_a_file_with_many_names_reaches_all_of_them(farm: Path, database: Path) -> None:
    with service(farm, database):
        eventually(lambda: len(rows(database, "id", "alias_of IS NOT NULL")) == NAMES, timeout_s=60)
        write_sidecar(farm / "a.ckpt", epoch=7)
        eventually(lambda: len(rows(database, "id", "epoch = 7")) == NAMES + 1, timeout_s=60)
        (farm / "a.ckpt").unlink()
        eventually(lambda: owners(database) == ["l0000.ckpt"], timeout_s=60)
        eventually(lambda: len(rows(database, "id", "alias_of IS NOT NULL")) == NAMES - 1, timeout_s=60)
    assert owners(database) == ["l0000.ckpt"]


# -- linked documents


def linked(root: Path, place: str) -> Path:
    """Write a checkpoint whose document is a symlink; return the file it leads to."""
    target = root / place
    target.parent.mkdir(exist_ok=True)
    written = write_sidecar(write_checkpoint(root / "run" / "x.ckpt"), epoch=3)
    written.rename(target)
    written.symlink_to(target)
    return target


@pytest.mark.parametrize("place", ["run/real.yaml", "elsewhere/real.yaml"])
def test_a_linked_document_is_read_once_and_again_when_it_changes(root: Path, database: Path, place: str) -> None:
    target = linked(root, place)
    assert scanned(root, database)["added"] == 1
    for _ in range(2):
        assert scanned(root, database)["changed"] == 0
    target.write_text(target.read_text("utf-8").replace("0.5", "0.75"), "utf-8")
    assert scanned(root, database)["changed"] == 1
    assert rows(database, "epoch, hmean") == [{"epoch": 3, "hmean": 0.75}]
    assert scanned(root, database)["changed"] == 0


def test_a_linked_document_that_leads_nowhere_any_more_is_told(root: Path, database: Path) -> None:
    target = linked(root, "elsewhere/real.yaml")
    scanned(root, database)
    target.unlink()
    scanned(root, database)
    assert rows(database, "hmean, read_state") == [{"hmean": None, "read_state": "degraded"}]
    assert scanned(root, database)["changed"] == 0


# -- another user


def test_a_user_who_may_not_reach_the_interpreter_reads_files_in_children_all_the_same() -> None:
    needs("setpriv")
    with open_folder() as folder:
        (folder / "outputs").mkdir()
        with zipfile.ZipFile(folder / "outputs" / "x.ckpt", "w") as archive:
            archive.writestr("archive/data.pkl", PICKLED)
            archive.writestr("archive/version", b"3\n")
        done = run(folder / "catalog.db", "scan", folder / "outputs", prefix=AS_NOBODY)
        assert done.returncode == 0, done.stderr
        found = rows(folder / "catalog.db", "epoch, global_step, read_state")
        told = run(folder / "catalog.db", "sql", "SELECT epoch FROM checkpoints", "-o", "json", prefix=AS_NOBODY)
        assert json.loads(told.stdout) == [{"epoch": 7}], told.stderr
    assert found == [{"epoch": 7, "global_step": 70, "read_state": "ok"}]
