"""A plan: what is to be done with each file, and why. What is shown is what is executed, step by step.

A step that fails is an outcome like any other: it never hides the steps after it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import CkptIndexerError, SidecarUnreadable
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.tools.writing import CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.metadata.record import Problem
    from ckpt_indexer.tools.selection import Progress
    from ckpt_indexer.tools.writing import Stamp


class Outcome(StrEnum):
    """What is to become, or became, of a file."""

    WRITE = "write"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about one checkpoint or document."""

    path: bytes
    """Absolute path of what the step is about."""
    outcome: Outcome
    reason: str = ""
    """Why nothing is written: a stable lower-case word; empty for a document that is."""
    message: str = ""
    """The same in a sentence."""
    target: bytes | None = None
    """Absolute path of the document concerned."""
    document: dict[str, Any] | None = None  # JSON values
    """What is to be written there."""
    replaces: Stamp | None = None
    """What is there now; it is kept as `.bak`."""
    backup: bytes | None = None
    """Where it was kept, once it was."""
    told: dict[str, Any] = field(default_factory=dict)  # JSON values
    """What else a person should see: versions, origins, losses."""

    def to_dict(self, subject: str) -> dict[str, Any]:  # JSON values
        """Return the step as JSON values; `subject` is what its path is called."""
        return {
            subject: display(self.path),
            "outcome": str(self.outcome),
            "reason": self.reason or None,
            "message": self.message or None,
            "document": None if self.target is None else display(self.target),
            "backup": None if self.backup is None else display(self.backup),
            **self.told,
        }


@dataclass(slots=True)
class Plan:
    """The steps in the order of their paths, and the places nobody could look into."""

    steps: list[Step] = field(default_factory=list)
    problems: list[tuple[bytes, Problem]] = field(default_factory=list)
    complete: bool = True
    """False when a directory could not be listed: what lies below it has no step."""
    dry_run: bool = False
    seconds: float = 0.0
    turned: list[Step] = field(default_factory=list)
    """Steps that were to be written and were not."""

    def count(self, outcome: Outcome) -> int:
        """Return how many steps have this outcome."""
        return sum(step.outcome is outcome for step in self.steps)

    def reasons(self, outcome: Outcome) -> dict[str, int]:
        """Return reason -> how many steps have this outcome for it, the commonest first."""
        return dict(Counter(step.reason for step in self.steps if step.outcome is outcome).most_common())

    @property
    def ok(self) -> bool:
        """Tell whether nothing failed and everything could be looked at."""
        return self.complete and not self.count(Outcome.FAIL)

    def places(self) -> list[dict[str, str]]:
        """Return the problems of places as JSON values."""
        return [{"path": display(path), "kind": kind, "message": text} for path, (kind, text) in self.problems]


def execute(plan: Plan, act: Callable[[Step], Step], progress: Progress | None, phase: str) -> None:
    """Do what the plan says; each step is replaced by what became of it."""
    total, done = plan.count(Outcome.WRITE), 0
    for place, step in enumerate(plan.steps):
        if step.outcome is Outcome.WRITE:
            plan.steps[place] = done_step = attempt(step, act)
            if done_step.outcome is not Outcome.WRITE:
                plan.turned.append(done_step)
            done += 1
            if progress is not None:
                progress(phase, done, total)


def attempt(step: Step, act: Callable[[Step], Step]) -> Step:
    """Return what became of a step; a file that changed since the plan was made is skipped, never overwritten."""
    try:
        return act(step)
    except SidecarUnreadable as error:
        outcome = Outcome.SKIP if error.details.get("reason") == CHANGED else Outcome.FAIL
        return replace(step, outcome=outcome, reason=str(error.details.get("reason", "failed")), message=error.message)
    except (CkptIndexerError, OSError) as error:
        return failed(step, error)


def failed(step: Step, error: CkptIndexerError | OSError) -> Step:
    """Return the step as failed, with the error in words."""
    if isinstance(error, CkptIndexerError):
        return replace(step, outcome=Outcome.FAIL, reason="failed", message=error.message)
    where = "" if step.target is None else f" {display(step.target)}"
    return replace(step, outcome=Outcome.FAIL, reason="io", message=f"cannot write{where}: {error.strerror or error}")
