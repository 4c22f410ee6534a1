"""The composition root: the only place that builds. Names load on first use, what they build when they are called.

settings -> options of the rooms -> sources -> chains -> indexer -> scan, or the daemon around it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "annotate",
    "annotate_document",
    "connect",
    "convert",
    "daemon_alive",
    "daemon_parts",
    "database_path",
    "db_check",
    "db_forget_root",
    "db_rebuild",
    "db_upgrade",
    "doctor",
    "known_roots",
    "migrate_metadata",
    "open_catalog",
    "open_indexer",
    "scan",
    "serve",
    "status",
    "structures",
    "validate",
]

if TYPE_CHECKING:
    from ckpt_indexer.app.annotations import annotate, annotate_document
    from ckpt_indexer.app.build import open_indexer
    from ckpt_indexer.app.checkup import doctor
    from ckpt_indexer.app.documents import convert, known_roots, migrate_metadata, validate
    from ckpt_indexer.app.reading import connect, daemon_alive, database_path, open_catalog
    from ckpt_indexer.app.scanning import scan
    from ckpt_indexer.app.serving import daemon_parts, serve
    from ckpt_indexer.app.tensors import structures
    from ckpt_indexer.app.upkeep import db_check, db_forget_root, db_rebuild, db_upgrade, status

_HOMES = {
    "annotate": "annotations",
    "annotate_document": "annotations",
    "structures": "tensors",
    "connect": "reading",
    "daemon_alive": "reading",
    "database_path": "reading",
    "open_catalog": "reading",
    "open_indexer": "build",
    "scan": "scanning",
    "daemon_parts": "serving",
    "serve": "serving",
    "db_check": "upkeep",
    "db_forget_root": "upkeep",
    "db_rebuild": "upkeep",
    "db_upgrade": "upkeep",
    "status": "upkeep",
    "doctor": "checkup",
    "convert": "documents",
    "known_roots": "documents",
    "migrate_metadata": "documents",
    "validate": "documents",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # the functions have different types
    """Load a function on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
