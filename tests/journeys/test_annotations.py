"""What people said about a checkpoint outlives the database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ckpt_indexer import app
from ckpt_indexer.store.notes import Edit
from ckpt_indexer.store.writer import open_writer
from tests.journeys.harness import rows, settings_for, write_checkpoint, write_sidecar

if TYPE_CHECKING:
    from pathlib import Path


def test_a_deleted_database_comes_back_with_its_annotations_by_one_scan(tmp_path: Path) -> None:
    database = tmp_path / "catalog.db"
    checkpoint = write_checkpoint(tmp_path / "outputs" / "run" / "checkpoints" / "best.ckpt")
    write_sidecar(checkpoint, tags=["baseline"])
    app.scan(settings_for(database), [tmp_path / "outputs"], full=False, progress=None)
    with open_writer(database) as writer:
        root = writer.roots()[0]
        writer.annotate(root.id, b"run/checkpoints/best.ckpt", Edit(tags_add=("paper",), notes="table 2", pinned=True))
    for suffix in ("", "-wal", "-shm"):
        file = tmp_path / f"catalog.db{suffix}"
        if file.exists():
            os.unlink(file)

    app.scan(settings_for(database), [tmp_path / "outputs"], full=False, progress=None)

    row = rows(database, "notes, pinned")[0]
    tags = app.open_catalog(settings_for(database)).get("best.ckpt")["tags"]
    assert (row["notes"], row["pinned"], sorted(tags)) == ("table 2", 1, ["baseline", "paper"])
