"""The queue between the kernel's events and watchdog's threads."""

from __future__ import annotations

import os
import queue
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent
from watchdog.observers.inotify_move_event_grouper import PathedInotifyEvent

from ckpt_indexer.discovery.inotify import EventQueue
from ckpt_indexer.discovery.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchdog.observers.inotify_c import Mask, WatchDescriptor

    from ckpt_indexer.discovery.listing import Hint

MINUTE_S = 60.0


def event(mask: int, name: bytes = b"a.ckpt") -> PathedInotifyEvent:
    return PathedInotifyEvent(InotifyEvent(cast("WatchDescriptor", 1), cast("Mask", mask), 7, name), name)


def test_a_waiting_half_of_a_move_goes_as_soon_as_the_other_is_there() -> None:
    queue, got = EventQueue(MINUTE_S), []
    source, destination = event(InotifyConstants.IN_MOVED_FROM), event(InotifyConstants.IN_MOVED_TO)
    queue.put(source, delay=True)
    reader = threading.Thread(target=lambda: got.append(queue.get()))
    reader.start()
    assert queue.remove(lambda one: one is source) is source
    queue.put((source, destination))
    reader.join(10)
    assert got == [(source, destination)]


def test_a_half_that_stays_alone_goes_after_the_delay_and_holds_its_place() -> None:
    queue = EventQueue(0.01)
    source, later = event(InotifyConstants.IN_MOVED_FROM), event(InotifyConstants.IN_CLOSE_WRITE)
    began = time.monotonic()
    queue.put(source, delay=True)
    queue.put(later)
    assert [queue.get(), queue.get()] == [source, later]
    assert time.monotonic() - began >= 0.01


def test_a_closed_queue_lets_its_reader_go() -> None:
    queue, got = EventQueue(MINUTE_S), []
    reader = threading.Thread(target=lambda: got.append(queue.get()))
    reader.start()
    queue.close()
    reader.join(10)
    assert got == [None]


@pytest.fixture
def abyss(tmp_path: Path) -> Iterator[Path]:
    """A directory with more levels below it than Python's stack has room for."""
    levels = [os.fspath(tmp_path / "root")]
    levels += [f"{levels[0]}{'/n' * depth}" for depth in range(1, sys.getrecursionlimit() + 200)]
    for level in levels:
        os.mkdir(level)
    yield tmp_path / "root"
    for level in reversed(levels):  # whoever removes temporary directories does so level by level, too
        shutil.rmtree(level)


def test_a_tree_deeper_than_the_stack_is_watched(abyss: Path) -> None:
    seen: queue.SimpleQueue[Hint] = queue.SimpleQueue()
    bottom = Path(os.fspath(abyss) + "/n" * (sys.getrecursionlimit() + 100))
    watcher = Watcher([os.fsencode(abyss)], seen.put)
    watcher.start()
    try:
        assert watcher.needs_scan() == {}
        assert watcher.coverage().held > sys.getrecursionlimit()
        (bottom / "a.ckpt").touch()
        path = os.fsencode(bottom / "a.ckpt").removeprefix(os.fsencode(abyss) + b"/")
        assert seen.get(timeout=10).path == path
        (bottom / "a.ckpt").unlink()
    finally:
        watcher.stop()


def test_a_tree_deeper_than_the_stack_may_be_moved(abyss: Path) -> None:
    seen: queue.SimpleQueue[Hint] = queue.SimpleQueue()
    watcher = Watcher([os.fsencode(abyss)], seen.put)
    watcher.start()
    try:
        os.rename(abyss / "n", abyss / "m")
        (abyss / "after.ckpt").touch()
        told = iter(lambda: seen.get(timeout=10).path, b"after.ckpt")
        assert b"m" in set(told)
        assert watcher.check(0.0) == []
        os.rename(abyss / "m", abyss / "n")
        (abyss / "after.ckpt").unlink()
    finally:
        watcher.stop()
