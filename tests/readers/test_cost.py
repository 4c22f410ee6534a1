"""What a header costs does not grow with the tensors; proved with sparse files, whose holes cost nothing to make."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save

from ckpt_indexer.readers import files
from ckpt_indexer.readers.answering import answer
from ckpt_indexer.readers.formats.safetensors import LENGTH_BYTES
from ckpt_indexer.readers.opening import open_file
from tests.readers.zip_files import Ending, end

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.readers.header import JsonDict


def stretched(path: Path, size: int, tensors: int = 20) -> None:
    """Write a torch archive whose storages take `size` bytes altogether, all of them holes of the file."""
    each = size // tensors // 4
    buffer = io.BytesIO()
    torch.save({"epoch": 3, "state_dict": {f"w{n}": torch.empty(1) for n in range(tensors)}}, buffer)
    with zipfile.ZipFile(buffer) as source:
        pickle = source.read("archive/data.pkl").replace(b"K\x01tq", b"J" + struct.pack("<i", each) + b"tq")
    names = ["data.pkl", *(f"data/{n}" for n in range(tensors))]
    directory = b""
    with path.open("wb") as file:
        for name in [f"archive/{name}".encode() for name in names]:
            data, length = (pickle, len(pickle)) if name.endswith(b".pkl") else (b"", each * 4)
            central = struct.pack("<2xLLLHHHHHLL", 5, 0xFFFFFFFF, 0xFFFFFFFF, len(name), 28, 0, 0, 0, 0, 0xFFFFFFFF)
            large = struct.pack("<2H3Q", 1, 24, length, length, file.tell())
            directory += b"PK\1\2" + bytes(10) + central + name + large
            file.write(struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 0, 5, 0, 0, len(name), 0) + name + data)
            file.seek(length - len(data), 1)
        at = file.tell()
        file.write(directory + end(len(names), len(directory), at, Ending(zip64={}, directory_offset=0xFFFFFFFF)))


def cost(path: Path) -> tuple[int, JsonDict]:
    """Return the bytes read for a header, and the header."""
    with open_file(str(path.parent), path.name) as file:
        values = answer(files.read(file, lambda _: None, full=True), path.name)
        return file.bytes_read, values


def test_an_archive_of_many_gigabytes_costs_what_a_small_one_costs(tmp_path: Path) -> None:
    stretched(tmp_path / "small.ckpt", 50 << 20)
    stretched(tmp_path / "large.ckpt", 64 << 30)
    small, large = cost(tmp_path / "small.ckpt"), cost(tmp_path / "large.ckpt")
    assert large[0] <= small[0] + 64 < 20_000
    assert [(h["format"], h["complete"], h["facts"]["epoch"], h["tensors"]) for _, h in (small, large)] == [
        ("torch_zip", True, 3, 20)
    ] * 2
    assert not {kind for kind, _ in large[1]["problems"]} - {"crc_mismatch"}


def test_a_large_safetensors_file_costs_its_header_and_samples(tmp_path: Path) -> None:
    with (tmp_path / "x.safetensors").open("wb") as file:
        header = b'{"w":{"dtype":"F32","shape":[1073741824,4],"data_offsets":[0,17179869184]}}'
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(LENGTH_BYTES + len(header) + (16 << 30))
    read, values = cost(tmp_path / "x.safetensors")
    assert (values["complete"], values["facts"]["num_parameters"]) == (True, 1 << 32)
    assert read < 20_000


@pytest.mark.parametrize("module", ["torch", "numpy", "safetensors", "pickle", "zipfile", "yaml", "sqlite3"])
def test_reading_a_header_imports_nothing_of_the_kind(tmp_path: Path, module: str) -> None:
    torch.save({"epoch": 3, "w": torch.ones(2)}, tmp_path / "x.ckpt")
    (tmp_path / "x.safetensors").write_bytes(save({"w": torch.ones(2)}))
    program = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from ckpt_indexer.readers.child_jobs import read_header\n"
        "for name in ('x.ckpt', 'x.safetensors'): print(read_header(sys.argv[1], name, 'file')['tensors'])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n1\n"


@pytest.mark.prove
def test_two_gigabytes_of_real_tensors_cost_what_fifty_megabytes_cost(tmp_path: Path) -> None:
    read = {}
    for size in (50_000_000, 2_000_000_000):
        weights = {f"layer{n}.weight": torch.empty(size // 4 // 1440) for n in range(1440)}
        torch.save({"epoch": 3, "state_dict": weights}, tmp_path / "x.ckpt")
        read[size], values = cost(tmp_path / "x.ckpt")
        assert (values["tensors"], values["problems"]) == (1440, [])
    assert read[2_000_000_000] < 1.02 * read[50_000_000] + 10_000
    assert read[2_000_000_000] < 1_000_000
