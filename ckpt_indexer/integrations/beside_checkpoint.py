"""The document beside a checkpoint, written after its file and removed with it. Knows disks and names, no trainer.

A document is written only when the file it describes is there, and removed only when it names the file that went.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import NeedsChild, SchemaFromFuture, SidecarInvalid, SidecarUnreadable
from ckpt_indexer.metadata import naming
from ckpt_indexer.metadata.schema import LATEST
from ckpt_indexer.sidecar.emit import emit
from ckpt_indexer.sidecar.io import flush, future_version, write_document, written_path
from ckpt_indexer.sidecar.loading import parse_inline
from ckpt_indexer.sidecar.opening import read_whole

if TYPE_CHECKING:
    from collections.abc import Callable

Block = dict[str, Any]  # part of a document: JSON values
_FIRST = (
    "schema_version", "file", "checkpoint_path", "exp_name", "created_at", "training", "model", "metrics",
    "metrics_step",
)  # fmt: skip
"""Keys that a reader looks for first."""
_BEGIN = b"schema_version"
_EXPENDABLE = ("params", "environment", "dataset", "lineage", "run")
"""Left out of a document that is too large or cannot be spelled, in this order."""


class State(NamedTuple):
    """What a file or directory is now; two equal states mean that nothing was written in between."""

    inode: int
    size_bytes: int
    mtime_ns: int
    is_file: bool


def state_of(path: str) -> State | None:
    """Return the state of a checkpoint, links followed; None when it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return State(found.st_ino, found.st_size, found.st_mtime_ns, stat.S_ISREG(found.st_mode))


def is_gone(path: str) -> bool:
    """Tell whether there is certainly no checkpoint any more: a disk that does not answer is another thing."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def write_beside(
    document: Mapping[str, Any],  # JSON values
    path: str,
    state: State,
    *,
    version: str,
    sync: Callable[[int], None] = flush,
) -> None:
    """Write the document of the checkpoint that is at the path in this state. `version` is the one wanted; a document
    of 1.0 is written as it is. For `sync` see `write_document`.

    When that fails the document of an earlier file of the same name is removed: it would now tell lies. A file of that
    name that is no document at all is somebody else's, and kept as `.bak`.

    Raises:
        SchemaFromFuture: the document it would replace is newer than ours; it stays.
        SidecarInvalid: it cannot be written as a document of that version.
        OSError: the file system refused.
    """
    target = os.fspath(written_path(path))
    newer = future_version(target) if os.path.lexists(target) else None
    if newer is not None:
        raise SchemaFromFuture(f"{target} is of version {newer}, newer than ours; it stays", path=target, version=newer)
    _set_aside_foreign(target)
    try:
        write_document(_as_version(_tied(document, path, state), version), target, sync=sync)
    except (OSError, SidecarInvalid):
        _remove_if_about(target, path)
        raise
    for other in _documents(path):
        if other != target and os.path.lexists(other):
            _remove_if_about(other, path)


def remove_beside(path: str) -> None:
    """Remove the documents of a checkpoint that is gone or spoiled; one that names another file, or none, stays.

    Raises:
        OSError: the file system refused.
    """
    for document in _documents(path):
        _remove_if_about(document, path)


def read_beside(path: str) -> Block | None:
    """Return the document of a checkpoint; None when there is none that names it."""
    for document in _documents(path):
        found = _read(document)
        if found is not None and _is_about(found, path):
            return found
    return None


def _documents(path: str) -> list[str]:
    """Return where documents of a checkpoint may lie: beside a file, or inside a directory."""
    directory, name = os.path.split(os.fsencode(path))
    names = [found for found in naming.sidecar_names(name) if found.endswith(naming.YAML_SIDECAR)]
    inside = os.path.join(os.fsencode(path), naming.INSIDE_SIDECAR)
    return [os.fsdecode(place) for place in (inside, *(os.path.join(directory, name) for name in names))]


def _tied(document: Mapping[str, Any], path: str, state: State) -> Block:
    """Return the document with the block that ties it to its file, after its version; 1.0 has no such block. A
    directory goes by its name: its size and time are no single thing."""
    if document["schema_version"] != LATEST:
        return dict(document)
    tie: Block = {"name": _shown_name(path)}
    if state.is_file:
        tie |= {"size_bytes": state.size_bytes, "mtime_ns": state.mtime_ns}
    tied = {**document, "file": tie}
    return {key: tied[key] for key in (*_FIRST, *tied) if key in tied}


def _as_version(document: Block, version: str) -> Block:
    """Return the document in the version asked for, without what cannot be written."""
    document = _spellable(document)
    if document["schema_version"] != LATEST or version == LATEST:
        return document
    from ckpt_indexer.metadata.document import MetadataV2, to_document
    from ckpt_indexer.metadata.downgrade import downgrade

    return to_document(downgrade(MetadataV2.model_validate(document)))


def _spellable(document: Block) -> Block:
    """Return the document less the keys that cannot be spelled, and less expendable ones while it is too large."""
    try:
        emit(document)
    except SidecarInvalid:
        kept = {key: value for key, value in document.items() if _can_be_spelled(key, value)}
        for key in _EXPENDABLE:
            if _can_be_spelled("document", kept):
                break
            kept.pop(key, None)
        return kept
    return document


def _can_be_spelled(key: str, value: object) -> bool:
    try:
        emit({key: value})
    except SidecarInvalid:
        return False
    return True


def _remove_if_about(document: str, path: str) -> None:
    found = _read(document)
    if found is not None and _is_about(found, path):
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            os.unlink(document)


def _set_aside_foreign(target: str) -> None:
    """Rename a file that is no document to a `.bak` that is not taken."""
    if os.path.islink(target) or not os.path.isfile(target) or _is_document(target):
        return
    backups = (f"{target}.bak{number or ''}" for number in count())
    os.rename(target, next(backup for backup in backups if not os.path.lexists(backup)))


def _is_document(target: str) -> bool:
    """Tell whether a file looks like a document of any version, whole or not: writers begin with the version."""
    with open(target, "rb") as file:
        if file.read(len(_BEGIN)) == _BEGIN:
            return True
    return _read(target) is not None


def _read(document: str) -> Block | None:
    """Return a document of ours, plain block YAML; None for anything else, or nothing."""
    try:
        found = parse_inline(read_whole(os.fsencode(document)).data)
    except (FileNotFoundError, NotADirectoryError, SidecarUnreadable, NeedsChild):
        return None
    known = isinstance(found, Mapping) and str(found.get("schema_version")) in {"1.0", "2.0"}
    return dict(found) if known else None


def _is_about(document: Mapping[str, Any], path: str) -> bool:
    """Tell whether a document names this checkpoint: by its `file` block or, in version 1.0, by its path."""
    tie = document.get("file")
    named = tie.get("name") if isinstance(tie, Mapping) else None
    if named is None:
        place = document.get("checkpoint_path")
        named = place.rpartition("/")[2] if isinstance(place, str) else None
    return bool(named == _shown_name(path))


def _shown_name(path: str) -> str:
    return naming.display(os.fsencode(os.path.basename(path)))
