"""The sources, in the order in which they are asked. Adding one is one line here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.sandbox.pool import Pool
    from ckpt_indexer.settings import Settings
    from ckpt_indexer.sources.base import SurroundingSource
    from ckpt_indexer.sources.chain import Chain
    from ckpt_indexer.sources.wandb.api import WandbOptions
    from ckpt_indexer.sources.wandb.cache import WandbCache
    from ckpt_indexer.sources.wandb.enricher import WandbEnricher


@dataclass(frozen=True)
class Chains:
    """Everything that reads checkpoints, and what it runs in."""

    quick: Chain
    """What the writer's own thread may ask: documents that are proved to be their files'."""
    thorough: Chain
    """Everything, in limited children."""
    digest: Callable[[bytes, bytes], bytes]
    """(root, directory) -> the state of the files around the checkpoints in it."""
    pools: tuple[Pool, ...]
    enricher: WandbEnricher
    """Asks the W&B server in the background; does nothing unless it is switched on."""

    def close(self) -> None:
        """Kill the children and end the threads."""
        self.enricher.close()
        for pool in self.pools:
            pool.close()


IDLE_S = 15.0
"""After how long children without work end; a new one takes a tenth of a second."""


def open_chains(settings: Settings, cache: WandbCache, *, on_change: Callable[[], None] | None = None) -> Chains:
    """Return the sources as settings say. `cache` keeps what the W&B server says, `on_change` is told when it did."""
    from ckpt_indexer.metadata.components import Parts
    from ckpt_indexer.readers.asking import ChildReader
    from ckpt_indexer.readers.peek import peek_file
    from ckpt_indexer.sandbox.pool import Pool
    from ckpt_indexer.sidecar.child_jobs import parse_with
    from ckpt_indexer.sidecar.repeats import RepeatingParser
    from ckpt_indexer.sources.chain import Chain
    from ckpt_indexer.sources.gate import Gate
    from ckpt_indexer.sources.header import HeaderSource
    from ckpt_indexer.sources.names import NamesSource, PlaceSource
    from ckpt_indexer.sources.sidecar import SidecarSource
    from ckpt_indexer.sources.surroundings import digest_of
    from ckpt_indexer.sources.wandb.enricher import WandbEnricher

    pool, torch_pool = Pool(size=2, idle_s=IDLE_S), _torch_pool(settings)
    options = _wandb_options(settings)
    enricher = WandbEnricher(options=options, cache=cache, environ=os.environ, on_change=on_change)
    around = _around(pool, options, cache, enricher)
    place, names = PlaceSource(), NamesSource()
    header = HeaderSource(read=ChildReader(pool=pool, torch_pool=torch_pool))
    quick = SidecarSource(parse=RepeatingParser(), peek=peek_file, read_part=Parts())
    documents = SidecarSource(parse=parse_with(pool))
    return Chains(
        quick=Chain([place, quick, Gate()], last=[names]),
        thorough=Chain([place, documents, header], around=around, last=[names], reads_files=True),
        digest=partial(digest_of, around),
        pools=(pool,) if torch_pool is None else (pool, torch_pool),
        enricher=enricher,
    )


def _around(
    pool: Pool, options: WandbOptions, cache: WandbCache, enricher: WandbEnricher
) -> tuple[SurroundingSource, ...]:
    """Return the sources that read what lies around a checkpoint; the configuration first, which may name the run."""
    from ckpt_indexer.sources.around import Around
    from ckpt_indexer.sources.config.source import RunConfigSource
    from ckpt_indexer.sources.trainer.source import TrainerSource
    from ckpt_indexer.sources.wandb.api import WandbApiSource
    from ckpt_indexer.sources.wandb.local import WandbLocalSource

    nearby = Around()
    return (
        RunConfigSource(pool=pool, around=nearby),
        WandbLocalSource(pool=pool),
        WandbApiSource(options=options, cache=cache, want=enricher.want),
        TrainerSource(pool=pool, around=nearby),
    )


def _torch_pool(settings: Settings) -> Pool | None:
    from ckpt_indexer.readers.torch_load import IDLE_S, LIMITS, RECYCLE_BYTES
    from ckpt_indexer.sandbox.pool import Pool

    if settings.readers.torch == "off":
        return None
    return Pool(size=1, limits=LIMITS, recycle_bytes=RECYCLE_BYTES, idle_s=IDLE_S)


def _wandb_options(settings: Settings) -> WandbOptions:
    from ckpt_indexer.sources.wandb.api import WandbOptions

    wanted = settings.wandb
    return WandbOptions(wanted.enabled, wanted.entity, wanted.project, wanted.base_url, float(wanted.timeout_s))
