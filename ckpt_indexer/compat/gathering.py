"""What is known of every checkpoint below a directory, from the cheapest place that is up to date.

rows of the index that still hold -> what the last build learned -> documents -> every source -> W&B
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.compat.describing import Describer, leads_to
from ckpt_indexer.compat.told import from_metadata
from ckpt_indexer.sources.sidecar import derived_from

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.compat.below import Below
    from ckpt_indexer.compat.cache import CatalogCache, State
    from ckpt_indexer.compat.index import Index
    from ckpt_indexer.compat.opened import Opened
    from ckpt_indexer.compat.told import Told
    from ckpt_indexer.compat.wandb_client import WandbClient


class Gathered(NamedTuple):
    """What was found out."""

    told: dict[bytes, Told]
    """By path relative to the root."""
    lasting: bool
    """False when something could not be read or asked now and may be later."""


class Gatherer:
    """Gathers what is known; everything but the sources may be missing."""

    def __init__(
        self, opened: Opened, *, index: Index | None, cache: CatalogCache | None, client: WandbClient | None
    ) -> None:
        self._opened = opened
        self._index = index
        self._cache = cache
        self._client = client if client is not None and client.is_available else None

    def gather(self, below: Below) -> Gathered:
        """Return what is known of the checkpoints; one that went meanwhile is left out."""
        indexed = {} if self._index is None else self._index.current(below)
        states = self._states(below, indexed)
        told = {path: self._asked(below, path, known) for path, known in indexed.items()}
        if self._cache is not None:
            for path, state in states.items():
                known = None if state is None else self._cache.recall(os.path.join(below.root, path), state)  # bytes
                if known is not None:
                    told[path] = known
        left = [one for one in below.candidates if one.path not in told]
        return Gathered(told, lasting=self._describe(below, left, states, told))

    def _describe(
        self, below: Below, left: Iterable[Candidate], states: dict[bytes, State | None], told: dict[bytes, Told]
    ) -> bool:
        """Describe the candidates on the spot and put what they say into `told`; return whether that will last."""
        describer = Describer(thorough=self._opened.thorough, rules=self._opened.rules)
        lasting = True
        for path, answer in describer.describe(left).items():
            told[path] = known = self._asked(below, path, answer.told)
            state = states.get(path)
            final = answer.lasting and (known.is_complete or self._client is None)
            if self._cache is not None and state is not None and final:
                self._cache.remember(os.path.join(below.root, path), state, known)  # bytes
            lasting = lasting and answer.lasting
        return lasting and (self._client is None or self._client.is_reachable)

    def _asked(self, below: Below, path: bytes, told: Told) -> Told:
        """Return what is known, with gaps filled by W&B where its client is there to ask."""
        if self._client is None or told.is_complete or told.wandb_run_id is None:
            return told
        checkpoint = Path(os.fsdecode(os.path.join(below.root, path)))  # bytes
        metadata = self._client.get_metadata_from_wandb(told.wandb_run_id, checkpoint)
        return told if metadata is None else told.filled(from_metadata(metadata))

    @staticmethod
    def _states(below: Below, indexed: dict[bytes, Told]) -> dict[bytes, State | None]:
        """Return the state of each checkpoint the index does not know; None for one that cannot be held to a state."""
        files = {one.path: one for one in below.candidates}
        states: dict[bytes, State | None] = {}
        for candidate in below.candidates:
            described = files.get(leads_to(candidate))
            if candidate.path in indexed:
                continue
            if described is None or described.directory in below.young or candidate.directory in below.young:
                states[candidate.path] = None
            else:
                around = below.digests[described.directory]
                states[candidate.path] = (candidate.fingerprint, derived_from(described), around)
        return states
