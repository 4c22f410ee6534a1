"""Tags, notes and pins: by the daemon when one keeps the catalog, here otherwise; into documents on request."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ckpt_indexer.app.build import rules_of, writing
from ckpt_indexer.errors import CheckpointNotFound
from ckpt_indexer.metadata.naming import display

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.app.documents import Run
    from ckpt_indexer.ingest.annotate import Spot
    from ckpt_indexer.settings import Settings
    from ckpt_indexer.store.notes import Edit
    from ckpt_indexer.tools.annotate import Said
    from ckpt_indexer.tools.plan import Plan


def annotate(settings: Settings, ids: Sequence[int], edit: Edit) -> int:
    """Change what people say about checkpoints; return the seq that shows it.

    Raises:
        InvalidFilter: a tag or note that cannot be stored.
        CheckpointNotFound: a checkpoint is not in the catalog any more.
        AlreadyRunning: a scan keeps the catalog just now.
        StoreError, DaemonError: the catalog cannot be written.
    """
    from ckpt_indexer.daemon.wire import ask

    spots = _spots(settings, ids)
    request = {
        "op": "annotate",
        "spots": [[os.fsdecode(part) for part in spot] for spot in spots],
        "tags_add": list(edit.tags_add),
        "tags_remove": list(edit.tags_remove),
        "notes": edit.notes,
        "pinned": edit.pinned,
    }
    answer = ask(settings.catalog.db, request)
    return int(answer["seq"]) if answer is not None else _annotate_here(settings, spots, edit)


def annotate_document(settings: Settings, row_id: int, said: Said, run: Run) -> Plan:
    """Write tags and notes into the document of a checkpoint, which is made when there is none.

    Raises:
        CheckpointNotFound: the checkpoint is not in the catalog any more, or its file is gone.
    """
    from ckpt_indexer.app.documents import open_readers
    from ckpt_indexer.tools.annotate import Annotator
    from ckpt_indexer.tools.convert import Converter
    from ckpt_indexer.tools.plan import execute
    from ckpt_indexer.tools.selection import Scope, Target, find

    ((root, path),) = _spots(settings, [row_id])
    found = find([Target(root, path, Scope.CHECKPOINT)], rules_of(settings))
    if not found.candidates:
        message = f"there is no file at {display(os.path.join(root, path))} now; no document was written"  # bytes
        raise CheckpointNotFound(message, ref=str(row_id))
    with open_readers(settings) as readers:
        converter = Converter(describe=readers.describe, parse=readers.parse, now=lambda: datetime.now(UTC))
        annotator = Annotator(parse=readers.parse, converter=converter)
        plan = annotator.plan(found, said)
        plan.dry_run = run.dry_run
        if run.on_plan is not None:
            run.on_plan(plan)
        if not run.dry_run:
            execute(plan, annotator.act, None, "writing")
    return plan


def _spots(settings: Settings, ids: Sequence[int]) -> list[Spot]:
    from ckpt_indexer.store.read_place import places_of

    found = {place.id: (place.root, place.path) for place in places_of(settings.catalog.db, ids)}
    for row_id in ids:
        if row_id not in found:
            raise CheckpointNotFound(f"there is no checkpoint with the id {row_id} any more", ref=str(row_id))
    return [found[row_id] for row_id in ids]


def _annotate_here(settings: Settings, spots: Sequence[Spot], edit: Edit) -> int:
    from ckpt_indexer.ingest.annotate import annotate as write_down

    with writing(settings.catalog.db) as writer:
        return write_down(writer, spots, edit)
