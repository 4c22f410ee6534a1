"""What the compatibility layer reads with: the settings in force, and the sources built as these say."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.errors import SettingsError
from ckpt_indexer.settings import CatalogSettings, Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckpt_indexer.discovery.options import Options
    from ckpt_indexer.sources.chain import Chain

LOGGER = logging.getLogger(__name__)
_NOWHERE = Path(os.devnull) / "catalog.db"


class Opened(NamedTuple):
    """Sources that are open."""

    thorough: Chain
    """Asks everything, in limited children."""
    digest: Callable[[bytes, bytes], bytes]
    """(root, directory) -> the state of the files around the checkpoints in it."""
    rules: Callable[[bytes], Options]
    """What is looked at in a root."""


def settings_in_force() -> Settings:
    """Return the settings of this process. A settings file that is broken is logged; a catalog is then not used."""
    try:
        return load()
    except SettingsError as error:
        LOGGER.warning("the settings are not used: %s", error.message)
        return Settings(catalog=CatalogSettings(db=_NOWHERE))


@contextmanager
def open_sources(settings: Settings) -> Iterator[Opened]:
    """Give the sources; the children they start end with the block. The W&B server is not asked by them."""
    from ckpt_indexer.app.build import rules_of
    from ckpt_indexer.app.chains import open_chains
    from ckpt_indexer.sources.wandb.cache import MemoryCache

    chains = open_chains(settings, MemoryCache())
    try:
        yield Opened(chains.thorough, chains.digest, rules_of(settings))
    finally:
        chains.close()
