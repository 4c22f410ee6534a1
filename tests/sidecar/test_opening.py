from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.candidate import FileStamp
from ckpt_indexer.errors import SidecarUnreadable
from ckpt_indexer.sidecar import opening
from ckpt_indexer.sidecar.bounds import MAX_BYTES
from ckpt_indexer.sidecar.opening import is_below, read_linked, read_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _bytes(path: Path) -> bytes:
    return os.fsencode(path)


def _open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # counted, not walked


def _reason(path: Path) -> object:
    with pytest.raises(SidecarUnreadable) as caught:
        read_whole(_bytes(path))
    return caught.value.details["reason"]


def test_a_regular_file_is_read_with_its_stamp(tmp_path: Path) -> None:
    path = tmp_path / "x.metadata.yaml"
    path.write_bytes(b"a: 1\n")
    found = path.stat()
    assert read_whole(_bytes(path)) == (b"a: 1\n", FileStamp(5, found.st_mtime_ns))


def test_an_absent_file_is_absent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_whole(_bytes(tmp_path / "none"))


def test_a_fifo_never_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    assert _reason(tmp_path / "x") == "not_regular"


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert _reason(tmp_path) == "not_regular"


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # socket paths are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("x")
        assert _reason(tmp_path / "x") == "not_regular"


def test_a_symlink_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"a: 1\n")
    (tmp_path / "x").symlink_to("target")
    assert _reason(tmp_path / "x") == "open"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a: 1\n")
    (tmp_path / "x").chmod(0)
    assert _reason(tmp_path / "x") == "open"


def test_a_huge_file_is_refused_without_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("read"))
    assert _reason(path) == "too_large"


def test_the_largest_allowed_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"#" * MAX_BYTES)
    assert len(read_whole(_bytes(tmp_path / "x")).data) == MAX_BYTES


def test_a_file_changed_while_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    real, contents = os.read, [b"newer"]

    def read(descriptor: int, count: int) -> bytes:
        data = real(descriptor, count)
        if contents:
            path.write_bytes(contents.pop())
            os.utime(path, ns=(1, 1))
        return data

    monkeypatch.setattr(os, "read", read)
    assert read_whole(_bytes(path)) == (b"newer", FileStamp(5, 1))


def test_a_file_that_keeps_changing_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a")
    real, clock = os.read, iter(range(1, 100))

    def read(descriptor: int, count: int) -> bytes:
        data = real(descriptor, count)
        os.utime(path, ns=(1, next(clock)))
        return data

    monkeypatch.setattr(os, "read", read)
    assert _reason(path) == "still_changing"


def test_the_usual_case_costs_five_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a: 1\n")
    calls: list[str] = []

    def spy(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any) -> Any:
            calls.append(name)
            return real(*args)

        return called

    for name in ("open", "fstat", "read", "close", "stat", "lstat"):
        monkeypatch.setattr(os, name, spy(name, getattr(os, name)))
    opening.read_whole(_bytes(path))
    monkeypatch.undo()
    assert calls == ["open", "fstat", "read", "fstat", "close"]


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    before = _open_descriptors()
    for _ in range(20):
        _reason(tmp_path / "x")
        _reason(tmp_path)
    assert _open_descriptors() == before


def test_a_link_within_the_root_is_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"a: 1\n")
    (tmp_path / "x").symlink_to("target")
    target, content = read_linked(_bytes(tmp_path / "x"), _bytes(tmp_path.resolve()))
    assert (target, content.data) == (_bytes(tmp_path.resolve() / "target"), b"a: 1\n")


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("../outside", "outside_root"),
        ("/etc/hostname", "outside_root"),
        ("/dev/zero", "outside_root"),
        ("nowhere", "dangling_link"),
        ("x", "dangling_link"),
        ("fifo", "not_regular"),
        (".", "not_regular"),
    ],
)
def test_any_other_link_is_refused(tmp_path: Path, link: str, reason: str) -> None:
    root = tmp_path.resolve() / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "outside").write_bytes(b"a: 1\n")
    os.mkfifo(root / "sub" / "fifo")
    (root / "sub" / "x").symlink_to("../" + link if link.startswith("..") else link)
    with pytest.raises(SidecarUnreadable) as caught:
        read_linked(_bytes(root / "sub" / "x"), _bytes(root / "sub") if link == "." else _bytes(root))
    assert caught.value.details["reason"] in {reason, "outside_root"}


def test_a_file_opened_outside_after_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a: 1\n")
    with pytest.raises(SidecarUnreadable) as caught:
        read_whole(_bytes(tmp_path / "x"), within=_bytes(tmp_path / "root"))
    assert caught.value.details["reason"] == "outside_root"


def test_a_neighbour_with_the_same_beginning_is_not_below() -> None:
    assert not is_below(b"/data/outputs2/x", b"/data/outputs")
    assert is_below(b"/data/outputs/x", b"/data/outputs")
    assert is_below(b"/x", b"/")
