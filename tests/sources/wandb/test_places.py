from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.sources.wandb.places import Places, folders
from tests.sources.wandb_files import candidate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LONG_AGO_NS = 10**18


def make(root: Path, *runs: str) -> None:
    for run in runs:
        (root / run / "files").mkdir(parents=True)
        run_id = run.rpartition("-")[2]
        (root / run / f"run-{run_id}.wandb").write_bytes(b"")


def ids(found: Mapping[bytes, object]) -> set[str]:
    return {run_id.decode() for run_id in found}


def test_folders_are_looked_for_up_to_the_root_nearest_first() -> None:
    assert folders(b"a/b") == [b"a/b/wandb", b"a/wandb", b"wandb"]
    assert folders(b"") == [b"wandb"]


def test_a_known_run_is_found_in_the_nearest_folder(tmp_path: Path) -> None:
    make(
        tmp_path,
        "wandb/run-20250101_000000-aaa",
        "exp/wandb/run-20250102_000000-aaa",
        "exp/wandb/run-20250103_000000-b",
    )
    found = Places().of_run(candidate(tmp_path, "exp/checkpoints/x.ckpt"), "aaa")
    assert [run.path for run in found] == [b"exp/wandb/run-20250102_000000-aaa"]
    assert Places().of_run(candidate(tmp_path, "exp/checkpoints/x.ckpt"), "zzz") == []


def test_a_resumed_run_has_several_directories_oldest_first(tmp_path: Path) -> None:
    make(tmp_path, "wandb/run-20250102_000000-aaa", "wandb/offline-run-20250101_000000-aaa")
    found = Places().of_run(candidate(tmp_path), "aaa")
    assert [run.started for run in found] == [b"20250101_000000", b"20250102_000000"]


def test_an_id_with_dashes_and_a_suffixed_directory_are_told_apart(tmp_path: Path) -> None:
    make(tmp_path, "wandb/run-20250101_000000-a-b")
    (tmp_path / "wandb/run-20250102_000000-aaa-1").mkdir()
    (tmp_path / "wandb/run-20250102_000000-aaa-1/run-aaa.wandb").touch()
    assert len(Places().of_run(candidate(tmp_path), "a-b")) == 1
    assert [run.id for run in Places().of_run(candidate(tmp_path), "aaa")] == [b"aaa"]
    assert Places().of_run(candidate(tmp_path), "a") == []


def test_an_unknown_run_is_one_of_those_within_the_run_directory(tmp_path: Path) -> None:
    make(tmp_path, "exp/wandb/run-20250101_000000-aaa", "wandb/run-20250101_000000-other")
    assert ids(Places().near(candidate(tmp_path, "exp/checkpoints/x.ckpt"))) == {"aaa"}
    assert Places().near(candidate(tmp_path, "else/checkpoints/x.ckpt")) == {}


def test_a_run_whose_id_is_in_the_path_is_the_one(tmp_path: Path) -> None:
    make(tmp_path, "wandb/run-20250101_000000-aaa", "wandb/run-20250101_000000-bbb")
    assert ids(Places().near(candidate(tmp_path, "proj/bbb/checkpoints/x.ckpt"))) == {"bbb"}
    assert Places().near(candidate(tmp_path, "proj/bbbb/checkpoints/x.ckpt")) == {}


def test_links_and_other_names_are_no_runs(tmp_path: Path) -> None:
    make(tmp_path, "wandb/run-20250101_000000-aaa")
    (tmp_path / "wandb/latest-run").symlink_to("run-20250101_000000-aaa")
    (tmp_path / "wandb/run-20250109_000000-link").symlink_to("run-20250101_000000-aaa")
    (tmp_path / "wandb/run-nonsense").mkdir()
    (tmp_path / "wandb/run-20250101_000000-file").touch()
    os.mkdir(os.fsencode(tmp_path) + b"/wandb/run-20250101_000000-\xff")
    assert ids(Places().near(candidate(tmp_path))) == {"aaa"}


def test_a_linked_folder_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/wandb/run-20250101_000000-aaa")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/wandb").symlink_to(tmp_path / "elsewhere/wandb")
    assert Places().near(candidate(tmp_path / "root")) == {}
    assert Places().stamps(os.fsencode(tmp_path / "root"), b"") == []


def test_surroundings_change_when_a_log_grows_or_a_run_appears(tmp_path: Path) -> None:
    make(tmp_path, "wandb/run-20250101_000000-aaa")
    places, root = Places(), os.fsencode(tmp_path)
    first = places.stamps(root, b"exp/checkpoints")
    assert [path for path, _ in first] == [b"wandb", b"wandb/run-20250101_000000-aaa/run-aaa.wandb"]
    (tmp_path / "wandb/run-20250101_000000-aaa/run-aaa.wandb").write_bytes(b"more")
    second = places.stamps(root, b"exp/checkpoints")
    make(tmp_path, "wandb/run-20250102_000000-bbb")
    third = places.stamps(root, b"exp/checkpoints")
    assert first != second != third
    assert len(third) == 3


def test_a_large_folder_costs_its_newest_runs_only(tmp_path: Path) -> None:
    make(tmp_path, *(f"wandb/run-20250101_{number:06}-r{number}" for number in range(40)))
    stamps = Places().stamps(os.fsencode(tmp_path), b"")
    assert len(stamps) == 17
    assert stamps[-1][0].endswith(b"run-r39.wandb")


@pytest.mark.parametrize("age_ns", [0, LONG_AGO_NS])
def test_a_remembered_listing_is_never_an_old_one(tmp_path: Path, age_ns: int) -> None:
    make(tmp_path, "wandb/run-20250101_000000-aaa")
    changed_ns = (tmp_path / "wandb").stat().st_mtime_ns
    places = Places(now_ns=lambda: changed_ns + age_ns)
    assert len(places.near(candidate(tmp_path))) == 1
    make(tmp_path, "wandb/run-20250101_000000-bbb")
    if age_ns == 0:  # within the grain of the clock of a file system
        os.utime(tmp_path / "wandb", ns=(changed_ns, changed_ns))
    assert len(places.near(candidate(tmp_path))) == 2
