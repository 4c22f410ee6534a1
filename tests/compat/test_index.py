"""Answers from the catalog in force: what still holds is not read again, what changed is never old."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.app import scan
from ckpt_indexer.compat import CheckpointCatalogBuilder, build_catalog
from ckpt_indexer.compat.describing import Describer
from ckpt_indexer.settings import load
from tests.compat.catalog_files import CLEVAL, configured, described, place, saved, settled, tree

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.compat.types import CheckpointCatalog


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the checkpoints that are described on the spot."""
    names: list[str] = []
    describe = Describer.describe

    def noted(self: Describer, candidates: object) -> object:
        listed = list(candidates)  # type: ignore[call-overload]  # candidates
        names.extend(os.fsdecode(one.name) for one in listed)
        return describe(self, listed)

    monkeypatch.setattr(Describer, "describe", noted)
    return names


def index(root: Path) -> None:
    settled(root)
    scan(load(flags={"watch.settle_ms": 0}), [root], full=False, progress=None)


def build(directory: Path) -> CheckpointCatalog:
    return build_catalog(directory, use_cache=False)


def test_the_index_answers_as_the_files_would(outputs: Path, read: list[str]) -> None:
    configured(outputs)
    described(place(outputs, "a.ckpt", "exp a"), epoch=0, hmean=0.0)
    saved(place(outputs, "b.ckpt"), cleval_metrics=CLEVAL)
    saved(place(outputs, "epoch=3.ckpt"), global_step=3)
    place(outputs, "last.ckpt").symlink_to("b.ckpt")
    settled(outputs)
    on_the_spot = build(outputs)
    read.clear()
    index(outputs)
    from_index = build(outputs)
    assert read == []
    assert from_index.entries == on_the_spot.entries
    assert from_index.metadata_available_count == on_the_spot.metadata_available_count == 1


def test_what_is_new_or_changed_is_read_and_the_rest_is_not(outputs: Path, read: list[str]) -> None:
    for name in ("a.ckpt", "b.ckpt", "c.ckpt"):
        saved(place(outputs, name), cleval_metrics=CLEVAL)
    index(outputs)
    saved(place(outputs, "b.ckpt"), epoch=6)
    saved(place(outputs, "d.ckpt"), epoch=7)
    place(outputs, "c.ckpt").unlink()
    catalog = build(outputs)
    assert {entry.display_name: entry.epochs for entry in catalog.entries} == {"a": 5, "b": 6, "d": 7}
    assert read == ["b.ckpt", "d.ckpt"]


def test_a_new_document_is_read(outputs: Path, read: list[str]) -> None:
    checkpoint = saved(place(outputs, "a.ckpt"), epoch=10, global_step=1000)
    saved(place(outputs, "b.ckpt"))
    index(outputs)
    described(checkpoint, hmean=0.7)
    assert [entry.hmean for entry in build(outputs).entries] == [0.7, None]
    assert read == ["a.ckpt"]


def test_a_new_configuration_counts_for_its_run(outputs: Path, read: list[str]) -> None:
    saved(place(outputs, "a.ckpt", "one"))
    saved(place(outputs, "b.ckpt", "two"))
    index(outputs)
    configured(outputs, "one")
    assert [entry.backbone for entry in build(outputs).entries] == ["resnet50", "unknown"]
    assert read == ["a.ckpt"]


@pytest.mark.parametrize("part", ["test_exp", "test_exp/checkpoints", 'exp\'s "7", *'])
def test_a_part_of_a_root_is_answered(outputs: Path, read: list[str], part: str) -> None:
    saved(place(outputs, "a.ckpt"))
    saved(place(outputs, "b.ckpt", 'exp\'s "7", *'))
    saved(place(outputs, "c.ckpt", "test_exp2"))
    index(outputs)
    (entry,) = build(outputs / part).entries
    assert entry.exp_name == part.removesuffix("/checkpoints")
    assert read == []


def test_a_part_that_is_no_text_is_answered(outputs: Path, read: list[str]) -> None:
    saved(place(outputs, "a.ckpt", "caf\udce9"))
    index(outputs)
    assert build(outputs / "caf\udce9").total_count == 1
    assert read == []


def test_another_directory_is_read(outputs: Path, tmp_path: Path, read: list[str]) -> None:
    saved(place(outputs, "a.ckpt"))
    index(outputs)
    other = tmp_path / "other"
    saved(place(other, "b.ckpt"))
    assert [entry.display_name for entry in build(other).entries] == ["b"]
    assert read == ["b.ckpt"]


def test_a_directory_above_a_root_is_read(outputs: Path, tmp_path: Path, read: list[str]) -> None:
    saved(place(outputs, "a.ckpt"))
    index(outputs)
    assert [entry.exp_name for entry in build(tmp_path).entries] == ["test_exp"]
    assert read == ["a.ckpt"]


def test_asking_writes_nothing(outputs: Path, tmp_path: Path) -> None:
    saved(place(outputs, "a.ckpt"))
    index(outputs)
    before = tree(outputs)
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as connection:
        seq = connection.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()
    saved(place(outputs, "b.ckpt"))
    build(outputs)
    place(outputs, "b.ckpt").unlink()
    os.utime(place(outputs, "a.ckpt").parent, ns=(0, before["test_exp/checkpoints"][1]))
    assert tree(outputs) == before
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone() == seq


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"x" * 200])
def test_a_file_that_is_no_catalog_is_left_alone(outputs: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalog.db").write_bytes(content)
    saved(place(outputs, "a.ckpt"))
    assert build(outputs).total_count == 1
    assert (tmp_path / "catalog.db").read_bytes() == content


def test_a_catalog_of_another_release_is_not_used(outputs: Path, tmp_path: Path, read: list[str]) -> None:
    saved(place(outputs, "a.ckpt"))
    index(outputs)
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert build(outputs).total_count == 1
    assert read == ["a.ckpt"]


def test_rows_an_older_release_derived_are_read_again(outputs: Path, tmp_path: Path, read: list[str]) -> None:
    saved(place(outputs, "a.ckpt"))
    index(outputs)
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as connection, connection:
        connection.execute("UPDATE checkpoints SET derivation = 0")
    assert build(outputs).total_count == 1
    assert read == ["a.ckpt"]


def test_a_change_to_the_catalog_makes_a_kept_answer_old(outputs: Path) -> None:
    saved(place(outputs, "a.ckpt"))
    index(outputs)
    builder = CheckpointCatalogBuilder(outputs)
    first = builder.build_catalog()
    assert builder.build_catalog() is first
    other = outputs.parent / "other"
    saved(place(other, "b.ckpt"))
    index(other)
    again = builder.build_catalog()
    assert again.entries == first.entries
