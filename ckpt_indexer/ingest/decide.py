"""What to do about one path, as a function of what is on disk and what the catalog holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.candidate import Candidate, FileStamp
    from ckpt_indexer.store.changes import Known

DERIVATION = 2
"""Version of how rows are derived from files. A release that derives differently raises it; older rows are derived anew
in the background."""


class Action(StrEnum):
    """What follows from a decision."""

    SKIP = "skip"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why."""

    action: Action
    reason: str


SKIP_UNCHANGED = Decision(Action.SKIP, "unchanged")


def decide(
    candidate: Candidate,
    known: Known | None,
    sidecars: Sequence[tuple[bytes, FileStamp]],
    *,
    derivation: int = DERIVATION,
) -> Decision:
    """Return whether the candidate must be read.

    Args:
        candidate: The path as it lies on disk now.
        known: What the catalog holds about that path; None when nothing.
        sidecars: (path relative to the root, stamp) of every document that may describe it, in reading order.
        derivation: The derivation version of this release.
    """
    if known is None:
        return Decision(Action.READ, "new")
    if known.fingerprint != candidate.fingerprint or known.kind != candidate.kind:
        return Decision(Action.READ, "fingerprint changed")
    if known.presence != "present":
        return Decision(Action.READ, f"was {known.presence}")
    if known.read_state == "pending":
        return Decision(Action.READ, "was pending")
    if known.derivation < derivation:
        return Decision(Action.READ, "derived by an older release")
    if not _same_sidecars(known, sidecars):
        return Decision(Action.READ, "sidecar changed")
    return SKIP_UNCHANGED


def _same_sidecars(known: Known, sidecars: Sequence[tuple[bytes, FileStamp]]) -> bool:
    if len(known.sidecar_inputs) != len(sidecars):
        return False
    before = {path: (size, mtime_ns) for path, size, mtime_ns in known.sidecar_inputs}
    return all(before.get(path) == (stamp.size_bytes, stamp.mtime_ns) for path, stamp in sidecars)
