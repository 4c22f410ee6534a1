"""For UI processes: questions to a catalog file, in the standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ckpt_indexer.catalog.protocol import Catalog

__all__ = ["connect"]

_FILE_SCHEMES = ("sqlite:///", "file://", "sqlite:", "file:")


def connect(url: str | os.PathLike[str], *, directions: Mapping[str, str] | None = None) -> Catalog:
    """Return the catalog at a path, or at a `sqlite:///` or `file:` address.

    `directions` says of metrics whether `min` or `max` is better; it wins over what documents say.

    Raises:
        SettingsError: an address of a kind this release cannot read (HTTP, PostgreSQL).
        StoreError: the file is absent or no catalog (see `LocalCatalog`).
    """
    from ckpt_indexer.client.local import LocalCatalog

    return LocalCatalog(_path_of(url) if isinstance(url, str) else url, directions=directions)


def _path_of(url: str) -> str:
    scheme, separator, _rest = url.partition("://")
    if separator and scheme.lower() not in ("sqlite", "file") and scheme.replace("+", "_").isidentifier():
        from ckpt_indexer.errors import SettingsError

        raise SettingsError(
            f"this release reads catalog files only, no {scheme}:// addresses; give the path of the catalog's file",
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
