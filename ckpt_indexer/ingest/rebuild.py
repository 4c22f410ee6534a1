"""Build a catalog anew from the disk: a fresh database, a full scan, the annotations, then a swap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.ingest.clock import Clock
from ckpt_indexer.ingest.oneshot import run_scan
from ckpt_indexer.ingest.targets import add_root, targets_of
from ckpt_indexer.store import identity, maintenance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ckpt_indexer.ingest.indexer import Indexer
    from ckpt_indexer.ingest.summary import ScanProgress


def rebuild(
    path: Path,
    roots: Mapping[bytes, str | None],
    open_at: Callable[[Path], Indexer],
    progress: Callable[[ScanProgress], None] | None,
) -> dict[str, Any]:  # JSON values
    """Replace the database at `path` by one built from the disk; the old one stays until the new one is whole.

    `roots` are the real absolute paths to index, with their names. Roots that are gone now are kept, without rows.

    Raises:
        StoreError: the new database cannot be written, or something else writes to the old one.
    """
    fresh = identity.beside(path, ".rebuild")
    for suffix in ("", "-wal", "-shm", ".annotations.jsonl"):
        identity.beside(fresh, suffix).unlink(missing_ok=True)
    indexer = open_at(fresh)
    try:
        for root, name in roots.items():
            add_root(indexer, root, name)
        summary = run_scan(indexer, targets_of(indexer, [], {}), full=True, clock=Clock(), progress=progress)
        replayed = maintenance.replay(path, indexer.writer)
    finally:
        indexer.close()
    maintenance.swap_in(fresh, path)
    return {"database": str(path), "annotations": replayed.restored, "scan": summary.to_dict()}
