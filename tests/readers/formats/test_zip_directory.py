"""The central directory: which one counts, what is refused, what is odd."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded
from ckpt_indexer.readers.formats.zip_directory import Archive, Folder, read_archive
from ckpt_indexer.readers.opening import open_file
from tests.readers.conftest import kinds
from tests.readers.zip_files import STATE, Ending, Part, archive, parts

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.readers.header import Header
    from tests.readers.conftest import Reader


def directory(tmp_path: Path, data: bytes) -> Archive:
    (tmp_path / "x").write_bytes(data)
    with open_file(str(tmp_path), "x") as file:
        return read_archive(file)


def is_read(header: Header) -> bool:
    return (header.facts.get("epoch"), header.facts.get("global_step")) == (STATE["epoch"], STATE["global_step"])


def test_a_comment_may_hold_an_end_record_and_the_last_one_counts(tmp_path: Path) -> None:
    fake = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)
    found = directory(tmp_path, archive(*parts(), ending=Ending(comment=b"x" * 30 + fake)))
    assert found.entries == []


def test_the_longest_comment_is_looked_through(tmp_path: Path) -> None:
    assert len(directory(tmp_path, archive(*parts(), ending=Ending(comment=b"c" * 65_535))).entries) == 2


def test_bytes_behind_the_end_are_told(read: Reader) -> None:
    header = read.of(archive(*parts()) + b"behind")
    assert is_read(header)
    assert "suspicious" in kinds(header)


def test_a_zip64_record_counts_whenever_its_locator_is_there(tmp_path: Path) -> None:
    data = archive(*parts(), ending=Ending(zip64={}, count=7, directory_offset=3))
    assert len(directory(tmp_path, data).entries) == 2


def test_a_zip64_locator_without_its_record_does_not_count(tmp_path: Path) -> None:
    assert len(directory(tmp_path, archive(*parts(), ending=Ending(zip64={"at": 5}))).entries) == 2


def test_sizes_beyond_32_bits_are_those_of_the_extra_field(tmp_path: Path) -> None:
    extra = struct.pack("<2H3Q", 1, 24, 5, 5, 0)
    part = Part(b"a/b", b"hello", size=0xFFFFFFFF, compressed=0xFFFFFFFF, offset=0xFFFFFFFF, extra=extra)
    entry = directory(tmp_path, archive(part)).entries[0]
    assert (entry.size, entry.compressed, entry.offset) == (5, 5, 0)


@pytest.mark.parametrize(
    "extra", [b"", b"\1\0", struct.pack("<2H", 1, 24), struct.pack("<2HQ", 1, 8, 5), struct.pack("<2H", 9, 60_000)]
)
def test_sizes_beyond_32_bits_without_an_extra_field_are_corrupt(tmp_path: Path, extra: bytes) -> None:
    part = Part(b"a/b", b"hello", size=0xFFFFFFFF, compressed=0xFFFFFFFF, extra=extra)
    with pytest.raises(CorruptCheckpoint, match="zip64"):
        directory(tmp_path, archive(part))


@pytest.mark.parametrize(
    "ending",
    [
        Ending(count=60_000),
        Ending(count=3),
        Ending(directory_size=1 << 30),
        Ending(directory_offset=1 << 31),
        Ending(directory_offset=5),
        Ending(disk=1),
        Ending(zip64={"size": 1 << 24}),
        Ending(zip64={"offset": 1 << 62}),
    ],
)
def test_an_end_record_that_lies_is_not_followed(tmp_path: Path, ending: Ending) -> None:
    with pytest.raises((CorruptCheckpoint, LimitExceeded)):
        directory(tmp_path, archive(*parts(), ending=ending))


@pytest.mark.parametrize("lie", [{"count": 200_001}, {"size": (32 << 20) + 1}, {"count": 1 << 60}])
def test_a_directory_larger_than_any_checkpoints_is_not_read(tmp_path: Path, lie: dict[str, int]) -> None:
    with pytest.raises(LimitExceeded):
        directory(tmp_path, archive(*parts(), ending=Ending(zip64=lie)))


@pytest.mark.parametrize("name", [b"../../etc/x", b"/abs/x", b"a\\..\\b", b"a/b\0c"])
def test_names_that_point_out_of_the_archive_are_told(read: Reader, name: bytes) -> None:
    header = read.of(archive(*parts(), Part(name, b"x")))
    assert is_read(header)
    assert "suspicious" in kinds(header)


def test_overlapping_entries_are_told(read: Reader) -> None:
    header = read.of(archive(*parts(), Part(b"archive/data/0", b"x", offset=0)))
    assert is_read(header)
    assert "suspicious" in kinds(header)


@pytest.mark.parametrize("prefix", [b"#!/bin/sh\n", b"\x80\x02N.", bytes(100)])
def test_bytes_before_the_archive_make_it_none_as_in_torch(read: Reader, prefix: bytes) -> None:
    assert read.of(prefix + archive(*parts())).format != "torch_zip"


def test_records_are_read_whatever_the_lengths_of_their_texts(tmp_path: Path) -> None:
    names = [b"a/" + b"n" * (number % 5) + str(number).encode() for number in range(40)]
    found = directory(tmp_path, archive(*[Part(name, name, extra=bytes(4 * (len(name) % 3))) for name in names]))
    assert [(entry.name, entry.size, entry.method) for entry in found.entries] == [(n, len(n), 0) for n in names]


def test_the_first_record_of_a_name_counts_and_keeps_its_place(tmp_path: Path) -> None:
    found = directory(
        tmp_path, archive(*[Part(name, name * 9) for name in (b"a/x", b"b/x", b"a/y")], Part(b"a/x", b""))
    )
    folder = Folder(found, b"a/")
    assert (list(folder), folder[b"x"].size, folder.get(b"z")) == ([b"x", b"y"], 27, None)
    assert folder.column("sizes") == [27, 27]
