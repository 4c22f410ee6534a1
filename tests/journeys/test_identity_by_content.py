"""Copies, moves by way of another disk, and equal weights: told by content, without hashing gigabytes."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch

from ckpt_indexer.store.notes import Edit
from ckpt_indexer.store.writer import open_writer
from tests.journeys import real_trees
from tests.journeys.harness import eventually, rows, run, service

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def by_path(database: Path, columns: str) -> dict[str, Any]:
    """Return path -> values of the present rows."""
    return {row.pop("path"): row for row in rows(database, f"path, {columns}", "presence = 'present'")}


def annotate(database: Path, path: bytes, **edit: Any) -> None:
    """Tag, note or pin as a person would, while no daemon runs."""
    with open_writer(database) as writer:
        writer.annotate(writer.roots()[0].id, path, Edit(**edit))


def sql(database: Path, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(database, "sql", query, "--json").stdout)
    return found


def duplicates(database: Path) -> tuple[int, int]:
    """Return how many files `status` calls copies, and their bytes."""
    told = json.loads(run(database, "status", "--json").stdout)
    return told["duplicates"], told["duplicate_bytes"]


def copy(source: Path, target: Path) -> Path:
    """Copy as `cp` does: another file, new times."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name("." + target.name)
    shutil.copyfile(source, temporary)
    temporary.replace(target)
    return target


# -- copies


FORMATS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "zip": ("a.ckpt", lambda path: real_trees.save(path, real_trees.state())),
    "legacy": ("a.pth", lambda path: real_trees.save(path, real_trees.state(), legacy=True)),
    "safetensors": ("a.safetensors", lambda path: real_trees.save_safetensors(path, 3, 300)),
}


@pytest.mark.parametrize("form", FORMATS)
def test_copies_are_reported_with_the_bytes_they_cost(root: Path, database: Path, form: str) -> None:
    name, write = FORMATS[form]
    original = write(root / name)
    copy(original, root / "backup" / name)
    copy(original, root / "older" / name)
    real_trees.save(root / "other.ckpt", real_trees.state(seed=1))
    real_trees.scan(root, database)
    found = by_path(database, "id, duplicate_of, size_bytes, content_id, rankable")
    first, *later = sorted((found[path] for path in found if path.endswith(name)), key=lambda row: row["id"])
    assert first["duplicate_of"] is None
    assert [row["duplicate_of"] for row in later] == [first["id"]] * 2
    assert found["other.ckpt"]["duplicate_of"] is None
    assert len({row["content_id"] for row in found.values()}) == 2
    assert [row["rankable"] for row in found.values()] == [1] * 4, "reported, never hidden"
    size = original.stat().st_size
    assert duplicates(database) == (2, 2 * size)
    view = sql(database, "SELECT * FROM duplicates")
    assert {row["path"] for row in view} == {path for path in found if found[path]["duplicate_of"] is not None}
    assert sum(row["size_bytes"] for row in view) == 2 * size


def test_when_the_original_goes_the_next_one_takes_its_place(root: Path, database: Path) -> None:
    original = real_trees.save(root / "a.ckpt", real_trees.state())
    copy(original, root / "b.ckpt")
    copy(original, root / "c.ckpt")
    real_trees.scan(root, database)
    with service(root, database):
        first = min(by_path(database, "id").items(), key=lambda item: item[1]["id"])[0]
        (root / first).unlink()
        eventually(lambda: len(by_path(database, "id")) == 2)
        left = sorted(by_path(database, "id, duplicate_of").values(), key=lambda row: row["id"])
        assert [row["duplicate_of"] for row in left] == [None, left[0]["id"]]
        second = min(by_path(database, "id").items(), key=lambda item: item[1]["id"])[0]
        real_trees.save(root / second, real_trees.state(seed=7))
        eventually(lambda: {row["duplicate_of"] for row in by_path(database, "duplicate_of").values()} == {None})


def test_an_alias_is_no_copy(root: Path, database: Path) -> None:
    path = real_trees.save(root / "a.ckpt", real_trees.state())
    (root / "last.ckpt").symlink_to("a.ckpt")
    (root / "other.ckpt").hardlink_to(path)
    real_trees.scan(root, database)
    assert {row["duplicate_of"] for row in by_path(database, "duplicate_of").values()} == {None}
    assert duplicates(database) == (0, 0)


# -- moves by way of another disk


