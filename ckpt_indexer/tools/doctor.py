"""What a checkup finds: checks, each with a verdict, one sentence, and what to do about it. Values only.

The verdicts are reached in the `doctor_*` modules, from values that were gathered before; `app.checkup` puts them
together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Verdict(StrEnum):
    """How a check ended. Only `failed` makes a checkup fail."""

    OK = "ok"
    WARNING = "warning"
    """It works, and someone should look."""
    FAILED = "failed"
    """Something a person relies on does not work."""
    SKIPPED = "skipped"
    """There was nothing to look at, or something before it failed."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    """Stable: `section.word`. A checkup holds each name once."""
    verdict: Verdict
    message: str
    """One sentence, or a few words."""
    fix: str | None = None
    """What to do; given with every warning and failure."""
    facts: Mapping[str, Any] = field(default_factory=dict)  # JSON values
    """The values the verdict was reached from."""

    @property
    def section(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    @property
    def word(self) -> str:
        """The part of the name behind the dot."""
        return self.name.partition(".")[2]

    def to_dict(self) -> dict[str, Any]:  # JSON values
        """Return the check as JSON values."""
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            "message": self.message,
            "fix": self.fix,
            "facts": dict(self.facts),
        }


@dataclass(frozen=True, slots=True)
class Checkup:
    """All checks, in the order in which they build on each other."""

    version: str
    """The release that looked."""
    checks: tuple[Check, ...]
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Tell whether nothing failed; warnings do not count."""
        return not any(check.verdict is Verdict.FAILED for check in self.checks)

    def counts(self) -> dict[str, int]:
        """Return how many checks ended with each verdict."""
        return {str(one): sum(check.verdict is one for check in self.checks) for one in Verdict}

    def to_dict(self) -> dict[str, Any]:  # JSON values
        """Return the checkup as JSON values."""
        return {
            "ok": self.ok,
            "version": self.version,
            "counts": self.counts(),
            "seconds": round(self.seconds, 3),
            "checks": [check.to_dict() for check in self.checks],
        }


def fine(name: str, message: str, **facts: Any) -> Check:  # noqa: ANN401  # JSON values
    """Return a check that found nothing wrong."""
    return Check(name, Verdict.OK, message, facts=facts)


def warning(name: str, message: str, fix: str, **facts: Any) -> Check:  # noqa: ANN401  # JSON values
    """Return a check that found something to look at."""
    return Check(name, Verdict.WARNING, message, fix, facts)


def failed(name: str, message: str, fix: str, **facts: Any) -> Check:  # noqa: ANN401  # JSON values
    """Return a check that found something that does not work."""
    return Check(name, Verdict.FAILED, message, fix, facts)


def skipped(name: str, message: str, **facts: Any) -> Check:  # noqa: ANN401  # JSON values
    """Return a check that was not made, with the reason."""
    return Check(name, Verdict.SKIPPED, message, facts=facts)


def size(size_bytes: int) -> str:
    """Return a number of bytes with a binary unit."""
    amount = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{size_bytes} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 row` or `2 rows`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
