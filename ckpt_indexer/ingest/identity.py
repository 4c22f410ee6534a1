"""Is a path new, the new place of a file we know, or another name of one? Decided from inodes, purely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ckpt_indexer.candidate import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.store.changes import Known


@dataclass(frozen=True, slots=True)
class Itself:
    """An ordinary file: a row of its own."""


@dataclass(frozen=True, slots=True)
class MovedFrom:
    """The file of row `known` lies here now."""

    known: Known


@dataclass(frozen=True, slots=True)
class LinkOf:
    """Another hard link of a file that is still in place."""

    other: Known


def is_itself(row: Known) -> bool:
    """Tell whether a row says to be a present file of its own: no symlink, no other name of one."""
    return row.kind == Kind.FILE and row.presence == "present" and row.alias_of is None


Identity: TypeAlias = Itself | MovedFrom | LinkOf


def identify(
    candidate: Candidate,
    root_id: int,
    known: Known | None,
    twins: Iterable[Known],
    *,
    still_there: Callable[[Known], bool],
) -> Identity:
    """Return what the candidate is to the rows that share its device and inode.

    A move needs the same device, inode, size and mtime, a former place that is empty now, and no present row at the new
    place (a file moved over another takes over that path's row). `still_there(row)` tells whether the row's path still
    leads to that inode.
    """
    others = (twin for twin in twins if (twin.root_id, twin.path) != (root_id, candidate.path))
    gone: list[Known] = []
    for twin in () if candidate.kind is Kind.SYMLINK else others:
        if twin.kind == Kind.SYMLINK or not still_there(twin):
            gone.append(twin)
        elif candidate.kind is Kind.FILE:  # one is enough: a file may have thousands of names
            return LinkOf(twin)
    if known is not None and known.presence == "present":
        return Itself()
    stamp = candidate.fingerprint
    gone = [
        twin
        for twin in gone
        if twin.kind == candidate.kind
        and (twin.fingerprint.size_bytes, twin.fingerprint.mtime_ns) == (stamp.size_bytes, stamp.mtime_ns)
    ]
    return MovedFrom(min(gone, key=lambda twin: twin.id)) if gone else Itself()


def moved_from(
    known: Known, others: Iterable[Known], *, is_gone: Callable[[Known], bool], still_there: Callable[[Known], bool]
) -> Known | None:
    """Return the row whose file came here by way of another disk, None when that is not certain.

    `others` are the rows whose files had the content that the file of `known` has; no more of them are taken than
    needed. Certain it is when exactly one of them is gone, it is the older row, and none is in place. A row that was
    described with its header before keeps being itself.
    """
    if known.header_read:
        return None
    found = None
    for row in others:
        if row.id == known.id or row.alias_of is not None or row.kind != known.kind:
            continue
        if still_there(row):
            return None
        if row.id < known.id and is_gone(row):
            if found is not None:
                return None
            found = row
    return found
