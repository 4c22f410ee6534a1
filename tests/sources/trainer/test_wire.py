from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.sources.trainer.wire import BrokenMessage, fields_of, first_bytes, packed_numbers


def test_the_fields_of_a_message() -> None:
    message = b"\x08\x96\x01" + b"\x12\x03abc" + b"\x1d\x01\x02\x03\x04" + b"\x21" + b"\x09" * 8
    assert list(fields_of(message)) == [(1, 150), (2, b"abc"), (3, b"\x01\x02\x03\x04"), (4, b"\x09" * 8)]


@pytest.mark.parametrize(
    "message",
    [
        b"\x08",
        b"\x12\x05abc",
        b"\x0b",
        b"\x0f",
        b"\x1d\x01",
        b"\x80" * 11,
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ],
)
def test_a_broken_message_is_refused(message: bytes) -> None:
    with pytest.raises(BrokenMessage):
        list(fields_of(message))


def test_the_first_bytes_of_a_field() -> None:
    assert first_bytes([(1, 5), (1, b"x"), (1, b"y")], 1) == b"x"
    assert first_bytes([(1, 5)], 2) is None


def test_at_most_two_numbers_are_unpacked() -> None:
    assert packed_numbers("<f", struct.pack("<5f", *range(5))) == [0.0, 1.0]
    assert packed_numbers("<d", b"\0" * 7) == []


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_refused(message: bytes) -> None:
    try:
        found = list(fields_of(message))
    except BrokenMessage:
        found = []
    assert all(isinstance(value, int | bytes) for _, value in found)
