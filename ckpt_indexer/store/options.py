"""What can be chosen about the writer and its database file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def on_local_disk(_path: Path) -> bool:
    """Tell that a database does not lie on a network file system; callers who can find out pass their own."""
    return False


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """How the one writer opens and keeps its database."""

    busy_timeout_s: float = 5.0
    """How long to wait for another writer before `DatabaseLocked`."""
    cache_kib: int = 8_192
    """SQLite page cache of the writing connection."""
    derivation: int = 1
    """The derivation version given to rows described from now on."""
    backups_kept: int = 2
    """How many backups made before upgrades stay beside the database."""
    is_network: Callable[[Path], bool] = on_local_disk
    """Tells whether a path lies on a network file system, where WAL does not work."""
    now: Callable[[], datetime] = utc_now
    """The clock: aware datetimes."""
