"""What a W&B run says of one checkpoint as metadata of version 1.0."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.compat.types import CheckpointMetadataV1
from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.metadata.authoring import author
from ckpt_indexer.metadata.path_facts import find_path_facts
from ckpt_indexer.metadata.record import Finding
from ckpt_indexer.readers.peek import peek_file
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.chain import Asked, merge
from ckpt_indexer.sources.names import PlaceSource
from ckpt_indexer.sources.wandb.match import EPOCH, Progress, step_key
from ckpt_indexer.sources.wandb.run import speak
from ckpt_indexer.tools.strict import as_version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ckpt_indexer.sources.wandb.match import Row
    from ckpt_indexer.sources.wandb.run import RunSaid

LOGGER = logging.getLogger(__name__)
_ANY_TIME = "1970-01-01T00:00:00Z"
"""When the document that version 1.0 is made of was made: that version does not say."""


def metadata_of(said: RunSaid, run_id: str, checkpoint_path: Path) -> CheckpointMetadataV1 | None:
    """Return what a run says of a checkpoint; None when it says too little for version 1.0. `run_id` is how whoever
    asked spells the run."""
    candidate = _candidate(os.fsencode(checkpoint_path))
    progress = progress_of(candidate, said.rows)
    known = {"epoch": progress.epoch, "global_step": progress.global_step}
    own = Finding("header", "", facts={name: value for name, value in known.items() if value is not None})
    answer = speak(said, progress, detail=f"api:{run_id}")
    place = PlaceSource().find(candidate, Said())
    record = merge(Asked(findings=[place, own, answer.findings[0]]))
    newest = author(record, candidate, program="ckpt_indexer.compat", at=_ANY_TIME)
    try:
        document = as_version(newest, "1.0", mtime_ns=candidate.fingerprint.mtime_ns or None)
        document |= {"checkpoint_path": os.fspath(checkpoint_path), "wandb_run_id": run_id}
        return CheckpointMetadataV1.model_validate(document)
    except (SidecarInvalid, ValidationError) as error:
        LOGGER.debug("W&B says too little of %s: %s", checkpoint_path, error)
        return None


def progress_of(candidate: Candidate, rows: Sequence[Row]) -> Progress:
    """Return how far a checkpoint says it is: by its first bytes, else by its name; a step that neither tells is that
    of the one history row of its epoch."""
    peek = peek_file(candidate.absolute)
    named = find_path_facts(candidate.path)
    facts = {} if named is None else named.facts
    epoch = peek.epoch if peek is not None and peek.epoch is not None else facts.get("epoch")
    step = peek.global_step if peek is not None and peek.global_step is not None else facts.get("global_step")
    key = step_key(rows)
    if step is None and epoch is not None and key is not None:
        steps = {row.get(key.name) for row in rows if row.get(EPOCH) == epoch}
        only = steps.pop() if len(steps) == 1 else None
        step = None if only is None else int(only) + key.behind
    return Progress(epoch, step)


def _candidate(path: bytes) -> Candidate:
    absolute = os.path.abspath(path)  # bytes
    try:
        found = os.stat(absolute)  # bytes
    except OSError:
        return Candidate(b"/", absolute[1:], Kind.FILE, Fingerprint(0, 0, 0, 0, 0))
    kind = Kind.DIRECTORY if os.path.isdir(absolute) else Kind.FILE  # bytes
    return Candidate(b"/", absolute[1:], kind, Fingerprint.of(found))
