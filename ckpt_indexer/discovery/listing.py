"""What discovery tells the rest of the house: hints from the watcher, listings from the scanner. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate, FileStamp
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


@dataclass(slots=True)
class Listing:
    """One directory as a scan saw it."""

    root: bytes
    directory: bytes
    """Relative to the root."""
    candidates: list[Candidate]
    """Checkpoints directly in it, sorted by path, with `neighbours` set."""
    neighbours: dict[bytes, FileStamp]
    """Every checkpoint and metadata file name directly in it."""
    digest: bytes
    """16 bytes over names, inodes, sizes, mtimes and ctimes of `neighbours`."""
    problems: list[tuple[bytes, Problem]] = field(default_factory=list)
    """(path relative to the root, problem): unreadable directory, directory symlink."""
    complete: bool = True
    """False when the directory, or something in it, could not be listed: nothing in it may be called missing
    without its own lstat."""
