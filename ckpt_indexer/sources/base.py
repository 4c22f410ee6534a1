"""The seam of the sources room: what a source is. Adding one is one file here and one line in `ckpt_indexer.app`."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.record import Finding


class Cost(IntEnum):
    """What asking costs; the chain asks the cheap first and never waits for the network."""

    INLINE = 0
    """Microseconds, in this process."""
    CHILD = 1
    """Up to seconds, in a limited child process."""
    NETWORK = 2
    """May hang; asked only in the background."""


class Source(Protocol):
    """One place that may know something about a checkpoint."""

    name: str
    """Its word in `provenance`: sidecar, wandb, header, trainer, config, names."""
    cost: Cost

    def find(self, candidate: Candidate) -> Finding | None:
        """Return what this source says; None when it has nothing on this checkpoint.

        Raises:
            SourceError: it should have had an answer and could not give it (`NeedsChild`: not here, ask the chain
                that has children).
        """
        ...
