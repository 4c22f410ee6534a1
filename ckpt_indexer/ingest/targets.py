"""What a person named on the command line, as roots and parts of roots."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ckpt_indexer.discovery.roots import check_roots, contains
from ckpt_indexer.errors import QueryError
from ckpt_indexer.ingest.oneshot import Target
from ckpt_indexer.ingest.root_check import note_root
from ckpt_indexer.store.maintenance import replay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.ingest.indexer import Indexer
    from ckpt_indexer.store.changes import RootRow


def targets_of(indexer: Indexer, paths: Sequence[bytes], names: Mapping[bytes, str]) -> list[Target]:
    """Return what to scan: each path's root, or the part of a root it lies in; every root when no path is given.

    A path in no root becomes one, under its name in `names` or its directory's.

    Raises:
        SettingsError: a path contains a known root.
        QueryError: no path was given and no root is known.
    """
    if not paths:
        found = [Target(root) for root in indexer.intake.roots.values()]
        if not found:
            raise QueryError("no directory is watched yet: name one, as in `ckpt-indexer scan outputs/`")
        return found
    return [_target(indexer, path, names) for path in dict.fromkeys(paths)]


def add_root(indexer: Indexer, path: bytes, name: str | None = None) -> RootRow:
    """Return the root at a real absolute path, adding it when it is new, with what people said about its files before
    the database was lost: the annotations journal remembers.

    Raises:
        SettingsError: it contains a known root, or lies in one.
    """
    known = indexer.root_at(path)
    if known is not None:
        return known
    check_roots((root.path for root in indexer.intake.roots.values()), path)
    root = indexer.writer.add_root(path, name)
    indexer.load_roots()
    note_root(indexer, root)
    replay(indexer.writer.path, indexer.writer)
    return indexer.intake.roots[root.id]


def _target(indexer: Indexer, path: bytes, names: Mapping[bytes, str]) -> Target:
    for root in indexer.intake.roots.values():
        if contains(root.path, path):
            return Target(root, os.path.relpath(path, root.path) if path != root.path else b"")
    return Target(add_root(indexer, path, names.get(path)))
