"""From what a training loop says to the document beside its checkpoint: the part that asks clock, disk and program."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.integrations.beside_checkpoint import State, read_beside, remove_beside, state_of, write_beside
from ckpt_indexer.integrations.describe import below, describe, root_of
from ckpt_indexer.integrations.foreign import ask
from ckpt_indexer.integrations.places import experiment_of, hydra_config
from ckpt_indexer.integrations.surroundings import environment, wandb_run
from ckpt_indexer.metadata.fields import is_clean, moment_text
from ckpt_indexer.metadata.schema import LATEST
from ckpt_indexer.sidecar.age import age_kept
from ckpt_indexer.sidecar.io import flush, written_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckpt_indexer.integrations.describe import Document, Facts
    from ckpt_indexer.metadata.record import Problem
    from ckpt_indexer.sidecar.io import AnyPath

VERSIONS = ("1.0", LATEST)
_NOTHING_YET = State(0, 0, 0, is_file=False)


def write_facts(
    path: AnyPath, facts: Facts, *, strict: bool = False, sync: Callable[[int], None] = flush
) -> tuple[Path, list[Problem]]:
    """Write the document of a checkpoint; return its path and what was wrong with the facts.

    Of a checkpoint that is not there yet the document holds the name alone. For `sync` see `write_document`.

    Raises:
        SidecarInvalid: `strict`, and a fact is not what it should be; or version 1.0 cannot be written without it.
        SchemaFromFuture: the document there is of a newer release; it stays.
        OSError: the file system refused; a document of an earlier state of the file was removed.
    """
    place = _plain(path)
    version = str(facts.get("schema_version") or LATEST)
    if version not in VERSIONS:
        raise SidecarInvalid(f"schema_version: write {' or '.join(VERSIONS)}, not {version!r}")
    problems: list[Problem] = []
    document = _document(place, facts, problems)
    refused = [problem.message for problem in problems if problem.kind == "field"]
    if strict and refused:
        raise SidecarInvalid("; ".join(refused))
    if version != LATEST:
        document.setdefault("exp_name", experiment_of(os.path.abspath(place), root_of(facts, [])))
    target = written_path(place)
    with age_kept(place):
        write_beside(document, place, state_of(place) or _NOTHING_YET, version=version, sync=sync)
    return target, problems


def remove_documents(path: AnyPath) -> bool:
    """Remove every document that names this checkpoint as its file; tell whether there was one.

    Raises:
        OSError: the file system refused.
    """
    place = _plain(path)
    if read_beside(place) is None:
        return False
    remove_beside(place)
    return True


def _plain(path: AnyPath) -> str:
    """Return the path as text, without a slash at its end."""
    text = os.fsdecode(path)
    return text.rstrip(os.sep) or text


def _document(path: str, facts: Facts, problems: list[Problem]) -> Document:
    """Return the whole document but for the block that ties it to its file."""
    said = describe(facts, problems)
    around: Document = ask("the surroundings", lambda: _surroundings(path, facts, problems), problems) or {}
    document: Document = {"schema_version": LATEST}
    if "checkpoint_path" in around:
        document["checkpoint_path"] = around["checkpoint_path"]
    document |= {"created_at": moment_text(datetime.now(UTC)), **said}
    document |= {key: value for key, value in around.items() if key not in document}
    if "run" in around:
        document["run"] = {**around["run"], **document["run"]}
    return document


def _surroundings(path: str, facts: Facts, problems: list[Problem]) -> Document:
    """Return what need not be said: where the checkpoint lies, and what the program runs in."""
    root, run = root_of(facts, []), wandb_run(())
    owner = {f"wandb_{key}": run[key] for key in ("project", "entity") if key in run}
    found: Document = {
        "run": {key: run[key] for key in ("id", "name") if key in run},
        "environment": {**environment(), **owner},
        "wandb_run_id": run.get("id"),
    }
    if root is not None and is_clean(path):  # no document spells a path that is no text
        config = hydra_config(os.path.abspath(path), root)
        found["checkpoint_path"] = below(os.path.abspath(path), root, "checkpoint_path", problems)
        found["hydra_config_path"] = root.relative(config) if config is not None else None
    return {key: value for key, value in found.items() if value}
