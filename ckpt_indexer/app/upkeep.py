"""Looking after a catalog: how it is, upgrade, check, rebuild, forget a root."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ckpt_indexer.app.build import is_network_disk, open_indexer, require_usable, writing
from ckpt_indexer.app.reading import open_catalog
from ckpt_indexer.errors import CheckpointNotFound, DatabaseAbsent, DatabaseCorrupt, QueryError
from ckpt_indexer.metadata.naming import display

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ckpt_indexer.ingest.summary import ScanProgress
    from ckpt_indexer.settings import Settings
    from ckpt_indexer.store.changes import RootRow

Report = dict[str, Any]  # JSON values; documented with the command that prints it


def status(settings: Settings) -> Report:
    """Return what the catalog holds and how its daemon is."""
    from ckpt_indexer.daemon.lock import holder
    from ckpt_indexer.daemon.wire import ask

    path = settings.catalog.db
    health = ask(path, {"op": "health"}, timeout_s=10.0)
    report: Report = {"database": os.fspath(path), "exists": path.exists()}
    if path.exists():
        catalog = open_catalog(settings)
        try:
            report |= dict(catalog.stats())
        finally:
            catalog.close()
    report["daemon"] = {
        "running": health is not None,
        "pid": holder(path) if health is not None else None,
        "uptime_s": health["uptime_s"] if health is not None else None,
    }
    report["health"] = health
    return report


def db_upgrade(settings: Settings) -> Report:
    """Bring the schema up to this release, after a backup.

    Raises:
        StoreError: there is no database, it is not ours, or it is from the future.
        AlreadyRunning: a process keeps this catalog.
    """
    from ckpt_indexer.daemon.lock import CatalogLock
    from ckpt_indexer.store import migrate
    from ckpt_indexer.store.options import WriterOptions

    path = _existing(settings)
    with CatalogLock(path):
        before = migrate.state(path)
        migrate.make_ready(path, WriterOptions(is_network=is_network_disk))
        after = migrate.state(path)
    return {"database": os.fspath(path), "from": before.revision, "to": after.revision, "changed": before != after}


def db_check(settings: Settings) -> Report:
    """Return whether the database is sound: SQLite's own check, counts, orphans."""
    from ckpt_indexer.store import maintenance

    path = _existing(settings)
    require_usable(path)
    report = maintenance.check(path)
    return {"database": os.fspath(path), "ok": report.is_ok, "findings": list(report.findings)}


def db_rebuild(settings: Settings, progress: Callable[[ScanProgress], None] | None) -> Report:
    """Build the database anew beside the old one, from the disk and the journal of annotations, then swap it in.

    Raises:
        AlreadyRunning: a process keeps this catalog; stop it first.
        StoreError: the new database could not be written; the old one is untouched.
    """
    from ckpt_indexer.daemon.lock import CatalogLock
    from ckpt_indexer.ingest.inbox import Inbox
    from ckpt_indexer.ingest.rebuild import rebuild
    from ckpt_indexer.store import maintenance

    path = _existing(settings)
    require_usable(path)
    with CatalogLock(path):
        maintenance.require_recoverable(path)
        roots = _roots_of(settings, path)
        return rebuild(path, roots, lambda place: open_indexer(_moved_to(settings, place), Inbox()), progress)


def db_forget_root(settings: Settings, named: str) -> Report:
    """Take a root and its checkpoints out of the catalog, by the root's name or path. No file is touched, and what
    people said about its checkpoints stays in the journal: it is back when the root is.

    Raises:
        CheckpointNotFound: the catalog has no such root.
        QueryError: the settings name it: the next scan would bring it back.
        AlreadyRunning: a process keeps this catalog; stop it first.
        StoreError: the catalog cannot be written.
    """
    path = _existing(settings)
    with writing(path) as writer:
        roots = writer.roots()
        root = _root_named(named, roots)
        if root is None:
            known = ", ".join(f"{one.name} ({display(one.path)})" for one in roots) or "none"
            raise CheckpointNotFound(f"the catalog has no root {named}; its roots: {known}", ref=named)
        if root.path in {os.path.realpath(os.fsencode(one.path)) for one in settings.roots}:
            message = f"the settings name {display(root.path)} under [[roots]]; take it out of them first"
            raise QueryError(message, key="roots")
        count = writer.forget_root(root.id)
    return {"database": os.fspath(path), "root": root.name, "path": display(root.path), "checkpoints": count}


def _root_named(named: str, roots: Sequence[RootRow]) -> RootRow | None:
    """Return the root of this name, else the one at this path, which may be gone."""
    places = {os.path.realpath(os.fsencode(named)), os.path.abspath(os.fsencode(named))}
    by_name = (root for root in roots if root.name == named)
    return next(by_name, None) or next((root for root in roots if root.path in places), None)


def _roots_of(settings: Settings, path: Path) -> dict[bytes, str | None]:
    """Return the roots a database knows, with their names; those of the settings when it is too damaged to tell."""
    from ckpt_indexer.store.maintenance import roots_of

    roots: dict[bytes, str | None] = {os.path.realpath(os.fsencode(root.path)): root.name for root in settings.roots}
    try:
        roots |= roots_of(path)
    except DatabaseCorrupt as error:
        if not roots:
            message = f"{error.message}; it cannot tell its roots: name them under [[roots]] in the settings"
            raise DatabaseCorrupt(message, path=os.fspath(path)) from error
    return roots


def _existing(settings: Settings) -> Path:
    path = settings.catalog.db
    if not path.exists():
        message = f"there is no catalog at {path}: run `ckpt-indexer scan DIR` to make one"
        raise DatabaseAbsent(message, path=os.fspath(path))
    return path


def _moved_to(settings: Settings, place: Path) -> Settings:
    from dataclasses import replace

    return replace(settings, catalog=replace(settings.catalog, db=place))
