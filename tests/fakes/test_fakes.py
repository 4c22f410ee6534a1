"""The fakes say what their vocabulary promises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.catalog.views import ROW_KEYS
from ckpt_indexer.errors import CheckpointNotFound, DatabaseAbsent, InvalidFilter
from ckpt_indexer.settings import load
from tests.fakes.application import FakeApplication, missing_database
from tests.fakes.catalog import FakeCatalog

if TYPE_CHECKING:
    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.cli.session import Application


def test_the_fakes_are_what_the_commands_ask_for() -> None:
    catalog: Catalog = FakeCatalog()
    application: Application = FakeApplication()
    assert catalog.version() == 0
    assert not application.daemon_alive(load(environ={}, cwd=Path("/")))


def test_rows_have_every_public_key() -> None:
    (row,) = FakeCatalog().having("a.ckpt", hmean=0.5).find()
    assert tuple(row) == ROW_KEYS
    assert row["metrics"] == {"hmean": 0.5}


def test_rows_come_in_path_order_and_only_those_with_the_word() -> None:
    catalog = FakeCatalog().having("b.ckpt").having("a.ckpt")
    assert [row["path"] for row in catalog.find()] == ["a.ckpt", "b.ckpt"]
    assert not catalog.find("nothing")


def test_the_best_group_comes_first_and_the_unknown_group_last() -> None:
    catalog = (
        FakeCatalog().having("a", hmean=0.9).having("b", hmean=0.1, backbone="x").having("c", hmean=0.3, backbone="y")
    )
    assert [(row["group"], row["value"]) for row in catalog.best()] == [("y", 0.3), ("x", 0.1), (None, 0.9)]


def test_a_metric_without_direction_needs_one() -> None:
    catalog = FakeCatalog().having("a", metrics={"odd": 1.0})
    with pytest.raises(InvalidFilter):
        catalog.best("odd")
    assert len(catalog.best("odd", mode="min")) == 1


def test_an_unknown_reference_is_not_found() -> None:
    with pytest.raises(CheckpointNotFound):
        FakeCatalog().get(7)


def test_a_failing_application_fails(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAbsent):
        FakeApplication().failing(missing_database()).status(load(environ={}, cwd=tmp_path))
