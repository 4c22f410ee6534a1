"""The daemon under a service manager: it says when it is ready, that it lives, and that it ends."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from tests.journeys.harness import Daemon, write_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


def test_the_service_manager_hears_of_start_life_and_end(root: Path, database: Path, tmp_path: Path) -> None:
    write_checkpoint(root / "a.ckpt")
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}

        def hear(until: str) -> None:
            while until not in heard:
                heard.extend(manager.recv(4096).decode().split("\n"))

        with Daemon(root, database, env=environ) as daemon:
            hear("READY=1")
            hear("WATCHDOG=1")
            began = time.monotonic()
            assert daemon.stop() == 0
            hear("STOPPING=1")
    assert time.monotonic() - began < 5
    assert heard.index("READY=1") < heard.index("WATCHDOG=1") < heard.index("STOPPING=1")
    assert any(line.startswith("STATUS=watching 1 roots") for line in heard)
