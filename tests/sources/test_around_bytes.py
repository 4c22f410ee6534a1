from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import LimitExceeded, ReaderError
from ckpt_indexer.sources.around_bytes import read_lines, read_small

if TYPE_CHECKING:
    from pathlib import Path


def test_a_small_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10_000)
    assert read_small(str(tmp_path), "a", 10_000) == b"x" * 10_000
    with pytest.raises(LimitExceeded):
        read_small(str(tmp_path), "a", 9_999)


def test_an_unfinished_last_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"head\n1\n2\n3")
    assert read_lines(str(tmp_path), "a") == (b"head\n1\n2\n", True)
    (tmp_path / "a").write_bytes(b"head")
    assert read_lines(str(tmp_path), "a") == (b"", True)


def test_of_a_large_file_the_first_line_and_the_last_ones_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"head\n" + b"".join(b"%06d\n" % number for number in range(1_000)))
    lines = read_lines(str(tmp_path), "a", 100)
    assert lines.data == b"head\n" + b"".join(b"%06d\n" % number for number in range(986, 1_000))
    assert not lines.complete


def test_a_large_file_of_one_line_has_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    assert b"\n" not in read_lines(str(tmp_path), "a", 1_000).data


@pytest.mark.parametrize("kind", ["fifo", "link", "linked_directory", "directory", "absent"])
def test_only_regular_files_below_the_root_are_opened(tmp_path: Path, kind: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("a: 1\n")
    path = "file"
    if kind == "fifo":
        os.mkfifo(root / "file")
    elif kind == "link":
        (root / "file").symlink_to(outside / "secret")
    elif kind == "linked_directory":
        (root / "below").symlink_to(outside)
        path = "below/secret"
    elif kind == "directory":
        (root / "file").mkdir()
    for read in (lambda: read_small(str(root), path, 100), lambda: read_lines(str(root), path)):
        with pytest.raises(ReaderError):
            read()
