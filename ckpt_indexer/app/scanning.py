"""A scan: here, or by the daemon that keeps the catalog."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ckpt_indexer.app.build import collecting_rarely, open_indexer, real_paths, require_usable, root_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ckpt_indexer.ingest.summary import ScanProgress, ScanSummary
    from ckpt_indexer.settings import Settings


def scan(
    settings: Settings, roots: Sequence[Path], *, full: bool, progress: Callable[[ScanProgress], None] | None
) -> ScanSummary:
    """Make the catalog equal the disk below `roots`, or below every known root when none is given.

    A daemon that keeps this catalog does it on request.

    Raises:
        SettingsError: a path is no directory, or contains a known root.
        QueryError: no path was given and no root is known.
        AlreadyRunning: another scan keeps the catalog.
        StoreError: the catalog cannot be opened or written.
    """
    paths = real_paths(roots or [root.path for root in settings.roots])
    asked = _scan_by_daemon(settings, paths, full=full, progress=progress)
    if asked is not None:
        return asked
    with collecting_rarely():
        return _scan_here(settings, paths, full=full, progress=progress)


def _scan_here(
    settings: Settings, paths: Sequence[bytes], *, full: bool, progress: Callable[[ScanProgress], None] | None
) -> ScanSummary:
    from ckpt_indexer.daemon.lock import CatalogLock
    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.inbox import Inbox
    from ckpt_indexer.ingest.oneshot import run_scan
    from ckpt_indexer.ingest.targets import targets_of

    require_usable(settings.catalog.db)
    with CatalogLock(settings.catalog.db):
        indexer = open_indexer(settings, Inbox())
        try:
            targets = targets_of(indexer, paths, root_names(settings))
            return run_scan(indexer, targets, full=full, clock=Clock(), progress=progress)
        finally:
            indexer.close()


def _scan_by_daemon(
    settings: Settings, paths: Sequence[bytes], *, full: bool, progress: Callable[[ScanProgress], None] | None
) -> ScanSummary | None:
    """Return what a running daemon's scan did; None when there is no daemon."""
    from ckpt_indexer.daemon.wire import ask
    from ckpt_indexer.ingest.summary import ScanProgress, ScanSummary

    def tell(answer: dict[str, Any]) -> None:
        if progress is not None:
            progress(ScanProgress(**answer))

    request = {"op": "scan", "paths": [os.fsdecode(path) for path in paths], "full": full}
    answer = ask(settings.catalog.db, request, progress=tell)
    return None if answer is None else ScanSummary(**answer)
