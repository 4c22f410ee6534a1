from __future__ import annotations

import json
import struct
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save

from tests.readers.conftest import kinds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.readers.conftest import Reader


def written(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def one(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_a_file_of_the_library_is_read(read: Reader) -> None:
    tensors = {"a.w": torch.ones(4, 3), "a.b": torch.zeros(4, dtype=torch.bfloat16), "n": torch.tensor(5)}
    header = read.of(save(tensors, metadata={"format": "pt", "note": "héllo"}), "x.safetensors")
    assert (header.format, header.complete, header.problems) == ("safetensors", True, [])
    assert header.metadata == {"format": "pt", "note": "héllo"}
    assert header.dtypes == {"float32": 12, "bfloat16": 4, "int64": 1}
    assert (header.tensors, header.facts["num_parameters"], header.weights_only) == (3, 16, True)


def test_every_cut_is_told(read: Reader) -> None:
    data = save({"a": torch.ones(4, 3)}, metadata={"epoch": "3"})
    for cut in range(len(data)):
        header = read.of(data[:cut], "x.safetensors")
        assert header.complete is False, cut
        assert header.problems, cut


def test_a_header_over_the_limit_is_not_read(read: Reader, tmp_path: Path) -> None:
    with (tmp_path / "x.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 90_000_000) + b"{")
        file.truncate(100_000_000)
    assert kinds(read("x.safetensors")) == {"limit"}


def test_a_header_longer_than_the_file_is_a_cut_off_one(read: Reader) -> None:
    header = read.of(written(b"{}", length=99_000_000), "x.safetensors")
    assert (header.format, header.complete, kinds(header)) == ("safetensors", False, {"truncated"})


@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"{} x", b'{"a": }', b'{"a": \xff}', b"{" + b'"a":[' * 100_000, b'{"a":' + b"9" * 5000 + b"}",
        b"{\"a\": {'dtype'}}",
    ],
)  # fmt: skip
def test_a_header_that_is_no_json_is_corrupt(read: Reader, raw: bytes) -> None:
    header = read.of(written(raw), "x.safetensors")
    assert (header.format, kinds(header)) == ("safetensors", {"corrupt"})


@pytest.mark.parametrize(
    "described",
    [
        5, [], "F32", {}, one(dtype=5), one(shape=5), one(shape=[-1]), one(shape=[1.5]), one(shape=[True]),
        one(shape=[1 << 63]), one(shape=[1] * 100), one(offsets=[0]), one(offsets=[8, 0]), one(offsets=[-8, 0]),
        one(offsets=[0, 4]), one(shape=[3]), one(shape=[1 << 62, 1 << 62]), one(offsets="ab"), one(dtype="F31"),
    ],
)  # fmt: skip
def test_an_impossible_tensor_is_told_and_the_others_are_kept(read: Reader, described: Any) -> None:
    header = read.of(written({"bad": described, "good": one(offsets=(8, 16))}, bytes(16)), "x.safetensors")
    assert "corrupt" in kinds(header)
    assert header.dtypes["float32"] >= 2


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": one(), "b": one(offsets=(4, 12))},
        {"a": one(), "b": one(offsets=(16, 24))},
        {"a": one(offsets=(8, 16))},
    ],
)
def test_gaps_and_overlaps_are_told(read: Reader, tensors: dict[str, Any]) -> None:
    header = read.of(written(tensors, bytes(24)), "x.safetensors")
    assert "corrupt" in kinds(header)


def test_bytes_behind_the_last_tensor_are_told(read: Reader) -> None:
    header = read.of(written({"a": one()}, bytes(9)), "x.safetensors")
    assert (header.complete, kinds(header)) == (True, {"suspicious"})


def test_one_name_twice_is_told_and_the_first_counts(read: Reader) -> None:
    raw = b'{"a":%s,"a":%s}' % (json.dumps(one()).encode(), json.dumps(one(dtype="F64", shape=[1])).encode())
    header = read.of(written(raw, bytes(8)), "x.safetensors")
    assert kinds(header) == {"duplicate_entry"}
    assert header.dtypes == {"float32": 2}


@pytest.mark.parametrize("metadata", [5, "x", [], {"a": 5}, {"a": None}, {"a": {"b": "c"}}])
def test_metadata_that_is_no_text_is_told(read: Reader, metadata: Any) -> None:
    header = read.of(written({"__metadata__": metadata, "a": one()}, bytes(8)), "x.safetensors")
    assert kinds(header) == {"corrupt"}
    assert header.tensors == 1


def test_a_large_metadata_text_is_cut(read: Reader) -> None:
    header = read.of(written({"__metadata__": {"k": "v" * 1_000_000}, "a": one()}, bytes(8)), "x.safetensors")
    assert len(header.metadata["k"]) == 4000


def test_an_empty_file_of_the_format_is_whole(read: Reader) -> None:
    header = read.of(written({}), "x.safetensors")
    assert (header.format, header.complete, header.problems) == ("safetensors", True, [])


def test_many_thousand_tensors_are_read_in_time(read: Reader) -> None:
    tensors = {f"model.layers.{at}.weight": one(offsets=(8 * at, 8 * at + 8)) for at in range(20_000)}
    data = written(tensors, bytes(160_000))
    began = time.process_time()
    header = read.of(data, "x.safetensors")
    assert (header.tensors, header.problems) == (20_000, [])
    assert time.process_time() - began < 4


def test_a_file_named_as_another_format_is_told(read: Reader) -> None:
    header = read.of(save({"a": torch.ones(2)}), "x.ckpt")
    assert (header.format, kinds(header)) == ("safetensors", {"suffix_mismatch"})


def test_a_trained_head_on_a_frozen_backbone_is_other_content(read: Reader) -> None:
    backbone = {f"b.{number}": torch.full((200, 50), float(number)) for number in range(300)}
    first = read.of(save({**backbone, "head": torch.zeros(2, 3)}), "x.safetensors")
    second = read.of(save({**backbone, "head": torch.ones(2, 3)}), "x.safetensors")
    again = read.of(save({**backbone, "head": torch.zeros(2, 3)}), "x.safetensors")
    assert first.structure_id == second.structure_id
    assert first.content_id == again.content_id != second.content_id
    assert first.weights_id == again.weights_id != second.weights_id


def test_without_samples_there_is_no_identity(read: Reader) -> None:
    header = read.of(save({"a": torch.ones(2)}), "x.safetensors", full=False)
    assert (header.content_id, header.weights_id) == (None, None)
    assert header.structure_id is not None
