"""The seam of the sources room: what a source is. Adding one is one file here and one line in `ckpt_indexer.app`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from ckpt_indexer.metadata.provenance import group_of, rank

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate, FileStamp
    from ckpt_indexer.metadata.record import Finding


class Cost(IntEnum):
    """What asking costs; the chain asks the cheap first and never waits for the network."""

    INLINE = 0
    """Microseconds, in this process."""
    CHILD = 1
    """Up to seconds, in a limited child process."""
    NETWORK = 2
    """May hang; asked only in the background."""


@dataclass(slots=True)
class Said:
    """What the sources asked before said about the same checkpoint: some need it to know where to look."""

    findings: list[Finding] = field(default_factory=list)

    def fact(self, name: str) -> Any:  # noqa: ANN401  # a JSON value
        """Return the value of a field by the most trusted source that knows it so far; None when none does."""
        group = group_of(name)
        said = [finding for finding in self.findings if name in finding.facts and name not in finding.defaults]
        best = min(said, key=lambda finding: rank(group, finding.source), default=None)
        return None if best is None else best.facts[name]


class Source(Protocol):
    """One place that may know something about a checkpoint."""

    name: str
    """Its word in `provenance`: sidecar, wandb, header, trainer, config, names."""
    cost: Cost

    def find(self, candidate: Candidate, said: Said) -> Finding | None:
        """Return what this source says; None when it has nothing on this checkpoint.

        Raises:
            SourceError: it should have had an answer and could not give it (`NeedsChild`: not here, ask the chain
                that has children).
        """
        ...


class SurroundingSource(Source, Protocol):
    """A source that reads files around checkpoints: configs, logs of trainers, run directories."""

    def surroundings(self, root: bytes, directory: bytes) -> list[tuple[bytes, FileStamp]]:
        """Return (path relative to the root, stamp) of every file there is now that this source would consult for
        checkpoints in this directory (relative to the root). Cheap: names and stats only. Called at each scan and
        whenever such a file changes; a difference means that the checkpoints are described anew."""
        ...
