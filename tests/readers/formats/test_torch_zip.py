from __future__ import annotations

import io
import struct
import zipfile
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.readers.conftest import kinds
from tests.readers.zip_files import Part, archive, parts, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.readers.conftest import Reader


def saved(value: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def lightning(**changes: Any) -> dict[str, Any]:
    weights = OrderedDict(weight=torch.ones(4, 3), bias=torch.zeros(4, dtype=torch.bfloat16))
    return {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": weights,
        "optimizer_states": [{"state": {0: {"step": torch.tensor(5.0), "exp_avg": torch.ones(4, 3)}}}],
        "cleval_metrics": {"hmean": torch.tensor(0.75), "precision": torch.tensor(0.5, dtype=torch.bfloat16)},
        **changes,
    }


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_everything_of_a_training_state_is_found(read: Reader, protocol: int) -> None:
    header = read.of(saved(lightning(), pickle_protocol=protocol))
    assert (header.format, header.complete, header.problems) == ("torch_zip", True, [])
    assert (header.facts["epoch"], header.facts["global_step"], header.facts["num_parameters"]) == (0, 0, 16)
    assert header.metrics == {"hmean": 0.75, "precision": 0.5}
    assert (header.tensors, header.dtypes) == (2, {"float32": 12, "bfloat16": 4})
    assert header.weights_only is False


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (torch.float64, 0.75), (torch.float32, 0.75), (torch.float16, 0.75), (torch.bfloat16, 0.75),
        (torch.float8_e4m3fn, 0.75), (torch.float8_e5m2, 0.75), (torch.int64, 7), (torch.int32, 7), (torch.int16, 7),
        (torch.int8, 7), (torch.uint8, 7), (torch.uint16, 7), (torch.uint32, 7), (torch.uint64, 7),
    ],
)  # fmt: skip
def test_scalars_of_every_dtype_have_their_value(read: Reader, dtype: torch.dtype, value: float) -> None:
    scalar = torch.tensor(value, dtype=torch.float64).to(dtype)
    assert read.of(saved({"epoch": 1, "metrics": {"hmean": scalar}})).metrics == {"hmean": value}


def test_numbers_of_a_big_endian_machine_are_read(read: Reader) -> None:
    swapped = io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(saved({"metrics": {"a": torch.tensor(0.75)}})))
    with source, zipfile.ZipFile(swapped, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            data = b"big" if name.endswith("byteorder") else data[::-1] if "/data/" in name else data
            target.writestr(name, data)
    assert read.of(swapped.getvalue()).metrics == {"a": 0.75}


def test_a_scalar_whose_storage_is_absent_has_no_value(read: Reader) -> None:
    with zipfile.ZipFile(io.BytesIO(saved({"epoch": 1, "metrics": {"a": torch.tensor(0.75)}}))) as source:
        pickle = source.read("archive/data.pkl")
    header = read.of(archive(Part(b"archive/data.pkl", pickle)))
    assert header.facts["epoch"] == 1
    assert header.metrics.get("a") is None


def test_compressed_storages_give_their_values(read: Reader) -> None:
    packed = io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(saved({"metrics": {"a": torch.tensor(0.75)}})))
    with source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert read.of(packed.getvalue()).metrics == {"a": 0.75}


@pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning")
def test_torch_script_is_told_apart_and_its_tensors_are_counted(read: Reader, tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    torch.jit.save(torch.jit.script(module), tmp_path / "m.pt", _extra_files={"note.txt": "hello"})
    header = read("m.pt")
    assert (header.format, header.complete, header.problems) == ("torchscript", True, [])
    assert (header.tensors, header.facts["num_parameters"]) == (7, 21)
    assert header.metadata == {"note.txt": "hello"}


def test_a_whole_module_is_no_mapping_but_its_weights_are_known(read: Reader) -> None:
    header = read.of(saved(torch.nn.Linear(4, 3)))
    assert kinds(header) == {"not_a_mapping"}
    assert header.facts["num_parameters"] == 15


def test_of_two_pickles_the_first_is_read_and_told(read: Reader) -> None:
    header = read.of(archive(*parts(), Part(b"archive/data.pkl", state(epoch=99))))
    assert header.facts["epoch"] == 3
    assert "duplicate_entry" in kinds(header)


def test_names_in_another_case_are_the_same_entry_as_in_torch(read: Reader, tmp_path: Path) -> None:
    header = read.of(archive(Part(b"archive/DATA.pkl", state()), Part(b"archive/version", b"3\n")))
    assert header.facts["epoch"] == torch.load(tmp_path / "x.ckpt", weights_only=True)["epoch"] == 3


def test_the_folder_is_that_of_the_first_entry(read: Reader) -> None:
    other, version = Part(b"decoy/data.pkl", state(epoch=99)), Part(b"archive/version", b"3\n")
    header = read.of(archive(version, other, Part(b"archive/data.pkl", state())))
    assert header.facts["epoch"] == 3
    assert "duplicate_entry" in kinds(header)


def test_a_pickle_in_another_folder_is_read_and_told(read: Reader) -> None:
    header = read.of(archive(Part(b"first/x", b""), Part(b"second/data.pkl", state())))
    assert header.facts["epoch"] == 3
    assert "suspicious" in kinds(header)


@pytest.mark.parametrize("name", [b"data.pkl", b"a/b/data.pkl", b"a/data.pkl/x"])
def test_a_pickle_elsewhere_is_none_of_torch(read: Reader, name: bytes) -> None:
    header = read.of(archive(Part(name, state())))
    assert (header.format, kinds(header)) == ("unknown", {"unknown_format"})


def test_a_pickle_over_the_limit_still_gives_its_first_keys(read: Reader, tmp_path: Path) -> None:
    huge = state()[:-1] + b"X" + struct.pack("<I", 70 << 20)
    body = archive(Part(b"archive/data.pkl", huge, size=70 << 20, compressed=70 << 20, crc=0))
    cut = body.index(b"PK\1\2")
    directory_offset = cut + (70 << 20) - len(huge)
    with (tmp_path / "x.ckpt").open("wb") as file:
        file.write(body[:cut])
        file.seek(directory_offset)
        tail = bytearray(body[cut:])
        tail[-6:-2] = struct.pack("<I", directory_offset)
        file.write(tail)
    header = read("x.ckpt")
    assert (header.format, header.facts["epoch"]) == ("torch_zip", 3)
    assert kinds(header) == {"limit"}


def test_a_version_from_the_future_is_told(read: Reader) -> None:
    header = read.of(archive(Part(b"archive/data.pkl", state()), Part(b"archive/version", b"77\n")))
    assert header.facts["epoch"] == 3
    assert kinds(header) == {"unknown_version"}


def test_equal_weights_are_recognised_beside_another_optimizer(read: Reader) -> None:
    first = read.of(saved(lightning()))
    second = read.of(saved(lightning(epoch=5, optimizer_states=[{"state": {0: {"step": torch.ones(9)}}}])))
    third = read.of(saved(lightning(state_dict={"weight": torch.ones(4, 3), "bias": torch.ones(4).bfloat16()})))
    assert first.weights_id == second.weights_id is not None
    assert first.content_id != second.content_id
    assert first.structure_id == second.structure_id == third.structure_id
    assert third.weights_id != first.weights_id


def test_one_content_under_two_names_is_one_content(read: Reader, tmp_path: Path) -> None:
    torch.save(lightning(), tmp_path / "best.ckpt")
    torch.save(lightning(), tmp_path / "last.ckpt")
    assert read("best.ckpt").content_id == read("last.ckpt").content_id is not None


def test_files_written_without_sums_are_told_apart_by_samples(read: Reader) -> None:
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        first, second = (saved({"w": torch.full((100_000,), value)}) for value in (1.0, 2.0))
    finally:
        torch.serialization.set_crc32_options(before)
    headers = [read.of(data) for data in (first, second, first)]
    assert headers[0].problems == []
    assert headers[0].content_id == headers[2].content_id != headers[1].content_id
    assert headers[0].weights_id == headers[2].weights_id != headers[1].weights_id
    assert read.of(first, full=False).content_id is None


def test_tensors_in_memory_of_their_own_have_no_identity(read: Reader) -> None:
    header = read.of(saved({"w": torch.ones(3, 4).to_sparse(), "v": torch.ones(2)}))
    assert header.weights_id is None
    assert header.structure_id is not None


def test_shared_storages_count_once(read: Reader) -> None:
    weight = torch.ones(100, 10)
    header = read.of(saved({"a": weight, "b": weight, "c": weight[5:]}))
    assert header.tensors == 3
    assert header.facts["num_parameters"] == 1000 + 950


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_quantized_tensors_are_described(read: Reader) -> None:
    quantized = torch.quantize_per_tensor(torch.ones(8), 0.5, 1, torch.qint8)
    assert read.of(saved({"w": quantized, "v": torch.ones(2)})).dtypes == {"qint8": 8, "float32": 2}


def test_a_tensor_whose_bytes_are_absent_makes_it_incomplete(read: Reader) -> None:
    packed = io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(saved({"epoch": 3, "w": torch.ones(9), "v": torch.ones(8)})))
    with source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            if not name.endswith("data/1"):
                target.writestr(name, source.read(name))
    header = read.of(packed.getvalue())
    assert (header.complete, kinds(header), header.facts["epoch"]) == (False, {"missing_part"}, 3)


def test_tensors_without_elements_lack_nothing(read: Reader) -> None:
    header = read.of(saved({"w": torch.empty(0), "v": torch.ones(2), "m": torch.empty(3, device="meta")}))
    assert (header.complete, header.problems) == (True, [])
