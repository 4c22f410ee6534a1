from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.errors import CorruptCheckpoint
from ckpt_indexer.readers.formats.zip_directory import read_archive
from ckpt_indexer.readers.formats.zip_reading import read_entry, read_part
from ckpt_indexer.readers.opening import open_file
from tests.readers.conftest import kinds
from tests.readers.zip_files import STATE, Part, archive, parts, state

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.readers.header import Header
    from tests.readers.conftest import Reader


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


@pytest.mark.parametrize(
    "changes",
    [{"offset": 1 << 30}, {"offset": 1}, {"compressed": 1 << 31}, {"size": 1 << 31, "compressed": 1 << 31}],
)
def test_an_entry_that_lies_about_its_place_is_a_problem(read: Reader, changes: dict[str, int]) -> None:
    header = read.of(archive(*parts(**changes)))
    assert header.format == "torch_zip"
    assert kinds(header) & {"corrupt", "truncated"}


def test_another_name_where_the_bytes_are_is_told(read: Reader) -> None:
    header = read.of(archive(*parts(local_name=b"archive/data.pkX")))
    assert is_read(header)
    assert "suspicious" in kinds(header)


def test_one_name_twice_is_told_and_the_first_is_read(read: Reader) -> None:
    header = read.of(archive(*parts(), Part(b"archive/data.pkl", state(epoch=9))))
    assert is_read(header)
    assert "duplicate_entry" in kinds(header)


@pytest.mark.parametrize("cut", [30, 60, 100, 200, -1, -21, -22, -23, -60])
def test_a_cut_off_archive_gives_what_its_first_entry_holds(read: Reader, cut: int) -> None:
    data = archive(*parts(), Part(b"archive/data/0", bytes(99)))
    header = read.of(data[:cut])
    assert (header.format, header.complete) == ("torch_zip", False)
    assert "truncated" in kinds(header)
    assert is_read(header) == (cut < 0 or cut >= 100)
