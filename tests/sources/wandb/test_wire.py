from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.sources.wandb.wire import double, fields, signed, zigzag
from tests.sources.wandb_files import field, varint

NUMBERS = st.integers(0, 2**64 - 1)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 500), NUMBERS | st.binary(max_size=300))))
def test_fields_come_back_in_order(given_fields: list[tuple[int, int | bytes]]) -> None:
    message = b"".join(field(number, value) for number, value in given_fields)
    assert list(fields(message)) == given_fields


def test_fixed_width_fields_are_bytes() -> None:
    message = varint(6 << 3 | 1) + struct.pack("<d", 0.5) + varint(7 << 3 | 5) + b"abcd"
    assert list(fields(message)) == [(6, struct.pack("<d", 0.5)), (7, b"abcd")]
    assert double(struct.pack("<d", 0.5)) == 0.5


@pytest.mark.parametrize(
    "message",
    [
        field(1, b"abc")[:-1],
        varint(1 << 3 | 2) + varint(2**63),
        b"\x80" * 30,
        varint(1 << 3) + b"\xff" * 9 + b"\x7f",
        varint(1 << 3 | 1) + b"1234567",
        varint(1 << 3 | 5) + b"123",
        varint(1 << 3 | 3),
        varint(1 << 3 | 7),
    ],
    ids=["cut", "length lie", "endless", "beyond 64 bits", "short double", "short float", "group", "kind 7"],
)
def test_what_breaks_the_format_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError):
        list(fields(message))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_end_in_fields_or_a_refusal(message: bytes) -> None:
    try:
        found = list(fields(message))
    except ValueError:
        return
    assert all(isinstance(value, int | bytes) for _, value in found)


def test_signs() -> None:
    assert [signed(0), signed(7), signed(2**64 - 1)] == [0, 7, -1]
    assert [zigzag(0), zigzag(1), zigzag(2), zigzag(3)] == [0, -1, 1, -2]


def test_a_double_has_eight_bytes() -> None:
    with pytest.raises(ValueError):
        double(b"1234")
