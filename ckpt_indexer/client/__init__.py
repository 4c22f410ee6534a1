"""For UI processes: questions to a catalog file or to a daemon, in the standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from ckpt_indexer.catalog.protocol import Catalog

__all__ = ["connect"]

_FILE_SCHEMES = ("sqlite:///", "file://", "sqlite:", "file:")
_HTTP_SCHEMES = ("http:", "https:", "unix:", "http+unix:")


def connect(
    url: str | os.PathLike[str] | None = None,
    *,
    token: str | Callable[[], str | None] | None = None,
    directions: Mapping[str, str] | None = None,
) -> Catalog:
    """Return the catalog at a path, at a `sqlite:///` or `file:` address, or behind the daemon at `http://host:port`,
    `https://host/prefix` or `unix:/path`; without an address that of the settings in force, as `ckpt_indexer.connect`.

    `token` is for a daemon that wants one for reading. `directions` says of metrics whether `min` or `max` is better;
    it wins over what documents say.

    Raises:
        SettingsError: an address of a kind this release cannot read (PostgreSQL), or none at all.
        StoreError: the file is absent or no catalog (see `LocalCatalog`), no daemon answers (see `HttpCatalog`).
    """
    if url is None:
        return _own()
    if is_remote(url):
        from ckpt_indexer.client.http import HttpCatalog

        return HttpCatalog(str(url), token=token, directions=directions)
    from ckpt_indexer.client.local import LocalCatalog

    return LocalCatalog(_path_of(url) if isinstance(url, str) else url, directions=directions)


def _own() -> Catalog:
    """Return the catalog of the settings: they are known above this room, so it is asked for at the front door."""
    from importlib import import_module

    catalog: Catalog = import_module("ckpt_indexer").connect()
    return catalog


def is_remote(url: str | os.PathLike[str]) -> bool:
    """Tell whether an address is that of a daemon."""
    if not isinstance(url, str) or not url.lower().startswith(_HTTP_SCHEMES):
        return False
    scheme, _, rest = url.partition(":")
    return rest.startswith("/") or scheme.lower() == "unix"


def _path_of(url: str) -> str:
    scheme, separator, _rest = url.partition("://")
    if separator and scheme.lower() not in ("sqlite", "file") and scheme.replace("+", "_").isidentifier():
        from ckpt_indexer.errors import SettingsError

        raise SettingsError(
            f"this release reads no {scheme}:// addresses; give the path of the catalog's file, or http://host:port",
            url=url,
        )
    for prefix in _FILE_SCHEMES:
        if url.startswith(prefix):
            return _decoded(url.removeprefix(prefix))
    return url


def _decoded(path: str) -> str:
    """Return the path of an address: as it stands where such a file exists, `%20` and the like decoded elsewhere."""
    import os

    if "%" not in path or os.path.exists(path):  # pathlib is slow to import
        return path
    from urllib.parse import unquote

    return unquote(path, errors="surrogateescape")
