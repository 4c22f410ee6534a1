"""The indexer and what it is made of."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ckpt_indexer.errors import DatabaseCorrupt, DatabaseFromFuture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ckpt_indexer.discovery.options import Options as DiscoveryOptions
    from ckpt_indexer.ingest.inbox import Inbox
    from ckpt_indexer.ingest.indexer import Indexer
    from ckpt_indexer.settings import Settings


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Look for reference cycles rarely: records come by the ten thousand and hardly ever hold any."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def open_indexer(settings: Settings, inbox: Inbox, *, grace_s: float = 2.0) -> Indexer:
    """Return the one writer, its database opened, migrated when needed, and its sources in place.

    Raises:
        StoreError: the database cannot be used.
    """
    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.decide import DERIVATION
    from ckpt_indexer.ingest.indexer import Indexer, Options
    from ckpt_indexer.ingest.readers import ThreadReaders
    from ckpt_indexer.sandbox.pool import Pool
    from ckpt_indexer.sidecar.child_jobs import parse_with
    from ckpt_indexer.sidecar.loading import parse_inline
    from ckpt_indexer.sources.chain import Chain
    from ckpt_indexer.sources.names import NamesSource, PlaceSource
    from ckpt_indexer.sources.sidecar import SidecarSource
    from ckpt_indexer.store.options import WriterOptions
    from ckpt_indexer.store.writer import open_writer

    clock = Clock()
    path = settings.catalog.db
    path.parent.mkdir(parents=True, exist_ok=True)
    options = WriterOptions(derivation=DERIVATION, is_network=is_network_disk, now=clock.now)
    writer = open_writer(path, options=options)
    pool = Pool(size=2)
    quick = Chain([PlaceSource(), SidecarSource(parse=parse_inline), NamesSource()])
    thorough = Chain([PlaceSource(), SidecarSource(parse=parse_with(pool)), NamesSource()])
    return Indexer(
        writer=writer,
        quick=quick,
        readers=ThreadReaders(chain=thorough, inbox=inbox, pool=pool),
        inbox=inbox,
        clock=clock,
        options=Options(
            settle_s=settings.watch.settle_ms / 1000,
            grace_s=grace_s,
            keep_missing_days=settings.index.keep_missing_days,
        ),
        rules=rules_of(settings),
    )


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

    default = DiscoveryOptions()
    special = {
        os.path.realpath(os.fsencode(root.path)): DiscoveryOptions(excludes=root.exclude)
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
