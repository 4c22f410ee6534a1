"""What a scan tells the person who asked for it: values only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is. `phase` is walking, settling or done."""

    phase: str
    root: str
    found: int
    done: int
    pending: int


@dataclass(slots=True)
class ScanSummary:
    """What a scan found and did. Counts are checkpoints unless the name says otherwise."""

    roots: list[str] = field(default_factory=list)
    found: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    missing: int = 0
    """Turned missing by this scan."""
    unchanged: int = 0
    degraded: int = 0
    """Rows of the scanned part that are degraded now."""
    unreadable: int = 0
    """Rows of the scanned part that are unreadable now."""
    pending: int = 0
    """Files that kept changing and were left pending."""
    problems: int = 0
    """Places that could not be listed."""
    complete: bool = True
    """False when a directory could not be listed: nothing below it was called missing."""
    seconds: float = 0.0
    by_daemon: bool = False

    def to_dict(self) -> dict[str, Any]:  # JSON values
        """Return the summary as plain JSON values."""
        return asdict(self)
