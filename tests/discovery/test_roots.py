"""Roots: identity and overlap."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.discovery.roots import RootIdentity, RootState, check_roots, contains, inspect_root, real_path
from ckpt_indexer.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_root_seen_again_is_present(tmp_path: Path) -> None:
    first = inspect_root(os.fsencode(tmp_path))
    assert first.state is RootState.PRESENT
    assert inspect_root(os.fsencode(tmp_path), first.identity).state is RootState.PRESENT


def test_a_deleted_root_is_gone_with_a_reason(tmp_path: Path) -> None:
    sight = inspect_root(os.fsencode(tmp_path / "absent"))
    assert (sight.state, sight.identity, sight.is_unreachable) == (RootState.GONE, None, True)
    assert "No such file" in sight.reason


def test_a_file_in_place_of_a_root_is_gone(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    assert inspect_root(os.fsencode(tmp_path / "f")).state is RootState.GONE


def test_a_recreated_root_with_files_is_changed_but_reachable(tmp_path: Path) -> None:
    root = tmp_path / "r"
    root.mkdir()
    known = inspect_root(os.fsencode(root)).identity
    root.rename(tmp_path / "kept")
    root.mkdir()
    (root / "a.ckpt").write_text("x")
    sight = inspect_root(os.fsencode(root), known)
    assert (sight.state, sight.moved_device, sight.is_unreachable) == (RootState.CHANGED, False, False)


def test_an_empty_stand_in_on_the_same_device_is_a_recreated_root(tmp_path: Path) -> None:
    root = tmp_path / "r"
    root.mkdir()
    known = inspect_root(os.fsencode(root)).identity
    root.rename(tmp_path / "kept")
    root.mkdir()
    sight = inspect_root(os.fsencode(root), known)
    assert (sight.state, sight.is_unreachable) == (RootState.EMPTY, False)
    shutil.rmtree(tmp_path / "kept")


def test_an_empty_directory_on_another_device_is_an_unmounted_root(tmp_path: Path) -> None:
    sight = inspect_root(os.fsencode(tmp_path), RootIdentity(device=1 << 40, inode=2))
    assert (sight.state, sight.moved_device, sight.is_unreachable) == (RootState.EMPTY, True, True)


@pytest.mark.parametrize(
    ("parent", "child", "expected"),
    [
        (b"/a", b"/a/b", True),
        (b"/a", b"/a", True),
        (b"/a", b"/ab", False),
        (b"/", b"/a", True),
        (b"/a/b", b"/a", False),
    ],
)
def test_containment_is_by_whole_segments(parent: bytes, child: bytes, expected: bool) -> None:
    assert contains(parent, child) is expected


@pytest.mark.parametrize("new", [b"/data/out/run", b"/data"])
def test_overlapping_roots_are_refused_in_one_sentence(new: bytes) -> None:
    with pytest.raises(SettingsError, match="lies inside root") as caught:
        check_roots([b"/other", b"/data/out"], new)
    assert caught.value.details["other"] == "/data/out"


def test_a_known_or_separate_root_is_accepted() -> None:
    check_roots([b"/data/out"], b"/data/out")
    check_roots([b"/data/out"], b"/data/out2")
    assert not contains(b"/data/out", b"/data/out2")


def test_a_root_is_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert real_path(str(tmp_path / "link")) == os.fsencode(tmp_path.resolve() / "real")


@pytest.mark.parametrize("name", ["absent", "file"])
def test_what_is_no_directory_cannot_be_a_root(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="cannot watch"):
        real_path(str(tmp_path / name))
