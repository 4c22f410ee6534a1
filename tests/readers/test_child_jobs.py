"""Reading headers through the pool of limited children, as the daemon does."""

from __future__ import annotations

import errno
import gc
import os
import pickle
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import ReaderError
from ckpt_indexer.readers.answering import MAX_ANSWER_BYTES
from ckpt_indexer.readers.child_jobs import read_header
from ckpt_indexer.readers.header import Header
from ckpt_indexer.sandbox.pool import Pool
from tests.readers.zip_files import Part, archive, parts, state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB = "ckpt_indexer.readers.child_jobs:read_header"


@pytest.fixture(name="pool", scope="module")
def _pool() -> Iterator[Pool]:
    with Pool(size=1) as pool:
        yield pool


def asked(pool: Pool, root: Path, path: str, kind: str = "file") -> Header:
    return Header.from_json(pool.call(JOB, root=os.fsdecode(os.fsencode(root)), path=path, kind=kind))


def test_a_child_answers_with_the_header(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(archive(*parts()))
    header = asked(pool, tmp_path, "x.ckpt")
    assert (header.format, header.facts["epoch"], header.problems) == ("torch_zip", 3, [])


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe.ckpt", b"a\nb'\"\\.ckpt", "\U0001f600 é.ckpt".encode(), b"\xed\xa0\x80.ckpt"]
)
def test_any_name_survives_the_way_to_the_child(pool: Pool, tmp_path: Path, raw: bytes) -> None:
    directory = os.fsencode(tmp_path) + b"/d\xe9"
    os.mkdir(directory)
    with open(directory + b"/" + raw, "wb") as file:
        file.write(archive(*parts()))
    assert asked(pool, tmp_path, os.fsdecode(b"d\xe9/" + raw)).facts["epoch"] == 3


def test_a_text_that_is_no_unicode_survives_the_way_back(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(
        archive(Part(b"a/data.pkl", pickle.dumps({"hyper_parameters": {"name": "\ud800"}})))
    )
    assert asked(pool, tmp_path, "x.ckpt").format == "torch_zip"


@pytest.mark.parametrize("name", ["x.ckpt", "gone.ckpt"])
@pytest.mark.parametrize("on", [True, False])
def test_collection_of_garbage_is_as_before(tmp_path: Path, name: str, on: bool) -> None:
    (tmp_path / "x.ckpt").write_bytes(archive(*parts()))
    was_on = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        with suppress(ReaderError):
            read_header(str(tmp_path), name, "file")
        assert gc.isenabled() is on
    finally:
        (gc.enable if was_on else gc.disable)()


def test_an_absent_file_is_told_with_its_errno(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(ReaderError) as raised:
        asked(pool, tmp_path, "gone.ckpt")
    assert raised.value.details["errno"] == errno.ENOENT


def test_an_answer_that_would_be_too_large_loses_its_largest_part(pool: Pool, tmp_path: Path) -> None:
    values = {f"k{number:05d}": "v" * 900 for number in range(8_000)}
    (tmp_path / "x.ckpt").write_bytes(archive(*parts(data=state(hyper_parameters=values))))
    header = asked(pool, tmp_path, "x.ckpt")
    assert header.facts["epoch"] == 3


def test_the_answer_fits_whatever_a_file_holds(tmp_path: Path) -> None:
    pairs = {f"k{number}": "\u20ac" * 5000 for number in range(3000)}
    (tmp_path / "x.ckpt").write_bytes(
        archive(*parts(data=state(hyper_parameters=pairs, metrics=dict.fromkeys(pairs, 1))))
    )
    header = read_header(str(tmp_path), "x.ckpt", "file")
    assert len(repr(header)) < 2 * MAX_ANSWER_BYTES
    assert header["facts"]["epoch"] == 3


def bomb_of_lists(depth: int) -> bytes:
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


def bomb_of_copies() -> bytes:
    """Return a pickle of 40 lists, each of which holds the one before ten times."""
    data = b"\x80\x02]q\0"
    for number in range(40):
        data += b"](" + b"h" + bytes([number]) + (b"h" + bytes([number])) * 9 + b"eq" + bytes([number + 1])
    return data + b"."


HOSTILE: dict[str, bytes] = {
    "nested lists": bomb_of_lists(2_000_000),
    "copies of copies": bomb_of_copies(),
    "marks": b"\x80\x02" + b"(" * 5_000_000 + b".",
    "dup": b"\x80\x02]" + b"2" * 20_000_000 + b".",
    "none": b"\x80\x02" + b"N" * 60_000_000,
    "claims": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"x",
    "long": b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + bytes(1 << 20) + b".",
    "line": b"c" + b"A" * 30_000_000,
    "memo": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "text number": b"I" + b"9" * 60_000 + b"\n.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bomb_costs_little_and_ends_as_a_header(pool: Pool, tmp_path: Path, name: str) -> None:
    (tmp_path / "x.pt").write_bytes(HOSTILE[name])
    began = time.monotonic()
    header = asked(pool, tmp_path, "x.pt")
    assert time.monotonic() - began < 9.5
    assert header.problems


def test_a_bomb_in_an_archive_costs_little(pool: Pool, tmp_path: Path) -> None:
    for name, data in {"lists": bomb_of_lists(500_000), "copies": bomb_of_copies(), "zeros": bytes(1 << 28)}.items():
        (tmp_path / f"{name}.ckpt").write_bytes(archive(Part(b"a/data.pkl", data, method=8)))
        header = asked(pool, tmp_path, f"{name}.ckpt")
        assert (header.format, bool(header.problems)) == ("torch_zip", True)


class Runs:
    """What it names would be called by whoever unpickles it."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (self.canary,))


def test_nothing_in_a_file_is_run(pool: Pool, tmp_path: Path) -> None:
    data = pickle.dumps({"epoch": 3, "payload": Runs(tmp_path / "canary")}, protocol=2)
    (tmp_path / "x.pt").write_bytes(data)
    (tmp_path / "x.ckpt").write_bytes(archive(Part(b"a/data.pkl", data)))
    assert asked(pool, tmp_path, "x.pt").facts["epoch"] == 3
    assert asked(pool, tmp_path, "x.ckpt").facts["epoch"] == 3
    assert not (tmp_path / "canary").exists()
