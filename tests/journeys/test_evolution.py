"""A release that derives rows otherwise, and a database of an earlier one: rows are made anew, nothing is lost."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.ingest.decide import DERIVATION
from ckpt_indexer.store import backups, migrate
from ckpt_indexer.store.notes import Edit
from ckpt_indexer.store.options import WriterOptions
from ckpt_indexer.store.writer import open_writer
from tests.journeys import real_trees
from tests.journeys.harness import Daemon, eventually, fresh_picture, picture, rows

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = "2026-01-01T00:00:00.000000Z"
WRONG = "epoch = 99, backbone = 'wrong', hmean = NULL, num_parameters = NULL, content_id = NULL"


def age(database: Path) -> None:
    """Make the catalog what a release with an older, worse derivation would have left."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"UPDATE checkpoints SET derivation = {DERIVATION - 1}, {WRONG}")
        connection.execute(f"UPDATE meta SET value = '{DERIVATION - 1}' WHERE key = 'derivation'")


def derivation(database: Path) -> set[int]:
    return {row["derivation"] for row in rows(database, "derivation")}


def mixed(root: Path, count: int) -> None:
    """Write checkpoints, every other with a document that is proved to be its own."""
    for number in range(count):
        path = real_trees.save(
            root / f"run-{number % 7}" / f"epoch={number}.ckpt", real_trees.state(3, 300, seed=number)
        )
        if number % 2:
            real_trees.own_sidecar(path)


# -- another derivation


def test_rows_of_an_older_release_are_derived_anew_in_the_background(root: Path, database: Path) -> None:
    mixed(root, 20)
    real_trees.scan(root, database)
    with open_writer(database) as writer:
        writer.annotate(1, b"run-0/epoch=0.ckpt", Edit(notes="mine"))
    before = rows(database, "id, path")
    age(database)
    with Daemon(root, database) as daemon:
        eventually(lambda: {row["epoch"] for row in rows(database, "epoch")} == {3})
        eventually(lambda: derivation(database) == {DERIVATION})
        assert daemon.stop() == 0
    assert rows(database, "id, path") == before
    assert rows(database, "notes", "path = 'run-0/epoch=0.ckpt'") == [{"notes": "mine"}]
    assert picture(database) == fresh_picture(root, database.with_name("fresh.db"))


def test_a_scan_brings_rows_of_an_older_release_up_to_date(root: Path, database: Path) -> None:
    mixed(root, 20)
    real_trees.scan(root, database)
    age(database)
    real_trees.scan(root, database)
    assert derivation(database) == {DERIVATION}
    assert picture(database) == fresh_picture(root, database.with_name("fresh.db"))
    assert real_trees.scan(root, database)["unchanged"] == 20


@pytest.mark.parametrize("serving", [True, False], ids=["daemon", "scan"])
def test_more_rows_than_one_step_takes_are_all_derived_anew(root: Path, database: Path, serving: bool) -> None:
    for number in range(450):
        real_trees.own_sidecar(real_trees.put(root / "run" / f"{number}.ckpt", b"x" * number))
    real_trees.scan(root, database)
    age(database)
    if serving:
        with Daemon(root, database) as daemon:
            eventually(lambda: derivation(database) == {DERIVATION})
            assert daemon.stop() == 0
    else:
        real_trees.scan(root, database)
        assert derivation(database) == {DERIVATION}


# -- another schema


def first_release(root: Path, database: Path, paths: list[Path]) -> None:
    """Write the catalog of the first release, which read documents only: rows without anything of their headers."""
    migrate.create(database, WriterOptions(), migrate.Revisions(migrate.script_folder(), "0001"))
    place = os.fsencode(os.path.realpath(root))
    with closing(sqlite3.connect(database)) as connection, connection:
        meta = {"catalog_id": "feed", "seq": "7", "next_id": "9", "derivation": "1", "created_at": MOMENT}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        named = {"name": "outputs", "path": os.fsdecode(place), "path_bytes": place}
        insert(connection, "roots", id=1, **named, state="present", mode="manual")
        insert(connection, "directories", id=1, root_id=1, path_bytes=b"")
        for number, path in enumerate(paths, start=3):
            stat = path.stat()
            insert(
                connection, "checkpoints", id=number, root_id=1, directory_id=1, root="outputs", path=path.name,
                path_bytes=path.name.encode(), name=path.name, kind="file", device=stat.st_dev, inode=stat.st_ino,
                size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, ctime_ns=stat.st_ctime_ns, mtime=MOMENT,
                has_sidecar=0, read_state="degraded", presence="present", pinned=0, rankable=1, derivation=1,
                first_seen_at=MOMENT, nested="{}", seq=7, epoch=6,
            )  # fmt: skip
        mine = {"root_id": 1, "path_bytes": paths[0].name.encode(), "tags": '["mine"]', "pinned": 1}
        insert(connection, "annotations", **mine, rewritten=0, updated_at=MOMENT)


def insert(connection: sqlite3.Connection, table: str, **values: Any) -> None:
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def test_the_catalog_of_the_first_release_is_upgraded_and_filled(root: Path, database: Path) -> None:
    names = ("alone.ckpt", "documented.ckpt", "stamped.ckpt")
    alone, documented, stamped = paths = [real_trees.save(root / name, real_trees.state(3, 300)) for name in names]
    real_trees.own_sidecar(documented)
    real_trees.replaced_sidecar(stamped, epoch=6, global_step=600, hmean=0.99)
    first_release(root, database, paths)
    with Daemon(root, database) as daemon:
        learned = {"epoch": 3, "num_parameters": real_trees.PARAMETERS, "header_read": 1}
        columns = "epoch, num_parameters, header_read"
        eventually(lambda: rows(database, columns) == [learned] * 3)
        daemon.settle()
        assert daemon.stop() == 0
    found = rows(database, "id, path, sidecar_state, hmean, pinned, duplicate_of")
    assert [tuple(row.values()) for row in found] == [
        (3, alone.name, None, None, 1, None),
        (4, documented.name, "verified", 0.75, 0, 3),
        (5, stamped.name, "contradicted", None, 0, 3),
    ]
    assert migrate.state(database).revision == migrate.HEAD
    assert len(backups.found(database)) == 1
    assert picture(database) == fresh_picture(root, database.with_name("fresh.db"))
