"""What a running service says of itself while its writer is at work."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.daemon.orders import Orders
from ckpt_indexer.daemon.worker import SILENT_S
from tests.journeys.harness import eventually, service, write_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ckpt_indexer.daemon.service import Service

SOON_S = 2.0
"""Far below the minute for which the writer is kept busy, far above what an answer takes."""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Service]:
    root = tmp_path / "outputs"
    write_checkpoint(root / "a.ckpt")
    with service(root, tmp_path / "catalog.db") as running:
        eventually(Orders(running).is_ready)
        yield running


@pytest.fixture
def busy(running: Service) -> Iterator[Service]:
    """A service whose writer is in the middle of something long."""
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        ended.wait(60)

    running.inbox.call(work)
    assert begun.wait(10)
    try:
        yield running
    finally:
        ended.set()


def test_health_does_not_wait_for_a_busy_writer(busy: Service) -> None:
    began = time.monotonic()
    report = busy.health()
    assert time.monotonic() - began < SOON_S
    assert (report["status"], report["busy"], report["backlog"]) == ("ok", True, 0)


def test_a_service_that_was_ready_stays_so_while_its_writer_works(busy: Service) -> None:
    orders = Orders(busy)
    orders._is_ready = True  # it was found ready before the writer began
    began = time.monotonic()
    assert orders.is_ready()
    assert time.monotonic() - began < SOON_S


def test_a_writer_at_one_thing_for_too_long_is_told(busy: Service) -> None:
    busy.worker.last_step -= SILENT_S + 5
    report = busy.health()
    assert report["status"] == "degraded"
    assert any("at one thing for" in reason for reason in report["reasons"])


def test_trouble_is_told_even_by_a_writer_that_is_busy(busy: Service) -> None:
    busy.worker.report = busy.worker.report | {"trouble": "the disk refused a write"}
    assert busy.health()["reasons"] == ["the disk refused a write"]
    orders = Orders(busy)
    orders._is_ready = True  # as above
    assert not orders.is_ready()
