from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.candidate import FileStamp
from ckpt_indexer.sources import company as module
from ckpt_indexer.sources.company import SEVERAL, checkpoints_below, company

if TYPE_CHECKING:
    from pathlib import Path


def count(root: Path, directory: bytes = b"") -> int:
    return checkpoints_below(os.fsencode(root), directory)


def make(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ((), 0), (("notes.txt", "a.ckpt.tmp", "wandb/run/a.ckpt", ".hidden/a.ckpt"), 0), (("a.ckpt",), 1),
        (("deep/down/a.safetensors", "config.yaml"), 1), (("checkpoint-5/model.safetensors",), 1),
        (("a.ckpt/.metadata", "a.ckpt/__0_0.distcp"), 1), (("a.ckpt", "b.pt"), SEVERAL),
        (("a/a.ckpt", "b/b.ckpt"), SEVERAL), (("a.ckpt", "b.pt", "c.pth"), SEVERAL),
    ],
)  # fmt: skip
def test_checkpoints_are_counted_up_to_two(tmp_path: Path, paths: tuple[str, ...], expected: int) -> None:
    assert count(make(tmp_path, *paths)) == expected


def test_other_names_of_one_file_are_no_company(tmp_path: Path) -> None:
    make(tmp_path, "a.ckpt")
    (tmp_path / "last.ckpt").symlink_to("a.ckpt")
    os.link(tmp_path / "a.ckpt", tmp_path / "best.ckpt")
    assert count(tmp_path) == 1


def test_only_what_lies_below_counts_and_links_are_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "run/a.ckpt", "other/b.ckpt")
    (tmp_path / "run" / "link").symlink_to(tmp_path / "other")
    assert (count(tmp_path, b"run"), count(tmp_path), count(tmp_path, b"absent")) == (1, SEVERAL, 0)


def test_what_cannot_be_seen_counts_as_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.ckpt", *(f"log/{number}" for number in range(9)))
    assert count(tmp_path, b"a.ckpt") == SEVERAL
    monkeypatch.setattr(module, "MAX_ENTRIES", 5)
    assert count(tmp_path) == SEVERAL


def test_the_surroundings_tell_a_second_one(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    assert company(root, b"run") == []
    make(tmp_path, "run/a.ckpt")
    assert company(root, b"run") == [(b"run/*", FileStamp(1, 0))]
    make(tmp_path, "run/b.ckpt")
    assert company(root, b"run") == [(b"run/*", FileStamp(SEVERAL, 0))]
