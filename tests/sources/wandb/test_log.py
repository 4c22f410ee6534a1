from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckpt_indexer.sources.wandb import log as wandb_log
from ckpt_indexer.sources.wandb.log import FILE_HEADER, LogReader
from tests.sources.wandb_files import BLOCK, field, log_of

if TYPE_CHECKING:
    from pathlib import Path

REUSED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path, data: bytes) -> tuple[list[bytes], LogReader]:
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        reader = LogReader(descriptor)
        return list(reader), reader
    finally:
        os.close(descriptor)


def numbered(bodies: list[bytes]) -> list[bytes]:
    return [field(1, number) + body for number, body in enumerate(bodies, start=1)]


def frame(kind: int, body: bytes) -> bytes:
    return struct.pack("<IHB", zlib.crc32(bytes([kind]) + body), len(body), kind) + body


@REUSED
@given(st.lists(st.integers(0, 3 * BLOCK), max_size=8))
def test_records_of_any_size_come_back(tmp_path: Path, sizes: list[int]) -> None:
    bodies = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    records, reader = read(tmp_path / "log", log_of(bodies))
    assert records == numbered(bodies)
    assert reader.damage is None


@REUSED
@given(st.data())
def test_a_truncated_log_gives_its_whole_records(tmp_path: Path, data: st.DataObject) -> None:
    bodies = [bytes([number]) * 9_000 for number in range(12)]
    whole = log_of(bodies)
    records, reader = read(tmp_path / "log", whole[: data.draw(st.integers(0, len(whole)))])
    assert records == numbered(bodies)[: len(records)]
    assert reader.damage is None


@REUSED
@given(st.data())
def test_a_flipped_bit_ends_the_reading_and_never_changes_a_record(tmp_path: Path, data: st.DataObject) -> None:
    bodies = [bytes([number]) * 9_000 for number in range(8)]
    broken = bytearray(log_of(bodies))
    place = data.draw(st.integers(0, len(broken) - 1))
    broken[place] ^= 1 << data.draw(st.integers(0, 7))
    records, reader = read(tmp_path / "log", bytes(broken))
    assert records == numbered(bodies)[: len(records)]
    in_padding = len(records) == len(bodies)
    live = reader.damage is None and place > len(broken) - 9_100
    assert in_padding or live or reader.damage


def test_a_log_that_grows_is_read_on(tmp_path: Path) -> None:
    bodies = [bytes([number]) * 20_000 for number in range(6)]
    whole = log_of(bodies)
    path = tmp_path / "log"
    seen: list[bytes] = []
    offset = 0
    for end in (3, 7, 10_000, 70_000, 70_001, len(whole)):
        path.write_bytes(whole[:end])
        descriptor = os.open(path, os.O_RDONLY)
        reader = LogReader(descriptor, offset=offset)
        seen += list(reader)
        offset = reader.offset
        os.close(descriptor)
    assert seen == numbered(bodies)
    assert offset == len(whole)


@pytest.mark.parametrize("data", [b"PK\x03\x04", b":W&B\xe1\xbe\x01" + bytes(100), b"x" * 100])
def test_another_kind_of_file_is_damage(tmp_path: Path, data: bytes) -> None:
    records, reader = read(tmp_path / "log", data)
    assert (records, bool(reader.damage)) == ([], True)


@pytest.mark.parametrize("data", [b"", FILE_HEADER[:4], FILE_HEADER])
def test_a_log_that_just_began_is_empty(tmp_path: Path, data: bytes) -> None:
    records, reader = read(tmp_path / "log", data)
    assert (records, reader.damage) == ([], None)


@pytest.mark.parametrize(
    "frames",
    [
        frame(3, b"middle"),
        frame(4, b"last"),
        frame(2, b"first") + frame(1, b"full"),
        frame(2, b"first") + frame(2, b"first"),
        frame(9, b"kind"),
        struct.pack("<IHB", 0, 65535, 1) + bytes(BLOCK),
        frame(2, b"") + frame(3, b"") * 3_000,
    ],
    ids=["middle", "last", "full within", "first within", "kind", "length lie", "dust"],
)
def test_frames_that_cannot_be_are_damage(tmp_path: Path, frames: bytes) -> None:
    records, reader = read(tmp_path / "log", FILE_HEADER + frame(1, b"good") + frames + bytes(2 * BLOCK))
    assert records == [b"good"]
    assert reader.damage


def test_space_set_aside_in_advance_is_passed_over(tmp_path: Path) -> None:
    records, reader = read(tmp_path / "log", log_of([b"a"]).ljust(3 * BLOCK, b"\0"))
    assert (len(records), reader.damage) == (1, None)


def test_a_record_too_large_is_passed_over(tmp_path: Path) -> None:
    bodies = [b"a", bytes(wandb_log.MAX_RECORD_BYTES), b"b"]
    records, reader = read(tmp_path / "log", log_of(bodies))
    assert records == [numbered(bodies)[0], numbered(bodies)[2]]
    assert (reader.skipped, reader.damage) == (1, None)


def test_a_log_beyond_the_limit_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(log_of([b"a"]).ljust(BLOCK, b"\0"))
    os.truncate(path, wandb_log.MAX_LOG_BYTES + BLOCK)
    descriptor = os.open(path, os.O_RDONLY)
    reader = LogReader(descriptor)
    assert len(list(reader)) == 1
    assert "256 MiB" in str(reader.damage)
    os.close(descriptor)
