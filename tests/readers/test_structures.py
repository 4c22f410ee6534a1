"""Names, types and shapes of tensors, by a real child."""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.candidate import Kind
from ckpt_indexer.readers import structure_job
from ckpt_indexer.readers.structures import Structure, TensorType, read_structure
from ckpt_indexer.sandbox.limits import Limits
from ckpt_indexer.sandbox.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def safetensors(path: Path, tensors: dict[str, tuple[str, list[int]]]) -> None:
    header, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + b"\0" * at)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(size=1) as pool:
        yield pool


def read(pool: Pool, path: Path, kind: Kind = Kind.FILE) -> Structure:
    return read_structure(pool, os.fsencode(path.parent), os.fsencode(path.name), kind)


def test_a_torch_file_gives_the_tensors_of_its_model_by_name(pool: Pool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    state = {"b.weight": torch.zeros(2, 3), "a.bias": torch.zeros(4, dtype=torch.float16)}
    torch.save({"state_dict": state, "optimizer_states": [{"state": {0: torch.zeros(9)}}]}, tmp_path / "x.ckpt")
    found = read(pool, tmp_path / "x.ckpt")
    expected = {"a.bias": TensorType("float16", (4,)), "b.weight": TensorType("float32", (2, 3))}
    assert (dict(found.tensors), found.left_out, found.trouble) == (expected, 0, None)
    assert list(found.tensors) == sorted(expected)


def test_a_sharded_directory_is_one_state_dict(pool: Pool, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    safetensors(folder / "1.safetensors", {"a": ("F32", [2])})
    safetensors(folder / "2.safetensors", {"b": ("F32", [3])})
    index = {"metadata": {}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert list(read(pool, folder, Kind.DIRECTORY).tensors) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "empty"), (b"no checkpoint at all", "format"), (b"PK\x03\x04 cut off", "")],
)
def test_what_cannot_be_read_is_a_sentence(pool: Pool, tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "x.ckpt").write_bytes(content)
    found = read(pool, tmp_path / "x.ckpt")
    assert found.tensors == {}
    assert found.trouble
    assert sentence in found.trouble


def test_a_file_that_is_gone_is_a_sentence(pool: Pool, tmp_path: Path) -> None:
    assert read(pool, tmp_path / "gone.ckpt").trouble


def test_a_link_is_not_followed(pool: Pool, tmp_path: Path) -> None:
    safetensors(tmp_path / "x.safetensors", {"a": ("F32", [2])})
    (tmp_path / "link.safetensors").symlink_to("x.safetensors")
    assert read(pool, tmp_path / "link.safetensors").tensors == {}


def test_more_tensors_than_fit_an_answer_are_counted(tmp_path: Path) -> None:
    safetensors(tmp_path / "x.safetensors", {f"t{number:03}": ("F32", [1]) for number in range(50)})
    found = structure_job.read_structure(str(tmp_path), "x.safetensors", "file", answer_bytes=100)
    assert [name for name, _, _ in found["tensors"]] == ["t000", "t001", "t002", "t003"]
    assert found["left_out"] == 46


def test_the_answer_fits_through_the_pipe_of_a_child() -> None:
    assert Limits().answer_bytes > structure_job.MAX_ANSWER_BYTES + 100_000


def test_names_of_the_longest_kind_and_number_still_fit(pool: Pool, tmp_path: Path) -> None:
    safetensors(tmp_path / "x.safetensors", {f"{number:05}" + "n" * 400: ("F32", [1]) for number in range(9_000)})
    found = read(pool, tmp_path / "x.safetensors")
    assert len(found.tensors) + found.left_out == 9_000
    assert found.left_out > 0


def test_a_child_that_dies_is_asked_once_more() -> None:
    from ckpt_indexer.errors import ReaderDied

    class Dying:
        def __init__(self) -> None:
            self.calls = 0

        def call(self, _function: str, **_arguments: str) -> dict[str, object]:
            self.calls += 1
            if self.calls == 1:
                raise ReaderDied("killed")
            return {"format": "gguf", "tensors": [], "left_out": 0, "problems": []}

    dying = Dying()
    found = read_structure(dying, b"/r", b"x", Kind.FILE)  # type: ignore[arg-type]  # what is asked of a pool
    assert (dying.calls, found.trouble) == (2, "the names of its tensors are not read from a file of the format gguf")
