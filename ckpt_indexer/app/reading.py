"""Opening a catalog to ask it. Imports nothing that writes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ckpt_indexer.errors import SettingsError

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


def connect(url: str | os.PathLike[str] | None = None, *, token: str | None = None) -> Catalog:
    """Return a catalog to ask: that of a database file, of the daemon at `http://host:port` or `unix:/path`, or,
    without either, of the settings in force here.

    `token` is for a daemon that wants one for reading; that of the settings' own catalog is found when the daemon is
    this user's and on this machine.

    Raises:
        DatabaseAbsent: there is no catalog there, or no daemon.
        StoreError: it cannot be asked.
        SettingsError: the settings are broken, or the address is of a kind this release cannot open.
    """
    from ckpt_indexer.client import connect as connect_to

    if url is not None:
        return connect_to(os.fspath(url), token=_own_token if token is None else token)
    from ckpt_indexer.settings import load

    return open_catalog(load())


def _own_token() -> str | None:
    """Return the token beside the catalog of the settings in force here; None when there is none to be read."""
    from ckpt_indexer.client.token import read_token
    from ckpt_indexer.settings import load

    try:
        return read_token(load().catalog.db)
    except SettingsError:
        return None


def daemon_alive(settings: Settings) -> bool:
    """Tell whether a daemon answers for this catalog."""
    from ckpt_indexer.daemon.wire import dial

    connection = dial(database_path(settings), timeout_s=1.0)
    if connection is None:
        return False
    connection.close()
    return True
