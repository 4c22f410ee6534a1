from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest
import yaml

from ckpt_indexer.errors import SchemaFromFuture, SidecarInvalid
from ckpt_indexer.integrations.beside_checkpoint import read_beside, remove_beside, state_of, write_beside

Block = dict[str, Any]


def write(checkpoint: Path, version: str = "2.0", **keys: Any) -> None:
    state = state_of(str(checkpoint))
    assert state is not None
    write_beside({"schema_version": "2.0", **keys}, str(checkpoint), state, version=version)


def made(folder: Path, name: str = "best.ckpt", content: bytes = b"weights") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_document_names_its_file_with_size_and_time(tmp_path: Path) -> None:
    checkpoint = made(tmp_path)
    write(checkpoint, tags=["a"])
    stat = checkpoint.stat()
    assert yaml.safe_load((tmp_path / "best.metadata.yaml").read_text()) == {
        "schema_version": "2.0",
        "file": {"name": "best.ckpt", "size_bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns},
        "tags": ["a"],
    }


def test_a_write_that_fails_takes_the_document_of_the_earlier_file_with_it(tmp_path: Path) -> None:
    checkpoint = made(tmp_path)
    write(checkpoint)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(checkpoint)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == ["best.ckpt"]


def test_a_document_from_the_future_stays(tmp_path: Path) -> None:
    checkpoint = made(tmp_path)
    future = tmp_path / "best.metadata.yaml"
    future.write_text("schema_version: '7.0'\nfile:\n  name: best.ckpt\n")
    with pytest.raises(SchemaFromFuture, match="newer than ours"):
        write(checkpoint)
    remove_beside(str(checkpoint))
    assert "7.0" in future.read_text()


@pytest.mark.parametrize("text", ["my notes on this run", "lr: 0.1\n", "- a list\n", "{[ nothing that parses", ""])
def test_a_file_that_is_no_document_is_kept(tmp_path: Path, text: str) -> None:
    checkpoint = made(tmp_path)
    for kept in (text, text + "again"):
        (tmp_path / "best.metadata.yaml").write_text(kept)
        write(checkpoint, tags=["a"])
    assert yaml.safe_load((tmp_path / "best.metadata.yaml").read_text())["tags"] == ["a"]
    assert (tmp_path / "best.metadata.yaml.bak").read_text() == text
    assert (tmp_path / "best.metadata.yaml.bak1").read_text() == text + "again"


@pytest.mark.parametrize(
    "text",
    ["schema_version: '1.0'\ncheckpoint_path: a/be", "# by hand\nschema_version: '2.0'\nfile:\n  name: other.ckpt\n"],
)
def test_an_older_document_is_replaced(tmp_path: Path, text: str) -> None:
    checkpoint = made(tmp_path)
    (tmp_path / "best.metadata.yaml").write_text(text)
    write(checkpoint)
    assert names(tmp_path) == ["best.ckpt", "best.metadata.yaml"]


def test_a_checkpoint_has_one_document_when_its_stem_becomes_shared(tmp_path: Path) -> None:
    checkpoint = made(tmp_path)
    write(checkpoint)
    made(tmp_path, "best.safetensors")
    write(checkpoint)
    assert names(tmp_path) == ["best.ckpt", "best.ckpt.metadata.yaml", "best.safetensors"]


@pytest.mark.parametrize(
    ("text", "goes"),
    [
        ("schema_version: '2.0'\nfile:\n  name: best.ckpt\n", True),
        ("schema_version: '1.0'\ncheckpoint_path: run/best.ckpt\n", True),
        ("schema_version: '2.0'\nfile:\n  name: other.ckpt\n", False),
        ("schema_version: '2.0'\ntags:\n- a\n", False),
        ("schema_version: '1.0'\ncheckpoint_path: run/last.ckpt\n", False),
        ("checkpoint: best.ckpt\n", False),
        ("&a [*a, *a]\n", False),
        ("", False),
    ],
)
def test_only_a_document_that_names_the_checkpoint_is_removed(tmp_path: Path, text: str, goes: bool) -> None:
    document = tmp_path / "best.metadata.yaml"
    document.write_text(text)
    remove_beside(str(tmp_path / "best.ckpt"))
    assert document.exists() is not goes


def test_a_document_that_is_too_large_loses_what_is_expendable(tmp_path: Path) -> None:
    checkpoint = made(tmp_path)
    write(checkpoint, params={f"key{number}": "x" * 900 for number in range(400)}, saved_as="manual")
    found = read_beside(str(checkpoint))
    assert found is not None
    assert (found["saved_as"], "params" in found) == ("manual", False)


def test_a_key_that_cannot_be_spelled_costs_only_itself(tmp_path: Path) -> None:
    checkpoint = made(tmp_path)
    write(checkpoint, notes="\ud800", saved_as="manual")
    found = read_beside(str(checkpoint))
    assert found is not None
    assert (found["saved_as"], "notes" in found) == ("manual", False)


def test_a_name_that_is_no_utf_8_is_shown_escaped_and_found_again(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.ckpt")
    Path(path).write_bytes(b"weights")
    state = state_of(path)
    assert state is not None
    write_beside({"schema_version": "2.0"}, path, state, version="2.0")
    found = read_beside(path)
    assert found is not None
    assert found["file"]["name"] == r"caf\xe9.ckpt"
    remove_beside(path)
    assert len(names(tmp_path)) == 1


def test_version_1_needs_what_it_demands(tmp_path: Path) -> None:
    checkpoint = made(tmp_path)
    with pytest.raises(SidecarInvalid, match=r"training\.epoch"):
        write(checkpoint, version="1.0")
    write(checkpoint, version="1.0", training={"epoch": 0, "global_step": 4}, created_at="2026-01-01T00:00:00Z")
    found = read_beside(str(checkpoint))
    assert found is not None
    assert (found["schema_version"], found["checkpoint_path"]) == ("1.0", "best.ckpt")


def test_a_directory_has_its_document_inside(tmp_path: Path) -> None:
    (tmp_path / "sharded.ckpt").mkdir()
    write(tmp_path / "sharded.ckpt")
    found = read_beside(str(tmp_path / "sharded.ckpt"))
    assert found == {"schema_version": "2.0", "file": {"name": "sharded.ckpt"}}
    assert names(tmp_path / "sharded.ckpt") == ["checkpoint.metadata.yaml"]
