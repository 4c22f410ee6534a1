from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded
from ckpt_indexer.readers.formats.zip_reading import Archive, read_archive, read_entry, read_part
from ckpt_indexer.readers.opening import open_file
from tests.readers.conftest import kinds
from tests.readers.zip_files import STATE, Ending, Part, archive, parts, state

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.readers.header import Header
    from tests.readers.conftest import Reader


def directory(tmp_path: Path, data: bytes) -> Archive:
    (tmp_path / "x").write_bytes(data)
    with open_file(str(tmp_path), "x") as file:
        return read_archive(file)


def content(tmp_path: Path, data: bytes, limit: int = 1 << 20) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the first entry's content and what was odd about it."""
    odd: list[tuple[str, str]] = []
    (tmp_path / "x").write_bytes(data)
    with open_file(str(tmp_path), "x") as file:
        return read_entry(file, read_archive(file).entries[0], limit, odd), odd


def is_read(header: Header) -> bool:
    return (header.facts.get("epoch"), header.facts.get("global_step")) == (STATE["epoch"], STATE["global_step"])


@pytest.mark.parametrize("method", [0, 8])
def test_stored_and_deflated_entries_are_read(tmp_path: Path, method: int) -> None:
    assert content(tmp_path, archive(Part(b"a/b", b"hello" * 99, method=method))) == (b"hello" * 99, [])


@pytest.mark.parametrize("padding", [0, 3, 64, 68, 69, 5_000, 60_000])
@pytest.mark.parametrize("place", [(0, 4), (5, 8), (63, 1), (64, 4), (9_000, 16), (9_995, 5)])
def test_a_part_of_an_entry_is_what_lies_there(tmp_path: Path, padding: int, place: tuple[int, int]) -> None:
    data = struct.pack("<2500I", *range(2500))
    (tmp_path / "x").write_bytes(archive(Part(b"a/b", bytes(5_000)), Part(b"a/c", data, extra=bytes(padding))))
    offset, count = place
    with open_file(str(tmp_path), "x") as file:
        assert read_part(file, read_archive(file).entries[1], offset, count) == data[offset : offset + count]


def test_a_part_at_the_head_of_an_entry_takes_one_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(archive(Part(b"a/b", bytes(9_000)), Part(b"a/c", b"abcd", extra=bytes(60))))
    with open_file(str(tmp_path), "x") as file:
        entry = read_archive(file).entries[1]
        before = file.bytes_read
        assert read_part(file, entry, 0, 4) == b"abcd"
        assert 0 < file.bytes_read - before < 200


def test_another_method_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match="method 12"):
        content(tmp_path, archive(Part(b"a/b", b"hello", method=12)))


def test_a_deflate_bomb_stops_at_the_limit(tmp_path: Path) -> None:
    data, odd = content(tmp_path, archive(Part(b"a/b", bytes(50 << 20), method=8)), limit=1000)
    assert (len(data), odd) == (1000, [])


def test_a_deflated_entry_that_lies_about_its_size_gives_no_more_than_it_claims(tmp_path: Path) -> None:
    data, odd = content(tmp_path, archive(Part(b"a/b", bytes(50 << 20), method=8, size=10)))
    assert len(data) == 10
    assert [kind for kind, _ in odd] == ["crc_mismatch"]


def test_a_broken_deflate_stream_gives_what_came_before(tmp_path: Path) -> None:
    text = b"".join(struct.pack("<I", number * 2654435761 % 4294967296) for number in range(5000))
    data = bytearray(archive(Part(b"a/b", text, method=8)))
    data[10_000:10_040] = b"\xff" * 40
    got, odd = content(tmp_path, bytes(data))
    assert text.startswith(got[:5000])
    assert len(got) > 5000
    assert odd


def test_a_crc_of_zero_means_that_none_was_written(tmp_path: Path) -> None:
    assert content(tmp_path, archive(Part(b"a/b", b"hello", crc=0)))[1] == []


def test_a_wrong_crc_is_told(tmp_path: Path) -> None:
    assert content(tmp_path, archive(Part(b"a/b", b"hello", crc=5)))[1][0][0] == "crc_mismatch"


def test_an_encrypted_entry_is_told_and_read_as_it_is(read: Reader) -> None:
    header = read.of(archive(*parts(flags=1)))
    assert "encrypted" in kinds(header)
    assert is_read(header)


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


@pytest.mark.parametrize(
    "changes",
    [{"offset": 1 << 30}, {"offset": 1}, {"compressed": 1 << 31}, {"size": 1 << 31, "compressed": 1 << 31}],
)
def test_an_entry_that_lies_about_its_place_is_a_problem(read: Reader, changes: dict[str, int]) -> None:
    header = read.of(archive(*parts(**changes)))
    assert header.format == "torch_zip"
    assert kinds(header) & {"corrupt", "truncated"}


@pytest.mark.parametrize("name", [b"../../etc/x", b"/abs/x", b"a\\..\\b", b"a/b\0c"])
def test_names_that_point_out_of_the_archive_are_told(read: Reader, name: bytes) -> None:
    header = read.of(archive(*parts(), Part(name, b"x")))
    assert is_read(header)
    assert "suspicious" in kinds(header)


def test_overlapping_entries_are_told(read: Reader) -> None:
    header = read.of(archive(*parts(), Part(b"archive/data/0", b"x", offset=0)))
    assert is_read(header)
    assert "suspicious" in kinds(header)


def test_another_name_where_the_bytes_are_is_told(read: Reader) -> None:
    header = read.of(archive(*parts(local_name=b"archive/data.pkX")))
    assert is_read(header)
    assert "suspicious" in kinds(header)


def test_one_name_twice_is_told_and_the_first_is_read(read: Reader) -> None:
    header = read.of(archive(*parts(), Part(b"archive/data.pkl", state(epoch=9))))
    assert is_read(header)
    assert "duplicate_entry" in kinds(header)


@pytest.mark.parametrize("prefix", [b"#!/bin/sh\n", b"\x80\x02N.", bytes(100)])
def test_bytes_before_the_archive_make_it_none_as_in_torch(read: Reader, prefix: bytes) -> None:
    assert read.of(prefix + archive(*parts())).format != "torch_zip"


@pytest.mark.parametrize("cut", [30, 60, 100, 200, -1, -21, -22, -23, -60])
def test_a_cut_off_archive_gives_what_its_first_entry_holds(read: Reader, cut: int) -> None:
    data = archive(*parts(), Part(b"archive/data/0", bytes(99)))
    header = read.of(data[:cut])
    assert (header.format, header.complete) == ("torch_zip", False)
    assert "truncated" in kinds(header)
    assert is_read(header) == (cut < 0 or cut >= 100)
