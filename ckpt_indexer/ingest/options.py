"""How patient the one writer is, and whom it asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ckpt_indexer.ingest.elsewhere import Readers
    from ckpt_indexer.sources.chain import Chain


@dataclass(frozen=True, slots=True)
class Options:
    """How patient the indexer is."""

    settle_s: float = 0.5
    """A file without a closing event is at rest after this long without a change."""
    grace_s: float = 2.0
    """A file that seems gone is looked at again after this long: one renamed across roots is back by then."""
    keep_missing_days: int = 30
    """Rows of files that are gone are kept this long."""
    fill: bool = True
    """Read the headers of files with sufficient documents in idle time."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Who describes checkpoints."""

    quick: Chain
    """Asked on the writer's own thread."""
    readers: Readers
    """Asked whatever the quick chain may not answer."""
    digest: Callable[[bytes, bytes], bytes] | None = None
    """(root, directory) -> the state of the files around the checkpoints in it."""
    scope_of: Callable[[bytes], bytes | None] | None = None
    """Path of a changed file -> the directory at and below which it may concern checkpoints; None: none."""
    heard: Callable[[], Iterable[str]] = tuple
    """Ids of W&B runs about which something was learned since the last call."""
