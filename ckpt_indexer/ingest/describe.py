"""Read one candidate through a chain of sources and make sure it did not change meanwhile."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from ckpt_indexer.candidate import Fingerprint, Kind
from ckpt_indexer.errors import ResourceShortage, is_shortage
from ckpt_indexer.metadata.record import Input, Problem, ReadState, Record, SidecarState
from ckpt_indexer.sources.chain import merge
from ckpt_indexer.sources.header import UNREADABLE_KINDS
from ckpt_indexer.sources.sidecar import derived_from

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.sources.chain import Asked, Chain


log = logging.getLogger(__name__)

FORM = frozenset({"format", "content_id", "weights_id"})
"""Fields that any bytes have, and that say nothing about a training."""
REMARKS = frozenset({"suffix_mismatch"})
"""Problems that are worth a word and cost nothing."""


class Outcome(StrEnum):
    """How describing ended."""

    DONE = "done"
    CHANGED = "changed"
    """The file changed, or went, while it was read: look again later."""
    SHORT = "short"
    """This process lacks descriptors, memory or processes: look again later, less and less often."""
    NEEDS_CHILD = "needs_child"
    """Reading safely takes a child process."""


@dataclass(frozen=True, slots=True)
class Description:
    """A candidate and what was found out about it. `record` is set when the outcome is DONE."""

    root_id: int
    candidate: Candidate
    outcome: Outcome
    record: Record | None = None


def describe(root_id: int, candidate: Candidate, chain: Chain) -> Description:
    """Return what the chain says about the candidate; CHANGED when its file is not the same before and after.

    A source with a bug costs one row its metadata, never the thread: the row says so.
    """
    try:
        return _describe(root_id, candidate, chain)
    except ResourceShortage:
        return Description(root_id, candidate, Outcome.SHORT)
    except Exception as error:
        if is_shortage(error):
            return Description(root_id, candidate, Outcome.SHORT)
        log.exception("describing a checkpoint failed", extra={"path": candidate.absolute})
        problem = Problem("internal_error", f"{type(error).__name__}: {error}")
        record = Record(problems=[problem], read_state=ReadState.DEGRADED, header={} if chain.reads_files else None)
        record.inputs = [Input(path, *stamp) for path, stamp in derived_from(candidate)]
        return Description(root_id, candidate, Outcome.DONE, record)


def _describe(root_id: int, candidate: Candidate, chain: Chain) -> Description:
    asked = chain.ask(candidate)
    if asked.needs_child:
        return Description(root_id, candidate, Outcome.NEEDS_CHILD)
    reason = None if _has_sidecar(asked) else _why_unreadable(candidate)
    if not is_same(candidate):
        return Description(root_id, candidate, Outcome.CHANGED)
    record = merge(asked)
    if chain.reads_files and record.header is None:
        record.header = {}  # it was asked for and gave nothing: not again before the file changes
    _grade(record, reason)
    return Description(root_id, candidate, Outcome.DONE, record)


def is_current(description: Description) -> bool:
    """Tell whether a description made a while ago still holds: file and sources are as they were."""
    candidate, record = replace(description.candidate, neighbours=None), description.record
    if record is None or not is_same(candidate):
        return False
    read = {entry.path: (entry.size_bytes, entry.mtime_ns) for entry in record.inputs if entry.source == "sidecar"}
    now = {path: tuple(stamp) for path, stamp in derived_from(candidate)}
    followed = {path for path in read if path not in now}  # files that symlinked documents lead to
    return now.items() <= read.items() and all(_stamp(candidate.root, path) == read[path] for path in followed)


def _stamp(root: bytes, path: bytes) -> tuple[int, int] | None:
    try:
        stat = os.lstat(root + b"/" + path)
    except OSError:
        return None
    return (stat.st_size, stat.st_mtime_ns)


def is_same(candidate: Candidate) -> bool:
    """Tell whether the entry on disk still has the candidate's fingerprint (of a directory: device and inode)."""
    try:
        stat = os.stat(candidate.absolute, follow_symlinks=candidate.kind is Kind.SYMLINK)
    except OSError:
        return False
    if candidate.kind is Kind.DIRECTORY:
        return (stat.st_dev, stat.st_ino) == candidate.fingerprint[:2]
    return Fingerprint.of(stat) == candidate.fingerprint


def _has_sidecar(asked: Asked) -> bool:
    return any(finding.source == "sidecar" and finding.facts for finding in asked.findings)


def _why_unreadable(candidate: Candidate) -> str | None:
    """Return why the file cannot be opened; None when it can. Nothing is read."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        os.close(os.open(candidate.absolute, flags))
    except OSError as error:
        if is_shortage(error):
            raise
        return error.strerror
    return None


def _grade(record: Record, unreadable: str | None) -> None:
    """Set the read state: what was read well enough is `ok`, anything with problems `degraded`, and what nobody but its
    path tells of while its bytes are broken `unreadable`."""
    if unreadable is not None:
        record.problems.append(Problem("unreadable", f"the file cannot be opened: {unreadable}"))
        record.read_state = ReadState.UNREADABLE
        return
    told = _is_told_of(record)
    kinds = {problem.kind for problem in record.problems}
    if not told and not kinds.isdisjoint(UNREADABLE_KINDS):
        record.read_state = ReadState.UNREADABLE
        return
    if not told and record.sidecar_state in {None, SidecarState.CONTRADICTED}:
        record.problems.append(
            Problem("no_metadata", "neither a document nor the file says what this is; only its path was read")
        )
    record.read_state = ReadState.DEGRADED if {problem.kind for problem in record.problems} - REMARKS else ReadState.OK


def _is_told_of(record: Record) -> bool:
    """Tell whether anything but the path and the mere form of the file is known."""
    sources = {source for field, source in record.provenance.items() if field not in FORM}
    return not sources <= {"names", "default"}
