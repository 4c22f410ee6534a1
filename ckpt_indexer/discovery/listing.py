"""What discovery tells the rest of the house: hints from the watcher, listings from the scanner. Values only."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.candidate import Candidate, FileStamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.candidate import Fingerprint, Kind
    from ckpt_indexer.metadata.record import Problem


class HintKind(StrEnum):
    """How much to look at."""

    PATH = "path"
    """One path: it appeared, changed, was closed or went."""
    TREE = "tree"
    """A directory and all below it."""
    ROOT = "root"
    """A whole root, because events were lost."""


class Hint(NamedTuple):
    """A reason to look at the disk. Never the truth itself."""

    kind: HintKind
    root: bytes
    """Absolute real path of the root."""
    path: bytes
    """Relative to the root; empty for the root itself."""
    finished: bool = False
    """A `closed` or `moved` event: the writer says it is done."""
    gone: bool = False
    """A `deleted` or moved-away event: verify by lstat after the grace time."""


class Entry(NamedTuple):
    """One name in a directory that discovery cares about."""

    name: bytes
    kind: Kind | None
    """None for a metadata document or another input."""
    fingerprint: Fingerprint
    """Of the entry itself; of the target for a symlink."""
    target: bytes | None = None
    """For a symlink: its target relative to the root."""


class Listing:
    """One directory as a scan saw it. Candidates are made when first asked for: an unchanged directory never is."""

    __slots__ = (
        "_candidates", "_entries", "_neighbours", "_sorted", "complete", "digest", "directory", "problems", "root",
    )  # fmt: skip

    def __init__(
        self,
        root: bytes,
        directory: bytes,
        candidates: list[Candidate] | None = None,
        neighbours: dict[bytes, FileStamp] | None = None,
        *,
        digest: bytes = b"",
        problems: list[tuple[bytes, Problem]] | None = None,
        complete: bool = True,
        entries: Callable[[], Sequence[Entry]] | None = None,
    ) -> None:
        self.root = root
        self.directory = directory
        """Relative to the root."""
        self.digest = digest
        """16 bytes over names, kinds, devices, inodes, sizes, mtimes and ctimes of `neighbours`."""
        self.problems: list[tuple[bytes, Problem]] = [] if problems is None else problems
        """(path relative to the root, problem): unreadable directory, directory symlink, path too long."""
        self.complete = complete
        """False when the directory, or something in it, could not be listed: nothing in it may be called missing
        without its own lstat."""
        self._candidates = candidates
        self._neighbours = neighbours
        self._entries = entries
        self._sorted: list[Entry] | None = None

    @property
    def count(self) -> int:
        """Return how many checkpoints lie directly in it, without making candidates of them."""
        if self._candidates is not None:
            return len(self._candidates)
        return sum(entry.kind is not None for entry in self._sorted_entries())

    @property
    def candidates(self) -> list[Candidate]:
        """Checkpoints directly in it, sorted by path, with `neighbours` set."""
        if self._candidates is None:
            prefix = self.directory + b"/" if self.directory else b""
            self._candidates = [
                Candidate(self.root, prefix + name, kind, fingerprint, target, self.neighbours)
                for name, kind, fingerprint, target in self._sorted_entries()
                if kind is not None
            ]
        return self._candidates

    @property
    def neighbours(self) -> dict[bytes, FileStamp]:
        """Every checkpoint and metadata file name directly in it."""
        if self._neighbours is None:
            self._neighbours = {
                entry.name: FileStamp(entry.fingerprint.size_bytes, entry.fingerprint.mtime_ns)
                for entry in self._sorted_entries()
            }
        return self._neighbours

    def changed_since(self, moment_ns: int) -> bool:
        """Tell whether anything in it was changed at or after a wall-clock moment.

        A change within the tick of the file system's clock in which it was seen leaves the same stamps: a digest that
        young proves nothing later.
        """
        return any(entry.fingerprint.ctime_ns >= moment_ns for entry in self._sorted_entries())

    def __repr__(self) -> str:
        return f"Listing({self.directory!r}, digest={self.digest.hex()}, complete={self.complete})"

    def _sorted_entries(self) -> list[Entry]:
        if self._sorted is None:
            self._sorted = sorted(self._entries()) if self._entries is not None else []
        return self._sorted
