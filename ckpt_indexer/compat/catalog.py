"""The catalog of a directory, built the way its users expect: one call, no daemon, always as the disk is now."""

from __future__ import annotations

import logging
import os
from contextlib import closing, nullcontext
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from ckpt_indexer.compat.below import look_below
from ckpt_indexer.compat.cache import get_global_cache, key_of
from ckpt_indexer.compat.config_resolver import CONFIG_FILENAMES, resolve_config_path
from ckpt_indexer.compat.gathering import Gatherer
from ckpt_indexer.compat.index import open_index
from ckpt_indexer.compat.opened import open_sources, settings_in_force
from ckpt_indexer.compat.told import entry_of
from ckpt_indexer.compat.types import CheckpointCatalog, CheckpointCatalogEntry
from ckpt_indexer.compat.validator import MetadataValidator
from ckpt_indexer.compat.wandb_client import get_wandb_client
from ckpt_indexer.metadata.path_facts import find_path_facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.compat.below import Below
    from ckpt_indexer.compat.cache import CatalogCache
    from ckpt_indexer.compat.gathering import Gathered
    from ckpt_indexer.compat.wandb_client import WandbClient

LOGGER = logging.getLogger(__name__)
_NAMED_EPOCHS = {"best": 999, "last": 998}
"""Epochs that the replaced catalog made up for checkpoints whose names begin so."""


class CheckpointCatalogBuilder:
    """Builds the catalog of one directory, as often as it is asked to.

    `wandb_client` may be replaced before building; None asks nobody. With `use_cache` catalogs are kept in the cache of
    the process. `legacy_quirks` brings back what the replaced catalog kept from its users: checkpoints of epoch 0 and
    of unknown epoch are left out, `best*` is epoch 999 and `last*` 998 where theirs is not known, and a kept catalog is
    given out until the modification time of the directory itself differs by a second.
    """

    def __init__(
        self,
        outputs_dir: str | os.PathLike[str],
        use_cache: bool = True,  # noqa: FBT001, FBT002  # the replaced signature
        use_wandb_fallback: bool = True,  # noqa: FBT001, FBT002  # likewise
        config_filenames: tuple[str, ...] = CONFIG_FILENAMES,
        *,
        legacy_quirks: bool = False,
    ) -> None:
        self.outputs_dir = Path(outputs_dir)
        self.config_filenames = tuple(config_filenames)
        self.legacy_quirks = legacy_quirks
        self.validator = MetadataValidator()
        self.cache: CatalogCache | None = get_global_cache() if use_cache else None
        self.wandb_client: WandbClient | None = get_wandb_client() if use_wandb_fallback else None

    def build_catalog(self) -> CheckpointCatalog:
        """Return the catalog of the directory as it is now; an empty one when it is not there."""
        started = perf_counter()
        if self.legacy_quirks and self.cache is not None:
            key = self.cache.get_cache_key(self.outputs_dir, legacy_quirks=True)
            kept = self.cache.get(self.outputs_dir, key, variant=self._variant)
            return kept if kept is not None else self._look(started, key)
        return self._look(started, None)

    def _look(self, started: float, key: str | None) -> CheckpointCatalog:
        """Return the catalog, kept or built; `key` is what it is to be kept under, by default the state of the disk."""
        settings = settings_in_force()
        index = open_index(settings, self.outputs_dir)
        with open_sources(settings) as opened:
            roots = () if index is None else tuple(index.roots)
            below = look_below(self.outputs_dir, rules=opened.rules, digest=opened.digest, known_roots=roots)
            if below is None:
                return CheckpointCatalog(outputs_dir=self.outputs_dir)
            state = key or key_of(self.outputs_dir, f"{below.signature}:{'' if index is None else index.version}")
            kept = None if self.cache is None else self.cache.get(self.outputs_dir, state, variant=self._variant)
            if kept is not None and not below.young:
                return kept
            with self._client() as client:
                gathered = Gatherer(opened, index=index, cache=self.cache, client=client).gather(below)
        catalog = self._catalog(below, gathered, started)
        if kept is not None and kept.entries == catalog.entries:  # young, and yet the same
            return kept
        if self.cache is not None and gathered.lasting:
            self.cache.set(self.outputs_dir, catalog, state, variant=self._variant)
        return catalog

    def _client(self) -> closing[WandbClient] | nullcontext[None]:
        """Return the client, whose child process is not kept longer than a build."""
        return nullcontext() if self.wandb_client is None else closing(self.wandb_client)

    def _catalog(self, below: Below, gathered: Gathered, started: float) -> CheckpointCatalog:
        entries = sorted(self._entries(below, gathered), key=_order)
        with_metadata = sum(entry.has_metadata for entry in entries)
        seconds = perf_counter() - started
        LOGGER.info("catalog built: %d entries, %d with metadata, in %.3f s", len(entries), with_metadata, seconds)
        return CheckpointCatalog(
            entries=entries,
            total_count=len(entries),
            metadata_available_count=with_metadata,
            catalog_build_time_seconds=seconds,
            outputs_dir=self.outputs_dir,
        )

    def _entries(self, below: Below, gathered: Gathered) -> Iterator[CheckpointCatalogEntry]:
        for candidate in below.candidates:
            told = gathered.told.get(candidate.path)
            if told is None:
                continue
            path = Path(os.fsdecode(below.path_of(candidate)))
            entry = entry_of(path, told, resolve_config_path(path, self.config_filenames))
            if self.legacy_quirks and entry.epochs is None:
                entry.epochs = self._extract_epoch_from_filename(path.stem)
            if not (self.legacy_quirks and not entry.epochs):
                yield entry

    def _extract_epoch_from_filename(self, name: str) -> int | None:
        """Return the epoch in a file's name without its suffix; None when there is none. With `legacy_quirks` names
        that begin with `best` or `last` have one, too."""
        found = find_path_facts(os.fsencode(f"{name}.ckpt"))
        epoch: int | None = None if found is None else found.facts.get("epoch")
        if epoch is None and self.legacy_quirks:
            return next((made_up for word, made_up in _NAMED_EPOCHS.items() if name.lower().startswith(word)), None)
        return epoch

    @property
    def _variant(self) -> str:
        """What tells catalogs of one directory apart."""
        return repr((self.wandb_client is not None, self.config_filenames, self.legacy_quirks))


def build_catalog(
    outputs_dir: str | os.PathLike[str],
    use_cache: bool = True,  # noqa: FBT001, FBT002  # the replaced signature
    use_wandb_fallback: bool = True,  # noqa: FBT001, FBT002  # likewise
    *,
    legacy_quirks: bool = False,
) -> CheckpointCatalog:
    """Return the catalog of the checkpoints (`*.ckpt`) below a directory; see `CheckpointCatalogBuilder`."""
    return CheckpointCatalogBuilder(
        outputs_dir, use_cache=use_cache, use_wandb_fallback=use_wandb_fallback, legacy_quirks=legacy_quirks
    ).build_catalog()


def _order(entry: CheckpointCatalogEntry) -> tuple[str, str, bool, int, str]:
    """Return what entries are sorted by: architecture, backbone, epoch (unknown last), name."""
    epoch = 0 if entry.epochs is None else entry.epochs
    return entry.architecture, entry.backbone, entry.epochs is None, epoch, entry.checkpoint_path.name
