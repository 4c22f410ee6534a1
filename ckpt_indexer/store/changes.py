"""What the writer can be asked to do: plain values, applied in order, one transaction per batch.

`ingest` decides and makes these; `store.writer` carries them out. Nothing here touches a database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate, Fingerprint
    from ckpt_indexer.metadata.record import Presence, Problem, Record


class RootRow(NamedTuple):
    """A watched root as the store knows it. `device` and `inode` are None before its first complete scan."""

    id: int
    name: str
    path: bytes
    device: int | None
    inode: int | None
    state: str
    mode: str
    scanned_at: str | None


class Known(NamedTuple):
    """What the catalog holds about one path: enough to decide whether the disk differs."""

    id: int
    root_id: int
    path: bytes
    kind: str
    fingerprint: Fingerprint
    sidecar_inputs: tuple[tuple[bytes, int | None, int | None], ...]
    """(path, size, mtime_ns) of the present inputs the row was derived from."""
    presence: str
    read_state: str
    derivation: int
    alias_of: int | None
    header_read: bool = False
    """The row says what the file's own header says."""

    @property
    def sidecar_paths(self) -> tuple[bytes, ...]:
        """The paths of those inputs."""
        return tuple(path for path, _, _ in self.sidecar_inputs)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file was seen: make sure it has a row. A new row, or one whose fingerprint differs, becomes `pending` and keeps
    what it said before until it is described anew."""

    root_id: int
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Described:
    """Reading ended: the row says exactly what the record says. Inserts the row when it is new."""

    root_id: int
    candidate: Candidate
    record: Record
    alias_of: int | None = None
    """Row id of the file this one is a symlink or hard link to."""
    refines: bool = False
    """It only adds to what the row says: the listing the row was compared with still holds."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The file of row `id` now lies at `candidate`: id, history and annotations stay, and so does what the row says; it
    is `pending` until it is described there. A row already at that path that is not present is replaced."""

    id: int
    root_id: int
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """The file of row `id` is there, gone, or behind an unreachable root."""

    id: int
    presence: Presence


@dataclass(frozen=True, slots=True)
class Dissolved:
    """Row `id`, missing, is none any more: its file was never gone, it belongs to a directory checkpoint."""

    id: int


@dataclass(frozen=True, slots=True)
class RootChanged:
    """A root's identity, state, mode or last complete scan is now this. None keeps what is stored."""

    root_id: int
    device: int | None = None
    inode: int | None = None
    state: str | None = None
    """`unreachable` forgets what listings its rows were compared with; the rows are changed one by one."""
    mode: str | None = None
    scanned_at: str | None = None


@dataclass(frozen=True, slots=True)
class DirectorySettled:
    """Every checkpoint in this directory listing has an up-to-date row: remember its digest. Any other change to a row
    in the directory, now or later, forgets it."""

    root_id: int
    directory: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class PlaceProblem:
    """A problem of a path that is no checkpoint row (an unreadable directory, a directory symlink). `problem` None
    clears every place problem at that path."""

    root_id: int
    path: bytes
    problem: Problem | None


Change: TypeAlias = (
    Arrived | Described | Moved | PresenceChanged | Dissolved | RootChanged | DirectorySettled | PlaceProblem
)
