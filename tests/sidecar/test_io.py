from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckpt_indexer.errors import SchemaFromFuture, SidecarInvalid
from ckpt_indexer.metadata.document import MetadataV2
from ckpt_indexer.metadata.versions import MetadataV1
from ckpt_indexer.sidecar.io import future_version, save_metadata, write_document, written_path
from ckpt_indexer.sidecar.loading import parse_inline

if TYPE_CHECKING:
    from collections.abc import Callable

V1: dict[str, Any] = {
    "schema_version": "1.0",
    "checkpoint_path": "exp/checkpoints/best.ckpt",
    "exp_name": "exp",
    "created_at": "2025-10-18T14:32:15",
    "training": {"epoch": 10, "global_step": 5420},
    "model": {
        "architecture": "dbnet",
        "encoder": {"model_name": "resnet50"},
        "decoder": {"name": "pan"},
        "head": {"name": "db"},
        "loss": {"name": "db"},
    },
    "metrics": {"precision": 0.9, "recall": 0.8, "hmean": 0.85},
    "checkpointing": {"monitor": "val/hmean", "mode": "max", "save_top_k": 3, "save_last": True},
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text("ab/:. '\n", max_size=5), children, max_size=3)
    ),
    max_leaves=12,
)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "epoch=3-loss=0.25.ckpt"
    path.write_bytes(b"weights")
    return path


def _names(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


def _read(path: Path) -> dict[str, Any]:
    value = parse_inline(path.read_bytes())
    assert isinstance(value, dict)
    return value


# -- write_document ---------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=st.dictionaries(st.text("abc/:. '\n", min_size=1, max_size=6), VALUES, min_size=1, max_size=5))
def test_write_then_read_is_identity(
    document: dict[str, Any], tmp_path: Path, same: Callable[[Any, Any], bool]
) -> None:
    write_document(document, tmp_path / "x.metadata.yaml")
    assert same(parse_inline((tmp_path / "x.metadata.yaml").read_bytes()), document)


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_a_path_may_be_text_bytes_or_path(tmp_path: Path, kind: Callable[[Path], Any]) -> None:
    write_document({"a": 1}, kind(tmp_path / "x.metadata.yaml"))
    assert _read(tmp_path / "x.metadata.yaml") == {"a": 1}


def test_a_bare_name_is_written_in_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_document({"a": 1}, "x.metadata.yaml")
    assert _names(tmp_path) == ["x.metadata.yaml"]


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_document({"a": 1}, tmp_path / "x.metadata.yaml")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.metadata.yaml").stat().st_mode) == 0o640


def test_a_name_of_the_longest_kind_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 241 + ".metadata.yaml")
    write_document({"a": 1}, path)
    assert _names(tmp_path) == [path.name]


def test_a_symlink_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / "x.metadata.yaml").symlink_to("target")
    write_document({"a": 1}, tmp_path / "x.metadata.yaml")
    assert not (tmp_path / "x.metadata.yaml").is_symlink()
    assert (tmp_path / "target").read_text() == "mine"


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_failed_write_leaves_the_old_document_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "x.metadata.yaml"
    write_document({"a": 1}, path)

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space"):
        write_document({"a": 2}, path)
    monkeypatch.undo()
    assert _names(tmp_path) == ["x.metadata.yaml"]
    assert _read(path) == {"a": 1}


def test_flushing_can_be_left_to_another(tmp_path: Path) -> None:
    path, seen = tmp_path / "x.metadata.yaml", []

    def note(descriptor: int) -> None:
        seen.append((os.fstat(descriptor).st_ino, path.exists()))

    write_document({"a": 1}, path, sync=note)
    assert seen == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


