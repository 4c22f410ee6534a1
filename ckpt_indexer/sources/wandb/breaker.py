"""When a server that fails may be asked again: exponential back-off, and a pause after several failures. Pure.

The clock is passed in as monotonic seconds. At its start the W&B client reports outages and rate limits as bad keys, so
every failure counts the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class BreakerOptions:
    """How patient to be."""

    first_pause_s: float = 5.0
    """After the first failure; doubled after each further one."""
    longest_pause_s: float = 300.0
    open_after: int = 3
    """Failures in a row that open the breaker."""
    open_s: float = 600.0
    """How long it stays open; then one question is let through, and a failure opens it again."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is remembered of the last answers; each of them makes a new value."""

    failures: int = 0
    """In a row."""
    not_before: float = 0.0
    """No question before this moment."""

    def wait_s(self, now: float) -> float:
        """Return how long to wait before the next question; 0: none."""
        return max(0.0, self.not_before - now) if self.failures else 0.0

    def succeeded(self) -> Breaker:
        """Return the breaker after an answer."""
        return Breaker()

    def failed(self, now: float, options: BreakerOptions) -> Breaker:
        """Return the breaker after a failure."""
        failures = self.failures + 1
        if failures >= options.open_after:
            pause = options.open_s
        else:
            pause = min(options.first_pause_s * 2 ** (failures - 1), options.longest_pause_s)
        return replace(self, failures=failures, not_before=now + pause)

    def is_open(self, options: BreakerOptions) -> bool:
        """Tell whether so many questions failed that it pauses for long."""
        return self.failures >= options.open_after
