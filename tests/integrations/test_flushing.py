"""Flushing later: nobody waits, nothing is lost at the end, a disk that hangs or refuses holds nobody up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.integrations.flushing import MAX_WAITING, Flusher
from ckpt_indexer.integrations.guard import Guard, SidecarWarning
from ckpt_indexer.sidecar.io import write_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THREAD = "ckpt-indexer-flusher"


class Disk:
    """Stands for `fsync`: notes the inodes it is asked for, and holds them until it is let."""

    def __init__(self, *, held: bool = False) -> None:
        self.free = threading.Event()
        self.asked = threading.Event()
        self.flushed: list[int] = []
        if not held:
            self.free.set()

    def __call__(self, descriptor: int) -> None:
        self.asked.set()
        assert self.free.wait(30)
        self.flushed.append(os.fstat(descriptor).st_ino)


@pytest.fixture
def held() -> Iterator[Disk]:
    disk = Disk(held=True)
    yield disk
    disk.free.set()
    wait_for_no_thread()


def flusher(disk: Disk, *, pause_s: float = 0.0, patience_s: float = 30.0) -> Flusher:
    return Flusher(Guard(), flush=disk, pause_s=pause_s, patience_s=patience_s)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


def wait_for_no_thread() -> None:
    for thread in threads():
        thread.join(30)
    assert threads() == []


def write(flusher: Flusher, path: Path) -> int:
    """Write a document to be flushed later; return its inode."""
    write_document({"a": 1}, path, sync=flusher.later)
    return path.stat().st_ino


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_whoever_writes_does_not_wait_and_readers_see_it_whole(tmp_path: Path, held: Disk) -> None:
    write(flusher(held), tmp_path / "x.metadata.yaml")
    assert held.asked.wait(30)
    assert [path.name for path in tmp_path.iterdir()] == ["x.metadata.yaml"]
    assert (tmp_path / "x.metadata.yaml").read_text() == "a: 1\n"
    assert held.flushed == []


def test_file_and_directory_are_flushed_in_that_order_and_the_thread_ends(tmp_path: Path) -> None:
    disk, before = Disk(), descriptors()
    flushing = flusher(disk, pause_s=30.0)
    inode = write(flushing, tmp_path / "x.metadata.yaml")
    flushing.close()
    assert disk.flushed == [inode, tmp_path.stat().st_ino]
    wait_for_no_thread()
    assert descriptors() == before


def test_a_round_flushes_a_directory_once(tmp_path: Path) -> None:
    disk = Disk()
    flushing = flusher(disk, pause_s=30.0)
    inodes = [write(flushing, tmp_path / f"{number}.metadata.yaml") for number in range(3)]
    flushing.close()
    assert sorted(disk.flushed) == sorted([*inodes, tmp_path.stat().st_ino])


def test_it_can_be_used_again_after_it_was_closed(tmp_path: Path) -> None:
    disk = Disk()
    flushing = flusher(disk)
    flushing.close()
    for name in ("x", "y"):
        inode = write(flushing, tmp_path / f"{name}.metadata.yaml")
        flushing.close()
        assert inode in disk.flushed


def test_closing_waits_for_a_disk_that_hangs_only_so_long(tmp_path: Path, held: Disk) -> None:
    flushing = flusher(held, patience_s=0.01)
    write(flushing, tmp_path / "x.metadata.yaml")
    flushing.close()
    assert held.flushed == []


def test_a_slow_disk_costs_no_more_than_so_many_descriptors(tmp_path: Path, held: Disk) -> None:
    flushing, before = flusher(held), descriptors()
    for number in range(3 * MAX_WAITING):
        write(flushing, tmp_path / f"{number}.metadata.yaml")
    assert descriptors() - before <= 2 * MAX_WAITING
    held.free.set()
    flushing.close()
    assert descriptors() == before


def test_a_disk_that_refuses_is_warned_about_once_and_ends_nothing(tmp_path: Path) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    def write_three() -> None:
        for number in range(3):
            write(flushing, tmp_path / f"{number}.metadata.yaml")
            flushing.close()

    guard, before = Guard(), descriptors()
    flushing = Flusher(guard, flush=refuse, pause_s=0.0, patience_s=30.0)
    with pytest.warns(SidecarWarning, match="making a sidecar durable.*No space") as caught:
        write_three()
    assert (len(caught), guard.failures) == (1, 6)
    assert descriptors() == before


def test_where_no_descriptor_is_to_be_had_the_system_flushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise OSError(24, "Too many open files")

    disk, guard = Disk(), Guard()
    flushing = Flusher(guard, flush=disk, pause_s=0.0, patience_s=30.0)
    monkeypatch.setattr(os, "dup", refuse)
    write(flushing, tmp_path / "x.metadata.yaml")
    monkeypatch.undo()
    flushing.close()
    assert (disk.flushed, guard.failures, threads()) == ([], 0, [])


def test_where_no_thread_is_to_be_had_the_system_flushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    disk, before = Disk(), descriptors()
    flushing = flusher(disk)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    write(flushing, tmp_path / "x.metadata.yaml")
    monkeypatch.undo()
    flushing.close()
    assert (disk.flushed, descriptors()) == ([], before)


SCRIPT = """
import os, sys, time
from ckpt_indexer.integrations.flushing import Flusher
from ckpt_indexer.integrations.guard import Guard
from ckpt_indexer.sidecar.io import write_document

flushed = []
def flush(descriptor):
    time.sleep({flush_s})
    os.write(1, b"flushed ")
flusher = Flusher(Guard(), flush=flush, pause_s=30.0, patience_s={patience_s})
write_document({{"a": 1}}, sys.argv[1], sync=flusher.later)
{then}
"""


def script(tmp_path: Path, *, flush_s: float, patience_s: float, then: str = "") -> str:
    """Run a program that writes a document and ends; return what it printed."""
    code = SCRIPT.format(flush_s=flush_s, patience_s=patience_s, then=then)
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "x.metadata.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_end_of_the_process_flushes_what_waits(tmp_path: Path) -> None:
    assert script(tmp_path, flush_s=0, patience_s=30) == "flushed flushed "


def test_the_end_of_the_process_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    began = time.monotonic()
    assert script(tmp_path, flush_s=300, patience_s=0.1) == ""
    assert time.monotonic() - began < 60


def test_a_forked_process_flushes_its_own_and_waits_for_nothing_else(tmp_path: Path) -> None:
    then = """
flusher._changed.acquire()  # as the thread may hold it at the moment of the fork
if (child := os.fork()) == 0:
    flusher.close()
    os.write(1, b"child: ")
    write_document({"a": 2}, sys.argv[1] + "2", sync=flusher.later)
    flusher.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
os.write(1, b"parent: ")
flusher._changed.release()
"""
    printed = script(tmp_path, flush_s=0, patience_s=30, then=then)
    assert printed == "child: flushed flushed parent: flushed flushed "
