from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.daemon.notify import STATUS_EVERY_S, Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        try:
            return self._socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return []

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "n") if request.param == "path" else f"@ckpt-indexer-test-{os.getpid()}")
    yield manager
    manager.close()


def test_ready_and_stopping_are_told(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    notifier.ready("watching\n2 roots")
    assert manager.heard() == ["READY=1", "STATUS=watching 2 roots"]
    notifier.stopping()
    assert manager.heard() == ["STOPPING=1", "STATUS=stopping"]


def test_the_watchdog_is_fed_four_times_in_its_period(manager: Manager) -> None:
    notifier = Notifier(manager.address, watchdog_s=40.0)
    fed = []
    for second in range(100, 141):
        notifier.alive(float(second), last_step=float(second))
        fed += manager.heard()
    assert fed == ["WATCHDOG=1"] * 5


def test_the_watchdog_is_not_fed_while_the_writer_stands_still(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier(manager.address, watchdog_s=40.0)
    notifier.alive(200.0, last_step=160.0)
    assert manager.heard() == []
    assert "the writer has not moved" in caplog.text
    notifier.alive(201.0, last_step=200.5)
    assert manager.heard() == ["WATCHDOG=1"]


def test_a_status_is_told_when_it_changed_and_not_too_often(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    notifier.ready("one")
    manager.heard()
    notifier.alive(100.0, last_step=100.0, status="one")
    assert manager.heard() == []
    notifier.alive(101.0, last_step=101.0, status="two")
    assert manager.heard() == ["STATUS=two"]
    notifier.alive(102.0, last_step=102.0, status="three")
    assert manager.heard() == []
    notifier.alive(101.0 + STATUS_EVERY_S, last_step=111.0, status="three")
    assert manager.heard() == ["STATUS=three"]


def test_without_a_watchdog_no_sign_of_life_is_sent(manager: Manager) -> None:
    Notifier(manager.address).alive(100.0, last_step=0.0)
    assert manager.heard() == []


def test_nobody_to_tell_is_no_failure(tmp_path: Path) -> None:
    for notifier in (Notifier(), Notifier(str(tmp_path / "nobody"))):
        notifier.ready("x")
        notifier.alive(1.0, last_step=1.0, status="y")
        notifier.stopping()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("environ", "address", "watchdog_s"),
    [
        ({}, None, None),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "120000000"}, "/run/n", 120.0),
        ({"NOTIFY_SOCKET": "@abstract", "WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "7"}, "@abstract", 120.0),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "8"}, "/run/n", None),
        ({"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "0"}, None, None),
        ({"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "soon"}, None, None),
    ],
)
def test_the_environment_says_whom_to_tell(
    environ: dict[str, str], address: str | None, watchdog_s: float | None
) -> None:
    notifier = Notifier.of(environ, pid=7)
    assert (notifier._address, notifier.watchdog_s) == (address, watchdog_s)
