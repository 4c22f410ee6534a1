"""The two clocks the writer's thread needs, as one value that tests replace."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` for intervals, in seconds; `wall_ns` only to compare with file times and to write dates."""

    monotonic: Callable[[], float] = time.monotonic
    wall_ns: Callable[[], int] = time.time_ns

    def now(self) -> datetime:
        """Return the wall time, aware, UTC."""
        return datetime.fromtimestamp(self.wall_ns() / 1e9, tz=UTC)
