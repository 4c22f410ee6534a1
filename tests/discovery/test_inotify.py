"""The queue between the kernel's events and watchdog's threads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent
from watchdog.observers.inotify_move_event_grouper import PathedInotifyEvent

from ckpt_indexer.discovery.inotify import EventQueue

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import Mask, WatchDescriptor

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
