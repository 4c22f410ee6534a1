"""What tests of the training side ask of a document: what our own reader makes of it, how far it is believed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import yaml

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.metadata.document import MetadataV2
from ckpt_indexer.metadata.reading import Reading, read_document
from ckpt_indexer.sidecar.loading import parse_inline
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.sidecar import SidecarSource

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.metadata.record import Finding, SidecarState


def document(path: Path | None) -> dict[str, Any]:
    """Return a document as another reader of YAML sees it; strict 2.0 ones only."""
    assert path is not None
    loaded = yaml.safe_load(path.read_bytes())
    assert isinstance(loaded, dict)
    assert loaded == parse_inline(path.read_bytes())
    MetadataV2.model_validate(loaded)
    return loaded


def reading(path: Path | None) -> Reading:
    """Return what the index reads from a document; it must be valid."""
    assert path is not None
    found = read_document(document(path), detail=path.name)
    assert found.valid, found.finding.problems
    return found


def finding(checkpoint: Path) -> Finding | None:
    """Return what the index says of a checkpoint by its documents alone."""
    stat = checkpoint.stat()
    kind = Kind.DIRECTORY if checkpoint.is_dir() else Kind.FILE
    directory, name = os.fsencode(checkpoint.parent), os.fsencode(checkpoint.name)
    candidate = Candidate(root=directory, path=name, kind=kind, fingerprint=Fingerprint.of(stat))
    return SidecarSource(parse=parse_inline).find(candidate, Said([]))


def state(checkpoint: Path) -> SidecarState | None:
    found = finding(checkpoint)
    return None if found is None else found.sidecar_state


def documents(directory: Path) -> list[str]:
    """Return the names of all documents below a directory."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*.metadata.*"))
