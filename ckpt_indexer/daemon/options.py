"""What a user may set about the daemon itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How often the daemon looks by itself."""

    rescan_s: float = 900.0
    """Between full reconciles of what events cover."""
    poll_s: float = 30.0
    """Between scans of what events do not cover."""
    check_s: float = 2.0
    """Between looks at roots, threads and the database file."""
