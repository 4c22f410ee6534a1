from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from tests.readers.conftest import kinds
from tests.readers.gguf_files import Writer

if TYPE_CHECKING:
    from tests.readers.conftest import Reader

PAIRS: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "llama.block_count": 2,
    "tokenizer.ggml.tokens": ["a", "bb", "ccc"] * 100,
    "tokenizer.ggml.scores": [1, 2, 3],
    "x.flag": True,
    "x.rate": 0.5,
}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pairs_and_tensors_are_read(read: Reader, order: str, version: int) -> None:
    writer = Writer(order)
    tensors = writer.tensor("a", (8, 4), 0, 0), writer.tensor("b", (256,), 12, 128)
    header = read.of(writer.file(PAIRS, *tensors, version=version, data=128 + 144), "x.gguf")
    assert (header.format, header.complete, header.problems) == ("gguf", True, [])
    assert header.facts["architecture"] == "llama"
    assert (header.tensors, header.facts["num_parameters"]) == (2, 288)
    assert header.dtypes == {"float32": 32, "q4_k": 256}
    assert header.metadata == {
        "general.architecture": "llama", "general.name": "Tiny", "llama.block_count": "2", "x.flag": "True",
        "x.rate": "0.5",
    }  # fmt: skip


def test_every_cut_is_told(read: Reader) -> None:
    writer = Writer()
    data = writer.file(PAIRS, writer.tensor("a", (8, 4), 0, 0), data=128)
    for cut in range(4, len(data), 5):
        header = read.of(data[:cut], "x.gguf")
        assert (header.format, header.complete) == ("gguf", False), cut


def test_a_version_nobody_knows_is_told(read: Reader) -> None:
    header = read.of(Writer().file({}, version=77), "x.gguf")
    assert (header.complete, kinds(header)) == (None, {"unknown_version"})


def test_one_key_twice_is_told_and_the_first_counts(read: Reader) -> None:
    writer = Writer()
    pair = writer.text("general.name")
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + pair + writer.value("a") + pair + writer.value("b")
    header = read.of(data, "x.gguf")
    assert header.metadata["general.name"] == "a"
    assert kinds(header) == {"duplicate_entry"}


@pytest.mark.parametrize(
    "body",
    [
        struct.pack("<QQ", 1 << 60, 1), struct.pack("<QQ", 1, 1 << 60),
        struct.pack("<QQQ", 0, 1, 1 << 62), struct.pack("<QQQ", 0, 1, 1) + b"k" + struct.pack("<I", 77),
        struct.pack("<QQQ", 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 1 << 40),
        struct.pack("<QQQ", 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 10, 1 << 20),
        struct.pack("<QQQ", 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 1),
        struct.pack("<QQQ", 1, 0, 1) + b"t" + struct.pack("<I", 1 << 30),
        struct.pack("<QQQ", 1, 0, 1) + b"t" + struct.pack("<I8QIQ", 8, *[1 << 62] * 8, 0, 0),
        struct.pack("<QQQ", 1, 0, 1) + b"t" + struct.pack("<IQIQ", 1, 8, 777, 0),
        struct.pack("<QQQ", 1, 0, 1) + b"t" + struct.pack("<IQIQ", 1, 8, 0, 1 << 63),
    ],
)  # fmt: skip
def test_numbers_that_lie_are_told(read: Reader, body: bytes) -> None:
    header = read.of(b"GGUF" + struct.pack("<I", 3) + body, "x.gguf")
    assert header.format == "gguf"
    assert kinds(header) & {"limit", "corrupt", "truncated"}
