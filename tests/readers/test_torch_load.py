"""Torch as the last reader, in a child as roomy as an import of it needs."""

from __future__ import annotations

import os
import pickle
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded, ReaderError
from ckpt_indexer.readers import torch_load
from ckpt_indexer.readers.header import Header
from ckpt_indexer.sandbox.pool import Pool
from tests.readers.zip_files import Part, archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.readers.conftest import Reader

JOB = "ckpt_indexer.readers.torch_load:read_with_torch"
STATE: dict[str, Any] = {
    "epoch": 3,
    "hyper_parameters": {"lr": 0.5, "sizes": (1, 2)},
    "state_dict": {"w": torch.ones(4, 3), "tied": torch.ones(2), "s": torch.eye(3).to_sparse()},
}


@pytest.fixture(name="pool", scope="module")
def _pool() -> Iterator[Pool]:
    with Pool(size=1, limits=torch_load.LIMITS, recycle_bytes=1 << 30) as pool:
        yield pool


def asked(pool: Pool, root: Path, path: str) -> Header:
    return Header.from_json(pool.call(JOB, root=str(root), path=path))


@pytest.mark.parametrize("zipped", [True, False])
def test_it_says_what_the_machine_says(pool: Pool, read: Reader, tmp_path: Path, *, zipped: bool) -> None:
    torch.save(STATE, tmp_path / "x.ckpt", _use_new_zipfile_serialization=zipped)
    mine, theirs = read("x.ckpt"), asked(pool, tmp_path, "x.ckpt")
    for name in ("format", "facts", "params", "tensors", "dtypes", "structure_id", "complete"):
        assert getattr(theirs, name) == getattr(mine, name), name


class Runs:
    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (self.canary,))


def test_a_refusal_is_final_and_nothing_is_run(pool: Pool, tmp_path: Path) -> None:
    data = pickle.dumps({"epoch": 3, "x": Runs(str(tmp_path / "canary"))}, protocol=2)
    (tmp_path / "x.ckpt").write_bytes(archive(Part(b"a/data.pkl", data), Part(b"a/version", b"3\n")))
    with pytest.raises(CorruptCheckpoint, match="UnpicklingError"):
        asked(pool, tmp_path, "x.ckpt")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("data", [b"", b"x", b"\x80\x02}.", b"PK\x03\x04", bytes(600)])
def test_other_bytes_are_refused(pool: Pool, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.ckpt").write_bytes(data)
    with pytest.raises(CorruptCheckpoint):
        asked(pool, tmp_path, "x.ckpt")


def test_a_stream_whose_storages_would_be_read_is_refused(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "x.pth", _use_new_zipfile_serialization=False)
    os.truncate(tmp_path / "x.pth", torch_load.MAX_STREAM_BYTES + 1)
    with pytest.raises(LimitExceeded):
        torch_load.read_with_torch(str(tmp_path), "x.pth")


def test_a_claim_of_memory_is_refused(pool: Pool, tmp_path: Path) -> None:
    torch.save({"w": torch.empty(7)}, tmp_path / "x.pth", _use_new_zipfile_serialization=False)
    data = (tmp_path / "x.pth").read_bytes()
    (tmp_path / "x.pth").write_bytes(data.replace(b"K\x07", b"\x8a\x05" + (1 << 34).to_bytes(5, "little")))
    with pytest.raises(ReaderError):
        asked(pool, tmp_path, "x.pth")


def test_a_torch_too_old_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.9.1")
    with pytest.raises(ReaderError, match="too old"):
        torch_load.read_with_torch("/", "x")


def test_it_is_asked_only_where_the_machine_failed_on_a_whole_torch_file() -> None:
    failed = Header("torch_zip", complete=True, problems=[("malformed", "x")])
    assert torch_load.is_worth_trying(failed)
    for other in (
        replace(failed, problems=[]), replace(failed, format="safetensors"), replace(failed, complete=False),
        replace(failed, tensors=5), replace(failed, problems=[("suspicious", "x")]),
    ):  # fmt: skip
        assert not torch_load.is_worth_trying(other)


@pytest.mark.prove
def test_a_load_that_would_take_minutes_is_ended(pool: Pool, tmp_path: Path) -> None:
    """Half a megabyte of compressed opcodes: torch runs every one of them."""
    opcodes = b"\x80\x02}" + b"q\x00" * (80 << 20) + b"."
    parts = (Part(b"a/data.pkl", opcodes, method=8), Part(b"a/byteorder", b"little"), Part(b"a/version", b"3\n"))
    (tmp_path / "x.ckpt").write_bytes(archive(*parts))
    asked_at = time.monotonic()
    with pytest.raises(LimitExceeded, match=f"torch took more than {torch_load.LOAD_S} s"):
        asked(pool, tmp_path, "x.ckpt")
    assert time.monotonic() - asked_at < 4 * torch_load.LOAD_S


@pytest.mark.prove
def test_a_text_of_a_quarter_of_a_gigabyte_does_not_make_the_child_larger_than_it_may_be(
    pool: Pool, tmp_path: Path
) -> None:
    """A few hundred kilobytes of compressed text, of which torch holds three copies."""
    length = 250 << 20
    text = b"\x80\x02}K\x01X" + length.to_bytes(4, "little") + b"A" * length + b"s."
    parts = (Part(b"a/data.pkl", text, method=8), Part(b"a/byteorder", b"little"), Part(b"a/version", b"3\n"))
    (tmp_path / "x.ckpt").write_bytes(archive(*parts))
    torch.save(STATE, tmp_path / "good.ckpt")
    for _ in range(3):
        with pytest.raises(LimitExceeded, match="torch needed more than 512 MiB"):
            asked(pool, tmp_path, "x.ckpt")
        (pid,) = pool.pids()
        assert peak_bytes(pid) < 1 << 30
    assert asked(pool, tmp_path, "good.ckpt").facts["epoch"] == 3


def peak_bytes(pid: int) -> int:
    """Return the most resident memory a process ever had."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmHWM"].split()[0]) << 10