@pytest.mark.parametrize(("number", "refused"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_flush_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, refused: bool
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="error") if refused else contextlib.nullcontext():
        write_document({"a": 1}, tmp_path / "x.metadata.yaml")
    assert _names(tmp_path) == ([] if refused else ["x.metadata.yaml"])


def test_a_directory_of_that_name_stays(tmp_path: Path) -> None:
    (tmp_path / "x.metadata.yaml").mkdir()
    with pytest.raises(IsADirectoryError):
        write_document({"a": 1}, tmp_path / "x.metadata.yaml")
    assert _names(tmp_path) == ["x.metadata.yaml"]


def test_the_temporary_file_is_hidden_from_the_watcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = os.replace, []

    def replace(source: bytes, target: bytes) -> None:
        seen.append(Path(os.fsdecode(source)).name)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    write_document({"a": 1}, tmp_path / "x.metadata.yaml")
    monkeypatch.undo()
    assert seen[0].startswith(".")
    assert seen[0].endswith(".tmp")


# -- written_path -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "beside", "written"),
    [
        ("epoch=3-loss=0.25.ckpt", (), "epoch=3-loss=0.25.metadata.yaml"),
        ("model.pth.tar", (), "model.metadata.yaml"),
        ("best.ckpt", ("best.safetensors",), "best.ckpt.metadata.yaml"),
        ("best.ckpt", ("best2.ckpt", "best.txt"), "best.metadata.yaml"),
        ("best.ckpt", ("best.ckpt.metadata.yaml",), "best.ckpt.metadata.yaml"),
        ("weights.bin", (), "weights.bin.metadata.yaml"),
    ],
)
def test_the_document_is_named_after_the_checkpoint(
    tmp_path: Path, name: str, beside: tuple[str, ...], written: str
) -> None:
    for each in (name, *beside):
        (tmp_path / each).write_text("x")
    assert written_path(tmp_path / name) == tmp_path / written


def test_a_directory_has_its_document_inside(tmp_path: Path) -> None:
    assert written_path(str(tmp_path) + "/") == tmp_path / "checkpoint.metadata.yaml"


# -- save_metadata ----------------------------------------------------------------------------------------------------


def test_a_mapping_is_written_as_the_latest_version_and_tied_to_its_file(checkpoint: Path) -> None:
    path = save_metadata({"training": {"epoch": 0}, "metrics": {"hmean": 0.0}}, checkpoint)
    assert path == checkpoint.with_name("epoch=3-loss=0.25.metadata.yaml")
    assert _read(path) == {
        "schema_version": "2.0",
        "file": {"name": checkpoint.name, "size_bytes": 7, "mtime_ns": checkpoint.stat().st_mtime_ns},
        "training": {"epoch": 0},
        "metrics": {"hmean": 0.0},
    }


def test_models_are_written_as_they_are(checkpoint: Path) -> None:
    model = MetadataV2(schema_version="2.0", checkpoint_path="a/b.ckpt", tags=["x"])
    document = _read(save_metadata(model, checkpoint))
    assert (document["checkpoint_path"], document["tags"], document["file"]["name"]) == (
        "a/b.ckpt",
        ["x"],
        checkpoint.name,
    )


def test_version_1_is_written_without_what_it_does_not_know(checkpoint: Path) -> None:
    from_mapping = _read(save_metadata(V1, checkpoint))
    from_model = _read(save_metadata(MetadataV1.model_validate(V1), checkpoint))
    assert from_mapping == from_model
    assert (from_mapping["schema_version"], "file" in from_mapping) == ("1.0", False)
    assert from_mapping["created_at"] == "2025-10-18T14:32:15"


def test_a_file_block_that_is_given_is_kept(checkpoint: Path) -> None:
    document = _read(save_metadata({"file": {"name": "other.ckpt"}}, checkpoint))
    assert document["file"] == {"name": "other.ckpt"}


def test_a_checkpoint_that_is_not_there_yet_gets_a_document(tmp_path: Path) -> None:
    document = _read(save_metadata({"training": {"epoch": 3}}, tmp_path / "x.ckpt"))
    assert document == {"schema_version": "2.0", "file": {"name": "x.ckpt"}, "training": {"epoch": 3}}


