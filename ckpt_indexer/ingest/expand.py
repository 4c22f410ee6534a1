"""Which checkpoints a changed path concerns: itself, or those its document describes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ckpt_indexer.metadata.naming import (
    CHECKPOINT_SUFFIXES,
    INSIDE_SIDECAR,
    JSON_SIDECAR,
    YAML_SIDECAR,
    checkpoint_suffix,
    is_sidecar,
    stem,
)

if TYPE_CHECKING:
    from ckpt_indexer.store.changes import RootRow
    from ckpt_indexer.store.writer import Writer


def described_by(path: bytes) -> list[bytes]:
    """Return every path whose document this could be, by the naming rules. Pure.

    `a/x.metadata.yaml` may describe `a/x`, when that is a checkpoint's name or a directory, and `a/x.ckpt`, ...;
    `a/d/checkpoint.metadata.yaml` the directory `a/d`.
    """
    directory, _, name = path.rpartition(b"/")
    suffix = YAML_SIDECAR if name.endswith(YAML_SIDECAR) else JSON_SIDECAR
    base = name[: -len(suffix)]
    prefix = directory + b"/" if directory else b""
    found = [prefix + base]
    if checkpoint_suffix(base) is None:
        found += [prefix + base + ending for ending in CHECKPOINT_SUFFIXES]
    if name == INSIDE_SIDECAR and directory:
        found.append(directory)
    return found


def siblings_of(root: bytes, path: bytes) -> list[bytes]:
    """Return the other checkpoints of the same stem that lie beside a path: what comes or goes here may change whether
    their documents are shared."""
    directory, _, name = path.rpartition(b"/")
    prefix = directory + b"/" if directory else b""
    names = (stem(name) + suffix for suffix in CHECKPOINT_SUFFIXES)
    return [prefix + other for other in names if other != name and os.path.lexists(root + b"/" + prefix + other)]


def places_of(root: RootRow, path: bytes, writer: Writer) -> list[bytes]:
    """Return the paths to look at because of a hint on `path`: the checkpoints a document describes, else the path."""
    if not is_sidecar(path.rpartition(b"/")[2]):
        return [path]
    derived = [row.path for row in writer.rows_from_input(root.id, path) if row.root_id == root.id]
    return list(dict.fromkeys(described_by(path) + derived))


def is_ours(path: bytes) -> bool:
    """Tell whether a file of this name may be a checkpoint or a document beside one."""
    name = path.rpartition(b"/")[2]
    return checkpoint_suffix(name) is not None or is_sidecar(name)
