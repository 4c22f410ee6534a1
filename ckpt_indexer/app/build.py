"""The indexer and what it is made of."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ckpt_indexer.errors import DatabaseCorrupt, DatabaseFromFuture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ckpt_indexer.discovery.options import Options as DiscoveryOptions
    from ckpt_indexer.ingest.inbox import Inbox
    from ckpt_indexer.ingest.indexer import Indexer
    from ckpt_indexer.settings import Settings
    from ckpt_indexer.store.writer import Writer


SCAN_CACHE_KIB = 32_768
"""Page cache of a process that only scans: a first index writes to all of its tree of indexes all the time."""


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Look for reference cycles rarely: records come by the ten thousand and hardly ever hold any."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def open_indexer(settings: Settings, inbox: Inbox, *, grace_s: float = 2.0, in_background: bool = False) -> Indexer:
    """Return the one writer, its database opened, migrated when needed, and its sources in place. `in_background`: it
    lives long enough to ask the network and to read in idle time what nobody waits for.

    Raises:
        StoreError: the database cannot be used.
    """
    from ckpt_indexer.app.answers import CatalogAnswers
    from ckpt_indexer.app.chains import open_chains
    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.decide import DERIVATION
    from ckpt_indexer.ingest.indexer import Indexer
    from ckpt_indexer.ingest.options import Options, Sources
    from ckpt_indexer.ingest.readers import ThreadReaders
    from ckpt_indexer.sources.input_names import is_input
    from ckpt_indexer.store.options import WriterOptions
    from ckpt_indexer.store.writer import open_writer

    clock = Clock()
    path = settings.catalog.db
    path.parent.mkdir(parents=True, exist_ok=True)
    options = WriterOptions(derivation=DERIVATION, is_network=is_network_disk, now=clock.now)
    if not in_background:
        options = replace(options, cache_kib=SCAN_CACHE_KIB)
    writer = open_writer(path, options=options)
    chains = open_chains(settings, CatalogAnswers(writer=writer, inbox=inbox), on_change=inbox.poke)
    if in_background:
        chains.enricher.start()
    return Indexer(
        writer=writer,
        sources=Sources(
            quick=chains.quick,
            readers=ThreadReaders(chain=chains.thorough, inbox=inbox, close=chains.close),
            digest=chains.digest,
            scope_of=is_input,
            heard=lambda: [answered.run.id for answered in chains.enricher.answers()],
        ),
        inbox=inbox,
        clock=clock,
        options=Options(
            settle_s=settings.watch.settle_ms / 1000,
            grace_s=grace_s,
            keep_missing_days=settings.index.keep_missing_days,
            fill=in_background,
        ),
        rules=rules_of(settings),
    )


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Give the writer of a catalog that no other process keeps, for a short change without looking at the disk.

    Raises:
        AlreadyRunning: a process keeps this catalog.
        StoreError: it cannot be written.
    """
    from ckpt_indexer.daemon.lock import CatalogLock
    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.decide import DERIVATION
    from ckpt_indexer.store.options import WriterOptions
    from ckpt_indexer.store.writer import open_writer

    require_usable(path)
    options = WriterOptions(derivation=DERIVATION, is_network=is_network_disk, now=Clock().now)
    with CatalogLock(path), open_writer(path, options=options) as writer:
        yield writer


def real_paths(paths: Sequence[Path]) -> list[bytes]:
    """Return absolute real paths of directories.

    Raises:
        SettingsError: one is no directory.
    """
    from ckpt_indexer.discovery.roots import real_path

    return [real_path(os.fspath(path)) for path in paths]


def root_names(settings: Settings) -> dict[bytes, str]:
    """Return real absolute path -> name, for the roots that settings name."""
    return {os.path.realpath(os.fsencode(root.path)): root.name for root in settings.roots if root.name is not None}


def rules_of(settings: Settings) -> Callable[[bytes], DiscoveryOptions]:
    """Return what is looked at in each root."""
    from ckpt_indexer.discovery.options import Options as DiscoveryOptions
    from ckpt_indexer.sources.input_names import is_input

    default = DiscoveryOptions(is_input=is_input)
    special = {
        os.path.realpath(os.fsencode(root.path)): DiscoveryOptions(excludes=root.exclude, is_input=is_input)
        for root in settings.roots
        if root.exclude
    }
    return lambda root: special.get(root, default)


def require_usable(path: Path) -> None:
    """Refuse a database that this release must not touch, before anything is written beside it.

    Raises:
        DatabaseForeign: the file is no catalog of ours.
        DatabaseFromFuture: a newer release wrote it.
    """
    from ckpt_indexer.store import migrate

    try:
        state = migrate.state(path)
    except DatabaseCorrupt:
        return  # whoever opens it decides whether it can be recovered
    if state.from_future:
        message = f"the catalog {path} was written by a newer release (schema {state.revision}); upgrade ckpt-indexer"
        raise DatabaseFromFuture(message, path=os.fspath(path))


def is_network_disk(path: Path) -> bool:
    """Tell whether a database at this path would lie on a network file system."""
    from ckpt_indexer.discovery.mounts import filesystem_of, is_network

    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        return is_network(filesystem_of(os.path.realpath(os.fsencode(path.parent)), table))
    except OSError:
        return False
