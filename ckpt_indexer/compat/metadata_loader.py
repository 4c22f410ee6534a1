"""Documents beside checkpoints as metadata of version 1.0, whatever their version: load, load many, save."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.compat.types import UNKNOWN, CheckpointMetadataV1
from ckpt_indexer.errors import MetadataError, NeedsChild, ResourceShortage, SchemaFromFuture, SidecarInvalid
from ckpt_indexer.metadata.metrics import headline
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.runs import place_of
from ckpt_indexer.metadata.upgrade import identify, upgrade
from ckpt_indexer.sidecar.io import future_version, write_document, written_path
from ckpt_indexer.sidecar.loading import parse_inline
from ckpt_indexer.tools.existing import examine, is_foreign, named_file
from ckpt_indexer.tools.strict import as_version, without_unknown, worded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ckpt_indexer.metadata.reading import Reading
    from ckpt_indexer.tools.existing import Examined

LOGGER = logging.getLogger(__name__)
_VERSION = "1.0"


class Loaded(NamedTuple):
    """What the documents of one checkpoint gave: metadata, or why none of them could be used, or neither."""

    metadata: CheckpointMetadataV1 | None
    error: MetadataError | None


def load_metadata(checkpoint_path: str | os.PathLike[str]) -> CheckpointMetadataV1 | None:
    """Return what the document beside a checkpoint says; None when there is none that can be used, which is logged.

    Reads every name and version of a document; one of version 0 or 2.0 is turned into 1.0. The checkpoint itself is not
    opened and need not exist.
    """
    path = os.fsencode(checkpoint_path)
    found = read_beside(path)
    if found.error is not None:
        LOGGER.warning("the metadata of %s cannot be used: %s", display(path), found.error.message)
    return found.metadata


def load_metadata_batch(checkpoint_paths: Iterable[Path]) -> dict[Path, CheckpointMetadataV1 | None]:
    """Return what the documents of many checkpoints say, by path; None for one without a usable document."""
    return {path: load_metadata(path) for path in checkpoint_paths}


def save_metadata(metadata: CheckpointMetadataV1, checkpoint_path: str | os.PathLike[str]) -> Path:
    """Write metadata as the checkpoint's document, without what is None; return the document's path.

    Named `<stem>.metadata.yaml`, or `<file>.metadata.yaml` where another checkpoint has the same stem. Written whole or
    not at all.

    Raises:
        SchemaFromFuture: the document it would replace is of a version newer than ours.
        SidecarInvalid: it holds what no document can hold.
        OSError: the file system refused.
    """
    path = written_path(checkpoint_path)
    newer = future_version(path)
    if newer is not None:
        message = f"{path} is a document of version {newer}, newer than this release knows; it is not overwritten"
        raise SchemaFromFuture(message, path=os.fspath(path), version=newer)
    write_document(metadata.model_dump(mode="json", exclude_none=True), path)
    return path


def read_beside(path: bytes) -> Loaded:
    """Return the metadata of the document that counts for a checkpoint: the first valid one that names this file, else
    the first valid one that names none that lies beside it (the checkpoint was renamed)."""
    found, error = _first_usable(path)
    if found is None and error is None and os.path.islink(path):  # bytes
        found, error = _first_usable(os.path.realpath(path))  # bytes
    return Loaded(found, error)


def documents_beside(path: bytes) -> list[Examined]:
    """Return the documents that may describe a checkpoint, first choice first, however broken they are."""
    absolute = os.path.abspath(path)  # bytes
    kind = Kind.DIRECTORY if os.path.isdir(path) else Kind.FILE  # bytes
    candidate = Candidate(b"/", absolute[1:], kind, Fingerprint(0, 0, 0, _changed(absolute), 0))
    examined = list(examine(candidate, _parse))
    own = [one for one in examined if not is_foreign(one, candidate)]
    return own + [one for one in examined if is_foreign(one, candidate) and not _describes_neighbour(one, absolute)]


def _first_usable(path: bytes) -> tuple[CheckpointMetadataV1 | None, MetadataError | None]:
    error: MetadataError | None = None
    for one in documents_beside(path):
        try:
            if one.future is not None:
                message = f"schema version {one.future} is newer than this release knows"
                raise SchemaFromFuture(message, version=one.future)  # one of the reasons below
            if one.attempt.document is None or one.reading is None:
                error = error or one.error
                continue
            return _as_metadata(one.attempt.document, one.reading, path), None
        except MetadataError as reason:
            error = error or reason
    return None, error


def _as_metadata(document: Mapping[str, Any], reading: Reading, path: bytes) -> CheckpointMetadataV1:  # YAML values
    """Return a document as metadata of version 1.0.

    Raises:
        SidecarInvalid: it breaks its schema, or says too little for 1.0.
    """
    old = dict(document)
    if identify(document).version != _VERSION:
        old.setdefault("checkpoint_path", display(os.path.basename(path)))  # bytes
        old.setdefault("exp_name", place_of(os.path.abspath(path)[1:], UNKNOWN).experiment)  # bytes
        newest = without_unknown(upgrade(old))
        old = as_version(newest, _VERSION, mtime_ns=_changed(path) or None)
    values = _without_nulls(old)
    _fill_headline(values, reading)
    try:
        return CheckpointMetadataV1.model_validate(values)
    except ValidationError as error:
        raise SidecarInvalid(worded(error)) from error


def _fill_headline(document: dict[str, Any], reading: Reading) -> None:  # YAML values
    """Some writers keep every metric under its logged name: fill the headline metrics that are left empty."""
    block = document.get("metrics")
    if isinstance(block, dict):
        values, _ = headline(reading.finding.metrics)
        for name, value in values.items():
            block.setdefault(name, value)


def _without_nulls(document: Mapping[str, Any]) -> dict[str, Any]:  # YAML values
    """Return a document as the model takes it: a null is an absent key, a moment is text, -1 epochs are no limit."""
    kept: dict[str, Any] = {}  # YAML values
    for key, value in document.items():
        if isinstance(value, Mapping):
            kept[key] = _without_nulls(value)
        elif isinstance(value, date):
            kept[key] = value.isoformat()
        elif value is not None and not (key == "max_epochs" and value == -1):
            kept[key] = value
    return kept


def _describes_neighbour(one: Examined, absolute: bytes) -> bool:
    """Tell whether the file a document names lies beside the checkpoint, so that it is the document of that one."""
    named = named_file(one.reading) if one.reading is not None else None
    return named is not None and os.path.lexists(os.path.join(os.path.dirname(absolute), os.fsencode(named)))  # bytes


def _parse(data: bytes) -> Any:  # noqa: ANN401  # whatever the document holds
    """Return the value of a document; a hard one is read by a limited child."""
    try:
        return parse_inline(data)
    except NeedsChild:
        from ckpt_indexer.app.documents import open_parser

        with open_parser() as parse:
            return parse(data)


def _changed(path: bytes) -> int:
    """Return when a file was last changed, in ns since 1970; 0 when it is not there."""
    try:
        return os.stat(path).st_mtime_ns  # bytes
    except (OSError, ResourceShortage):
        return 0
