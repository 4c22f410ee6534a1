"""Which file a row means when its tensors are asked for, links included, through real children."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer import app
from tests.journeys.harness import rows, settings_for

if TYPE_CHECKING:
    from pathlib import Path


def weights(path: Path, **shapes: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * shape[0]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + b"\0" * at)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    outputs = tmp_path / "outputs"
    weights(outputs / "a.safetensors", x=[2])
    weights(outputs / "b.safetensors", x=[3], y=[1])
    (outputs / "last.safetensors").symlink_to("a.safetensors")
    database = tmp_path / "catalog.db"
    app.scan(settings_for(database), [outputs], full=False, progress=None)
    return database


def test_a_link_has_the_tensors_of_its_target(database: Path) -> None:
    ids = {row["path"]: row["id"] for row in rows(database, "id, path")}
    names = ("last.safetensors", "b.safetensors", "a.safetensors")
    found = app.structures(settings_for(database), [ids[name] for name in names])
    assert [{name: one.shape for name, one in structure.tensors.items()} for structure in found] == [
        {"x": (2,)},
        {"x": (3,), "y": (1,)},
        {"x": (2,)},
    ]


def test_a_file_that_is_gone_hides_no_other(database: Path) -> None:
    (database.parent / "outputs" / "b.safetensors").unlink()
    found = app.structures(settings_for(database), [2, 1, 99])
    assert [bool(one.tensors) for one in found] == [False, True, False]
    assert all(one.trouble for one in (found[0], found[2]))
