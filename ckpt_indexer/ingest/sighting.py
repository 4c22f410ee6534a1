"""What one look at one place gave, and the words the stages of ingest share. Values only."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.discovery.options import Options
    from ckpt_indexer.store.changes import Known, RootRow

Rules: TypeAlias = "Callable[[bytes], Options]"
"""Absolute root -> what is looked at in it."""
Place = tuple[bytes, bytes]
"""(absolute root, path relative to it)."""


class Look(NamedTuple):
    """A place to look at, and what is known of it beforehand: as in `Sighting`."""

    place: Place
    finished: bool = False
    forced: bool = False
    whole: bool = False


class Sighting(NamedTuple):
    """A candidate seen on disk, with what the catalog holds about its path."""

    root: RootRow
    candidate: Candidate
    known: Known | None
    finished: bool = False
    """The writer of the file said it is done."""
    forced: bool = False
    """Read it even when nothing seems to have changed."""
    whole: bool = False
    """Read the file itself too, whatever its document says."""

    @property
    def place(self) -> Place:
        """Where it was seen."""
        return (self.candidate.root, self.candidate.path)

    def with_known(self, known: Known | None) -> Sighting:
        """Return the sighting with another row."""
        return self if self.known is known else self._replace(known=known)


class Taken(Enum):
    """What became of a sighting."""

    SKIPPED = auto()
    DESCRIBED = auto()
    WAITING = auto()
    """Not at rest yet, being read elsewhere, or a link whose target comes first."""
