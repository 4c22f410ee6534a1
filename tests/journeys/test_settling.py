"""What waits until a file is at rest, and what need not wait."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.journeys.harness import eventually, rows, service, write_checkpoint, write_sidecar

if TYPE_CHECKING:
    from pathlib import Path

A_MINUTE_MS = 60_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outputs" / "run").mkdir(parents=True)
    return tmp_path / "outputs"


def put(path: Path) -> Path:
    """Write a checkpoint under a temporary name and rename it, as careful trainers do."""
    write_checkpoint(path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)
    return path


def test_a_renamed_file_and_its_later_sidecar_wait_for_no_settle_time(root: Path, tmp_path: Path) -> None:
    database = tmp_path / "catalog.db"
    with service(root, database, settle_ms=A_MINUTE_MS):
        checkpoint = put(root / "run" / "epoch=3.ckpt")
        eventually(lambda: [row["read_state"] for row in rows(database)] == ["degraded"], what="the row")
        write_sidecar(checkpoint, epoch=3, hmean=0.75)
        eventually(lambda: [row["hmean"] for row in rows(database)] == [0.75], what="its score")

        assert [row["sidecar_state"] for row in rows(database)] == ["unverified"]


def test_a_sidecar_written_right_after_the_rename_waits_for_no_settle_time(root: Path, tmp_path: Path) -> None:
    database = tmp_path / "catalog.db"
    with service(root, database, settle_ms=A_MINUTE_MS):
        for number in range(8):
            write_sidecar(put(root / "run" / f"epoch={number}.ckpt"), epoch=number, hmean=number / 10)
        eventually(lambda: [row["hmean"] for row in rows(database)] == [n / 10 for n in range(8)], what="the scores")

        assert {row["read_state"] for row in rows(database)} == {"ok"}


def test_a_file_written_in_place_is_read_when_it_is_closed(root: Path, tmp_path: Path) -> None:
    database = tmp_path / "catalog.db"
    with service(root, database, settle_ms=A_MINUTE_MS):
        with (root / "run" / "growing.ckpt").open("wb") as file:
            file.write(b"half")
            file.flush()
            eventually(lambda: [row["read_state"] for row in rows(database)] == ["pending"], what="the pending row")
            file.write(b" a checkpoint")
        eventually(lambda: [row["read_state"] for row in rows(database)] == ["unreadable"], what="the closed file")

        assert [row["size_bytes"] for row in rows(database)] == [17]
