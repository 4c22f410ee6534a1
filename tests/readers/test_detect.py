from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.readers.detect import Bytes, Layout, detect, foreign, layout, mismatch
from tests.readers.conftest import kinds
from tests.readers.zip_files import archive, parts

if TYPE_CHECKING:
    from tests.readers.conftest import Reader


@pytest.mark.parametrize(
    ("head", "name", "found"),
    [
        (b"", "x.pt", Bytes.EMPTY),
        (b"PK\x03\x04rest", "x.safetensors", Bytes.ZIP),
        (b"PK\x03", "x.pt", Bytes.ZIP),
        (b"P", "x.pt", Bytes.UNKNOWN),
        (b"GGUF\x03\0\0\0", "x.pt", Bytes.GGUF),
        (b"\x10\0\0\0\0\0\0\0{", "x.pt", Bytes.SAFETENSORS),
        (b"\x10\0\0\0\0\0\0\0[", "x.pt", Bytes.UNKNOWN),
        (b"\xff\xff\xff\xff\xff\0\0\0{", "x.pt", Bytes.UNKNOWN),
        (b"\xff\xff\xff\xff\xff\0\0\0{", "x.safetensors", Bytes.SAFETENSORS),
        (b"\x10\0\0", "x.safetensors", Bytes.SAFETENSORS),
        (b"\x80\x02}q\0.rest", "x.safetensors", Bytes.PICKLE),
        (b"\x80\x05\x95", "x.onnx", Bytes.PICKLE),
        (b"(dp0\n.", "x.pt", Bytes.PICKLE),
        (b"\x08\x09\x12\x07pytorch", "x.pt", Bytes.ONNX),
        (b"\x08\x09\x77\x07pytorch", "x.pt", Bytes.UNKNOWN),
        (b"\x89HDF\r\n\x1a\n", "x.keras", Bytes.UNKNOWN),
        (bytes(4096), "x.safetensors", Bytes.UNKNOWN),
    ],
)
def test_content_decides(head: bytes, name: str, found: Bytes) -> None:
    assert detect(head, name) is found


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\x89HDF\r\n\x1a\n", "HDF5"), (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x1f\x8b\x08", "gzip"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"<!DOCTYPE html>", "web page"),
        (bytes(100), "zeros"), (b"PK\x05\x06" + bytes(18), "empty zip"), (b"\x93NUMPY", "NumPy"),
    ],
)  # fmt: skip
def test_bytes_of_other_programs_are_named(read: Reader, head: bytes, words: str) -> None:
    header = read.of(head)
    assert (header.format, kinds(header)) == ("unknown", {"unknown_format"})
    assert words in header.problems[0][1]


def test_an_empty_file_is_incomplete(read: Reader) -> None:
    header = read.of(b"")
    assert (header.format, header.complete, kinds(header)) == ("unknown", False, {"truncated", "unknown_format"})


def test_bytes_nobody_knows_have_no_name() -> None:
    assert foreign(b"\x01\x02\x03") is None


@pytest.mark.parametrize(
    ("found", "name", "fits"),
    [
        ("torch_zip", "x.ckpt", True), ("torch_zip", "x.pth.tar", True), ("torch_legacy", "X.PT", True),
        ("torch_zip", "x.bin", True), ("torch_zip", "x.safetensors", False), ("torch_zip", "x.onnx", False),
        ("safetensors", "x.ckpt", False), ("safetensors", "x.safetensors", True), ("gguf", "x.pt", False),
        ("keras", "x.keras", True), ("unknown", "x.pt", True), ("torch_zip", "noname", True), ("dcp", "x.ckpt", True),
    ],
)  # fmt: skip
def test_a_suffix_of_another_format_is_told(found: str, name: str, fits: bool) -> None:
    assert (mismatch(found, name) is None) == fits


def test_a_mismatch_is_a_problem_of_the_header(read: Reader) -> None:
    header = read.of(archive(*parts()), "x.onnx")
    assert header.facts["epoch"] == 3
    assert kinds(header) == {"suffix_mismatch"}


@pytest.mark.parametrize(
    ("name", "names", "inner", "found"),
    [
        ("checkpoint-5", {"trainer_state.json", "model.safetensors.index.json"}, [], Layout.HF_TRAINER),
        ("run", {"trainer_state.json", "model.safetensors.index.json"}, [], Layout.SHARDED_SAFETENSORS),
        ("run", {"trainer_state.json"}, [], Layout.HF_TRAINER),
        ("x", {".metadata", "__0_0.distcp"}, [], Layout.DCP),
        ("x", {"__0_0.distcp"}, [], Layout.DCP),
        ("x", {".metadata"}, [], None),
        ("x", {"latest"}, ["mp_rank_00_model_states.pt"], Layout.DEEPSPEED),
        ("x", {"latest"}, ["zero_pp_rank_0_mp_rank_00_model_states.pt"], Layout.DEEPSPEED),
        ("x", {"latest"}, [], Layout.DEEPSPEED),
        ("x", {"model.safetensors"}, [], None),
        ("x", set(), [], None),
    ],
)
def test_markers_decide_what_a_directory_is(name: str, names: set[str], inner: list[str], found: Layout | None) -> None:
    assert layout(name, names, lambda: inner) is found
