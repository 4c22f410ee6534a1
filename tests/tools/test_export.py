from __future__ import annotations

import os
import resource
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import CkptIndexerError
from ckpt_indexer.tools.export import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def failing() -> Iterator[bytes]:
    yield b"begun"
    raise RuntimeError("no more")


def test_a_new_file_has_the_pieces(tmp_path: Path) -> None:
    assert write_whole([b"a", b"", b"bc"], tmp_path / "x.csv", force=False) == 3
    assert (tmp_path / "x.csv").read_bytes() == b"abc"
    assert stat.S_IMODE((tmp_path / "x.csv").stat().st_mode) & 0o600 == 0o600
    assert os.listdir(tmp_path) == ["x.csv"]


def test_an_existing_file_stays_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"old")
    with pytest.raises(CkptIndexerError, match="--force"):
        write_whole([b"new"], tmp_path / "x.csv", force=False)
    assert (tmp_path / "x.csv").read_bytes() == b"old"
    write_whole([b"new"], tmp_path / "x.csv", force=True)
    assert (tmp_path / "x.csv").read_bytes() == b"new"


@pytest.mark.parametrize("force", [True, False])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path, force: bool) -> None:
    if force:
        (tmp_path / "x.csv").write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_whole(failing(), tmp_path / "x.csv", force=force)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([b"old"] if force else [])


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        (tmp_path / "x.csv").write_bytes(b"theirs")
        yield b"ours"

    with pytest.raises(CkptIndexerError, match="exists"):
        write_whole(pieces(), tmp_path / "x.csv", force=False)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"theirs"]


def test_where_there_are_no_hard_links_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    write_whole([b"a"], tmp_path / "x.csv", force=False)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"a"]


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "x.csv").symlink_to("target")
    write_whole([b"new"], tmp_path / "x.csv", force=True)
    assert (tmp_path / "target").read_bytes() == b"old"
    assert not (tmp_path / "x.csv").is_symlink()


def test_what_is_no_regular_file_is_refused_even_by_force(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.csv")
    (tmp_path / "y.csv").mkdir()
    for name in ("x.csv", "y.csv"):
        with pytest.raises(CkptIndexerError, match="no regular file"):
            write_whole([b"a"], tmp_path / name, force=True)


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(CkptIndexerError, match="No such file"):
        write_whole([b"a"], tmp_path / "none" / "x.csv", force=False)


def test_a_disk_that_takes_no_more_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(CkptIndexerError, match="cannot write"):
            write_whole([b"x" * 900] * 4, tmp_path / "x.csv", force=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
