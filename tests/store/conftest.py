from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.store.writer import open_writer
from tests.store.fakes import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new, empty catalog, made once: making one runs Alembic."""
    path = tmp_path_factory.mktemp("template") / "catalog.db"
    open_writer(path).close()
    return path


@pytest.fixture
def database(template: Path, tmp_path: Path) -> Path:
    """The path of a closed, empty catalog."""
    path = tmp_path / "catalog.db"
    shutil.copy(template, path)
    return path


@pytest.fixture
def catalog(database: Path) -> Iterator[Catalog]:
    """An open catalog with one root."""
    made = Catalog(database)
    yield made
    made.writer.close()
