"""Telling the service manager how the daemon is: ready, alive, stopping. Adapts systemd's protocol; no decisions.

One datagram to the socket named in `NOTIFY_SOCKET`: https://www.freedesktop.org/software/systemd/man/sd_notify.html
"""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

STATUS_EVERY_S = 10.0


class Notifier:
    """Speaks to whoever started the daemon, or to nobody. Never fails and never waits."""

    def __init__(self, address: str | None = None, *, watchdog_s: float | None = None) -> None:
        """`address` is a path or, with `@` in front, an abstract name; `watchdog_s` how long silence is borne."""
        self._address = address
        self.watchdog_s = watchdog_s
        """None: nobody waits for signs of life."""
        self._beat_at = self._status_at = 0.0
        self._status = ""

    @classmethod
    def of(cls, environ: Mapping[str, str], *, pid: int | None = None) -> Notifier:
        """Return what the environment asks for; one that says nothing where it asks for nothing.

        `WATCHDOG_PID` says which process the watchdog is for: https://www.freedesktop.org/software/systemd/man/sd_watchdog_enabled.html
        """
        address = environ.get("NOTIFY_SOCKET", "")
        whose = environ.get("WATCHDOG_PID")
        mine = whose is None or whose == str(os.getpid() if pid is None else pid)
        period = environ.get("WATCHDOG_USEC", "")
        watchdog_s = int(period) / 1e6 if mine and period.isascii() and period.isdigit() and int(period) else None
        return cls(address if address[:1] in ("/", "@") else None, watchdog_s=watchdog_s)

    def ready(self, status: str) -> None:
        """Say that requests are answered from now on."""
        self._status = status
        self._send("READY=1", f"STATUS={_line(status)}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1", "STATUS=stopping")

    def alive(self, now: float, *, last_step: float, status: str = "") -> None:
        """Say that all is well, often enough for the watchdog; `now` and `last_step` are monotonic seconds.

        `last_step` is when the thread that does the work was last seen at it. When that is longer ago than the watchdog
        bears, nothing is said, so that the service manager starts the daemon again.
        """
        lines = []
        if self.watchdog_s is not None and now - self._beat_at >= self.watchdog_s / 4:
            if now - last_step < self.watchdog_s:
                self._beat_at = now
                lines.append("WATCHDOG=1")
            else:
                log.warning("the writer has not moved for %.0f s; the watchdog is not fed", now - last_step)
        if status and status != self._status and now - self._status_at >= STATUS_EVERY_S:
            self._status, self._status_at = status, now
            lines.append(f"STATUS={_line(status)}")
        self._send(*lines)

    def _send(self, *lines: str) -> None:
        if self._address is None or not lines:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode("utf-8", "backslashreplace"), address)
        except OSError as error:
            log.debug("the service manager was not told: %s", error)


def _line(text: str) -> str:
    """Return text as one line: a newline would begin another message."""
    return " ".join(text.splitlines())