def elsewhere(source: Path, target: Path) -> None:
    """Move as `mv` between file systems does: copy with times, then delete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    source.unlink()


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "between two scans"])
def test_a_file_moved_by_copy_and_delete_keeps_its_row(root: Path, database: Path, watched: bool) -> None:
    path = real_trees.save(root / "run" / "epoch=3.ckpt", real_trees.state())
    real_trees.save(root / "run" / "epoch=4.ckpt", real_trees.state(4, 400, seed=4))
    real_trees.scan(root, database)
    before = by_path(database, "id")
    annotate(database, b"run/epoch=3.ckpt", notes="mine", pinned=True)
    expected = {"id": before["run/epoch=3.ckpt"]["id"], "notes": "mine", "pinned": 1, "epoch": 3, "read_state": "ok"}

    def moved() -> bool:
        return by_path(database, "id, notes, pinned, epoch, read_state").get("kept/best.ckpt") == expected

    if watched:
        with service(root, database):
            elsewhere(path, root / "kept" / "best.ckpt")
            eventually(moved)
            eventually(lambda: len(rows(database, "id")) == 2)
    else:
        elsewhere(path, root / "kept" / "best.ckpt")
        assert real_trees.scan(root, database)["moved"] == 1
        assert moved()
    assert by_path(database, "id")["run/epoch=4.ckpt"] == before["run/epoch=4.ckpt"]
    assert len(rows(database, "id")) == 2


def test_a_copy_of_two_equal_files_that_went_is_nobodys(root: Path, database: Path) -> None:
    path = real_trees.save(root / "a.ckpt", real_trees.state())
    twin = copy(path, root / "b.ckpt")
    real_trees.scan(root, database)
    annotate(database, b"a.ckpt", notes="of a")
    annotate(database, b"b.ckpt", notes="of b")
    elsewhere(path, root / "kept" / "c.ckpt")
    twin.unlink()
    assert real_trees.scan(root, database)["moved"] == 0
    found = by_path(database, "id, notes")
    assert list(found) == ["kept/c.ckpt"]
    assert found["kept/c.ckpt"]["notes"] is None
    gone = {row["path"]: row["presence"] for row in rows(database, "path, presence", "presence != 'present'")}
    assert gone == {"a.ckpt": "missing", "b.ckpt": "missing"}


def test_a_copy_whose_original_stays_is_a_row_of_its_own(root: Path, database: Path) -> None:
    path = real_trees.save(root / "a.ckpt", real_trees.state())
    real_trees.scan(root, database)
    annotate(database, b"a.ckpt", notes="mine")
    copy(path, root / "b.ckpt")
    assert real_trees.scan(root, database)["moved"] == 0
    assert {path: row["notes"] for path, row in by_path(database, "notes").items()} == {
        "a.ckpt": "mine",
        "b.ckpt": None,
    }


# -- the same weights


def test_equal_weights_are_told_from_equal_files(root: Path, database: Path) -> None:
    whole = real_trees.state(3, 300)
    real_trees.save(root / "a.ckpt", whole)
    adam = {"state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.ones(4)}}, "param_groups": []}
    real_trees.save(root / "b.ckpt", whole | {"optimizer_states": [adam], "epoch": 4})
    real_trees.save(root / "weights.pt", whole["state_dict"])
    real_trees.save(root / "other.ckpt", real_trees.state(seed=1))
    real_trees.scan(root, database)
    found = by_path(database, "content_id, weights_id, duplicate_of")
    assert len({row["content_id"] for row in found.values()}) == 4
    assert {row["duplicate_of"] for row in found.values()} == {None}
    weights = {path: row["weights_id"] for path, row in found.items()}
    assert weights["a.ckpt"] == weights["b.ckpt"] == weights["weights.pt"] is not None
    assert weights["other.ckpt"] not in {None, weights["a.ckpt"]}


def test_a_rewrite_in_place_changes_who_it_is(root: Path, database: Path) -> None:
    path = real_trees.save(root / "a.ckpt", real_trees.state())
    real_trees.scan(root, database)
    before = by_path(database, "id, content_id, weights_id")["a.ckpt"]
    stat = path.stat()
    real_trees.save(path, real_trees.state(seed=1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    real_trees.scan(root, database)
    after = by_path(database, "id, content_id, weights_id")["a.ckpt"]
    assert after["id"] == before["id"]
    assert after["content_id"] != before["content_id"]
    assert after["weights_id"] != before["weights_id"]
