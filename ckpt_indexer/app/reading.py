"""Opening a catalog to ask it. Imports nothing that writes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.settings import Settings


def database_path(settings: Settings) -> Path:
    """Return where the catalog's database is, or would be."""
    return settings.catalog.db


def open_catalog(settings: Settings) -> Catalog:
    """Return the catalog, read-only.

    Raises:
        DatabaseAbsent: there is none yet; reading never creates one.
        StoreError: it cannot be used.
    """
    from ckpt_indexer.client import connect as connect_to

    return connect_to(os.fspath(database_path(settings)), directions=settings.metrics.directions)


def connect(url: str | os.PathLike[str] | None = None) -> Catalog:
    """Return a catalog to ask: that of a database file, or, without one, of the settings in force here.

    Raises:
        DatabaseAbsent: there is no catalog there.
        SettingsError: the settings are broken, or the address is of a kind this release cannot open.
    """
    from ckpt_indexer.client import connect as connect_to

    if url is not None:
        return connect_to(os.fspath(url))
    from ckpt_indexer.settings import load

    return open_catalog(load())


def daemon_alive(settings: Settings) -> bool:
    """Tell whether a daemon answers for this catalog."""
    from ckpt_indexer.daemon.wire import dial

    connection = dial(database_path(settings), timeout_s=1.0)
    if connection is None:
        return False
    connection.close()
    return True
