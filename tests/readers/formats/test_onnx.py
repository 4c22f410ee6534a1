from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.readers.conftest import kinds
from tests.readers.onnx_files import external, message, model, number, tensor, varint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.readers.conftest import Reader


def test_a_model_is_read(read: Reader) -> None:
    parts = tensor("w", 1, (3, 4), bytes(48)), tensor("h", 10, (5,), bytes(10), packed=True), tensor("s", 7, (9,))
    header = read.of(model(*parts, properties={"hmean": "0.5", "note": "hi"}), "x.onnx")
    assert (header.format, header.complete, header.problems) == ("onnx", True, [])
    assert (header.tensors, header.facts["num_parameters"]) == (3, 17)
    assert header.dtypes == {"float32": 12, "float16": 5}
    assert header.metadata == {
        "ir_version": "9", "producer_name": "pytorch", "producer_version": "2.6.0", "model_version": "3",
        "graph": "main_graph", "opset.ai.onnx": "17", "hmean": "0.5", "note": "hi",
    }  # fmt: skip
    assert header.weights_only is True


def test_every_cut_is_told_or_is_a_smaller_model(read: Reader) -> None:
    data = model(tensor("w", 1, (3, 4), bytes(48)), properties={"a": "b"})
    whole = [cut for cut in range(len(data)) if read.of(data[:cut], "x.onnx").complete is True]
    fields = [2, 11, 18, 20]  # between two fields nothing tells that something is missing
    assert set(whole) <= {*fields, *range(len(data) - 20, len(data))}


def test_the_bytes_of_weights_are_not_read(read: Reader, tmp_path: Path) -> None:
    size = 1 << 30
    weight = number(1, size // 4) + number(2, 1) + message(8, b"w") + varint(9 << 3 | 2) + varint(size)
    graph = varint(5 << 3 | 2) + varint(len(weight) + size) + weight
    with (tmp_path / "x.onnx").open("wb") as file:
        file.write(number(1, 9) + message(2, b"p") + varint(7 << 3 | 2) + varint(len(graph) + size) + graph)
        file.seek(size, 1)
        file.write(message(14, message(1, b"key") + message(2, b"value")))
    header = read("x.onnx")
    assert (header.facts["num_parameters"], header.metadata["key"]) == (size // 4, "value")


def test_weights_beside_the_model_must_be_there(read: Reader, tmp_path: Path) -> None:
    data = model(external("w", "weights.bin"))
    header = read.of(data, "x.onnx")
    assert (header.complete, kinds(header)) == (False, {"missing_part"})
    (tmp_path / "weights.bin").write_bytes(bytes(16))
    assert read.of(data, "x.onnx").complete is True


def test_weights_outside_of_the_directory_are_not_looked_for(read: Reader, tmp_path: Path) -> None:
    (tmp_path.parent / "outside.bin").write_bytes(b"x")
    assert read.of(model(external("w", "../outside.bin")), "x.onnx").complete is False


@pytest.mark.parametrize(
    "tail",
    [
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", message(7, b"\x2a\xff\x01"), b"\x0b\x0b",
        message(7, b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), message(14, b"\x0a\xff"), b"\x3a",
        message(7, message(5, number(1, 1 << 63) * 9 + number(2, 1))),
    ],
)  # fmt: skip
def test_lengths_that_lie_are_told(read: Reader, tail: bytes) -> None:
    header = read.of(number(1, 9) + message(2, b"p") + tail, "x.onnx")
    assert header.format == "onnx"
    assert header.problems or header.facts["num_parameters"] == 0


def test_other_bytes_that_begin_alike_are_no_model(read: Reader) -> None:
    assert read.of(b"\x08\x09hello world", "x.ckpt").format == "unknown"
