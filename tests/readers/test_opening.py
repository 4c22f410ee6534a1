from __future__ import annotations

import errno
import os
import resource
import socket
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import ReaderError, ResourceShortage
from ckpt_indexer.readers.opening import HEAD_BYTES, open_directory, open_file

if TYPE_CHECKING:
    from pathlib import Path


def refusal(root: Path, path: str) -> ReaderError:
    with pytest.raises(ReaderError) as raised:
        open_file(str(root), path).close()
    return raised.value


def test_a_file_is_read_at_any_place(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    data = os.urandom(3 * HEAD_BYTES)
    (tmp_path / "a" / "b" / "c.pt").write_bytes(data)
    with open_file(str(tmp_path), "a/b/c.pt") as file:
        assert (file.name, file.path, file.size) == ("c.pt", "a/b/c.pt", len(data))
        assert file.read(0, 10) == data[:10]
        assert file.read(HEAD_BYTES - 5, 10) == data[HEAD_BYTES - 5 : HEAD_BYTES + 5]
        assert file.read(len(data) - 3, 10) == data[-3:]
        assert file.read(len(data), 10) == file.read(-1, 10) == file.read(0, 0) == b""


def test_only_what_was_asked_for_is_read(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as sparse:
        sparse.truncate(8 << 30)
    with open_file(str(tmp_path), "x") as file:
        assert file.read(4 << 30, 100) == bytes(100)
        assert file.bytes_read == HEAD_BYTES + 100


@pytest.mark.parametrize("path", ["../x", "a/../x", "./x", "a//x", "", "/x", "x/", ".", "x\0y", "a\0b/x"])
def test_a_path_that_could_lead_out_of_the_root_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "x").write_bytes(b"secret")
    (tmp_path / "root" / "x").write_bytes(b"x")
    assert refusal(tmp_path / "root", path).details["reason"] == "path"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "link").symlink_to("x")
    assert refusal(tmp_path, "link").details["errno"] == errno.ELOOP


def test_nothing_below_a_link_is_opened(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "deep" / "x").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    assert refusal(tmp_path, "link/deep/x").details["errno"] == errno.ENOTDIR
    assert refusal(tmp_path, "link/x").details["errno"] == errno.ENOTDIR


def test_a_pipe_a_socket_and_a_directory_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    listening = socket.socket(socket.AF_UNIX)
    os.chdir(tmp_path)
    listening.bind("socket")
    listening.close()
    for name in ("pipe", "directory", "socket"):
        assert "not a regular file" in refusal(tmp_path, name).message


def test_an_absent_file_is_told_with_its_errno(tmp_path: Path) -> None:
    assert refusal(tmp_path, "x").details["errno"] == errno.ENOENT
    assert refusal(tmp_path, "a/x").details["errno"] == errno.ENOENT
    assert refusal(tmp_path / "gone", "x").details["errno"] == errno.ENOENT


def test_a_name_of_undecodable_bytes_is_opened(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff\xfe\n.pt"
    with open(raw, "wb") as file:
        file.write(b"x")
    with open_file(str(tmp_path), os.fsdecode(b"\xff\xfe\n.pt")) as opened:
        assert opened.head == b"x"


def test_having_no_descriptors_left_says_nothing_about_the_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(highest)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, hard))
    try:
        with pytest.raises(ResourceShortage) as raised:
            open_file(str(tmp_path), "x")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
    assert raised.value.details["errno"] == errno.EMFILE


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x").write_bytes(b"x")
    (tmp_path / "a" / "link").symlink_to("x")
    before = len(os.listdir("/proc/self/fd"))
    with open_file(str(tmp_path), "a/x"), open_directory(str(tmp_path), "a") as directory:
        assert directory.find_file("link") is None
        assert directory.find_directory("x") is None
        assert directory.find_size("b") is None
        assert directory.find_size("x") == 1
    for path in ("a/link", "a/b", "a/gone", "a/x/y"):
        refusal(tmp_path, path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_directory_that_may_be_searched_but_not_read_gives_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"x")
    (tmp_path / "a").chmod(0o111)
    try:
        with open_file(str(tmp_path), "a/x") as file:
            assert file.head == b"x"
    finally:
        (tmp_path / "a").chmod(0o755)


def test_a_directory_lists_its_names_in_order(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    with open_directory(str(tmp_path), "") as directory:
        assert directory.names() == ["a", "b", "c"]