@pytest.mark.parametrize("version", [2.0, 2, "2.0"])
def test_a_version_given_as_a_number_is_the_same_version(version: object, checkpoint: Path) -> None:
    document = _read(save_metadata({"schema_version": version}, checkpoint))
    assert (document["schema_version"], document["file"]["name"]) == ("2.0", checkpoint.name)


def test_a_directory_checkpoint_is_named_without_a_size(tmp_path: Path) -> None:
    directory = tmp_path / "checkpoint-10"
    directory.mkdir()
    path = save_metadata({"training": {"epoch": 1}}, directory)
    assert (path, _read(path)["file"]) == (directory / "checkpoint.metadata.yaml", {"name": "checkpoint-10"})


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        ({"training": {"epoc": 3}}, "training.epoc"),
        ({"hmean": 0.5}, "hmean"),
        ({"training": {"epoch": -1}}, "training.epoch"),
        ({"metrics": {"hmean": float("nan")}}, "metrics.hmean"),
        ({"schema_version": "1.0", "exp_name": "x"}, "checkpoint_path"),
        ({"schema_version": "0"}, "schema_version"),
        ({"schema_version": "1.7"}, "schema_version"),
        ({"schema_version": "two"}, "schema_version"),
    ],
)
def test_an_invalid_document_is_not_written(checkpoint: Path, metadata: dict[str, Any], fault: str) -> None:
    with pytest.raises(SidecarInvalid, match=fault):
        save_metadata(metadata, checkpoint)
    assert _names(checkpoint.parent) == [checkpoint.name]


@pytest.mark.parametrize(
    "future",
    [
        "schema_version: '9.9'\nnew: {things: [1]}\n",
        json.dumps({"schema_version": "3.0"}),
        "schema_version: 2.1\na: &x 1\nb: *x\n",
        'a: [broken\nschema_version: "10"\n',
        "schema_version: '9.9'\npadding: '" + "x" * 300_000 + "'\n",
    ],
)
def test_a_document_from_the_future_is_never_overwritten(checkpoint: Path, future: str) -> None:
    path = written_path(checkpoint)
    path.write_text(future)
    with pytest.raises(SchemaFromFuture):
        save_metadata({"training": {"epoch": 1}}, checkpoint)
    assert path.read_text() == future


def test_a_document_from_the_future_cannot_be_written(checkpoint: Path) -> None:
    with pytest.raises(SchemaFromFuture):
        save_metadata({"schema_version": "3.0"}, checkpoint)


@pytest.mark.parametrize("text", ["schema_version: '1.0'\n", "", "- 1\n", "nonsense: true\n", "a: [broken\n", "\0"])
def test_an_older_or_broken_document_is_replaced(checkpoint: Path, text: str) -> None:
    path = written_path(checkpoint)
    path.write_text(text)
    assert _read(save_metadata({"training": {"epoch": 1}}, checkpoint))["training"] == {"epoch": 1}


def test_looking_for_the_future_never_hangs_on_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.metadata.yaml")
    assert future_version(tmp_path / "x.metadata.yaml") is None


def test_names_of_any_bytes_are_tied_by_their_shown_name(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/a\xff.ckpt"
    with open(path, "wb") as file:  # bytes
        file.write(b"x")
    assert _read(save_metadata({"training": {"epoch": 1}}, path))["file"]["name"] == "a\\xff.ckpt"


def test_writing_needs_neither_torch_nor_pydantic_nor_yaml(tmp_path: Path) -> None:
    code = (
        "import sys; from ckpt_indexer.sidecar.io import write_document\n"
        f"write_document({{'a': 1}}, {str(tmp_path / 'x.metadata.yaml')!r})\n"
        "print(sorted({'torch', 'pydantic', 'yaml', 'sqlalchemy', 'subprocess'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
