"""Whatever the bytes are, reading a header ends soon and with a header."""

from __future__ import annotations

import io
import pickle
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from ckpt_indexer.readers.header import Header
from tests.readers.formats.test_keras import keras
from tests.readers.formats.test_torch_tar import EMPTY, STATE, tar
from tests.readers.gguf_files import Writer
from tests.readers.onnx_files import model, tensor

if TYPE_CHECKING:
    from tests.readers.conftest import Reader

WEIGHTS = {"model.w": torch.ones(4, 3), "model.b": torch.zeros(4, dtype=torch.bfloat16)}
TRAINING = {
    "epoch": 3,
    "global_step": 40,
    "state_dict": WEIGHTS,
    "hyper_parameters": {"lr": 0.5, "nested": {"a": [1, 2.5, None, True]}},
    "cleval_metrics": {"hmean": torch.tensor(0.75)},
    "callbacks": {"ModelCheckpoint{'monitor': 'a', 'mode': 'max'}": {"best_model_score": torch.tensor(0.9)}},
}


def torch_bytes(*, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(TRAINING, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


GOOD: dict[str, tuple[str, bytes]] = {
    "torch_zip": ("x.ckpt", torch_bytes(zipped=True)),
    "torch_legacy": ("x.pth", torch_bytes(zipped=False)),
    "torch_tar": ("x.pth.tar", tar(("storages", EMPTY), ("tensors", EMPTY), ("pickle", STATE))),
    "pickle": ("x.pt", pickle.dumps({"epoch": 3, "metrics": {"a": 0.5}})),
    "safetensors": ("x.safetensors", save(WEIGHTS, metadata={"epoch": "3"})),
    "keras": ("x.keras", keras()),
    "onnx": ("x.onnx", model(tensor("w", 1, (3, 4), bytes(48)), properties={"a": "b"})),
    "gguf": ("x.gguf", Writer().file({"general.name": "a", "b": ["c"]}, Writer().tensor("a", (8,), 0, 0), data=32)),
}
LIMIT_S = 5.0


@pytest.mark.parametrize("found", GOOD)
def test_the_files_that_are_mutated_are_good(read: Reader, found: str) -> None:
    name, data = GOOD[found]
    header = read.of(data, name)
    assert (header.format, header.complete, header.problems) == (found, True, [])


def checked(read: Reader, data: bytes, name: str) -> Header:
    began = time.process_time()
    header = read.of(data, name)
    assert time.process_time() - began < LIMIT_S
    assert Header.from_json(header.to_json()) == header
    return header


@pytest.mark.parametrize("found", GOOD)
def test_every_truncation_ends_with_a_header(read: Reader, found: str) -> None:
    name, data = GOOD[found]
    end = len(data) if found != "torch_tar" else len(data.rstrip(b"\0"))  # a tar is padded far beyond its end
    for cut in range(0, end, max(1, end // 250)):
        header = checked(read, data[:cut], name)
        assert header.problems or found == "onnx", cut


def mutated(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Return the bytes with pieces replaced: (place, bytes to drop, bytes to put there)."""
    changed = bytearray(data)
    for at, drop, put in changes:
        place = at % (len(changed) + 1)
        changed[place : place + drop] = put
    return bytes(changed)


PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [b"\xff" * 4, b"\xff" * 8, bytes(8), b"PK\x05\x06", b"PK\x01\x02", b"(", b".", b"R", b"\x80\x05", b"{"]
    ),
)
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 8), PIECES), min_size=1, max_size=4)


@pytest.mark.parametrize("found", GOOD)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_every_mutation_ends_with_a_header(read: Reader, found: str, changes: list[tuple[int, int, bytes]]) -> None:
    name, data = GOOD[found]
    assert checked(read, mutated(data, changes), name).format


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=600),
    magic=st.sampled_from(
        [b"", b"PK\x03\x04", b"GGUF\x03\0\0\0", b"\x80\x02", b"\x08\x09\x12\x01x", b"\x40\0\0\0\0\0\0\0{"]
    ),
    name=st.sampled_from([name for name, _ in GOOD.values()]),
)
def test_any_bytes_end_with_a_header(read: Reader, data: bytes, magic: bytes, name: str) -> None:
    assert checked(read, magic + data, name).format


@pytest.mark.prove
@pytest.mark.parametrize("found", GOOD)
@settings(deadline=None, max_examples=4000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_very_many_mutations_end_with_a_header(read: Reader, found: str, changes: list[tuple[int, int, bytes]]) -> None:
    name, data = GOOD[found]
    assert checked(read, mutated(data, changes), name).format


@pytest.mark.prove
def test_a_flip_of_any_byte_ends_with_a_header(read: Reader) -> None:
    for name, data in GOOD.values():
        for at in range(len(data)):
            for flip in (0x01, 0x80, 0xFF):
                changed = bytearray(data)
                changed[at] ^= flip
                assert checked(read, bytes(changed), name).format


def test_fixtures_of_this_module_leave_nothing_behind() -> None:
    assert not Path("x.ckpt").exists()
