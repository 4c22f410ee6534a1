from __future__ import annotations

import pytest

from ckpt_indexer.readers.formats import storages
from ckpt_indexer.readers.formats.storages import WALL_S, Scalars


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def counting(_key: str, offset: int, count: int) -> bytes:
    """A storage whose bytes count up."""
    return bytes(range(offset, offset + count))


def test_elements_are_read_little_endian_at_their_offset() -> None:
    assert Scalars(counting)("0", "float32", 2) == bytes([8, 9, 10, 11])
    assert Scalars(counting, big_endian=True)("0", "float32", 2) == bytes([11, 10, 9, 8])
    assert Scalars(counting, big_endian=True)("0", "complex64", 0) == bytes([3, 2, 1, 0, 7, 6, 5, 4])


@pytest.mark.parametrize(("dtype", "offset"), [("unheard_of", 0), ("float32", -1)])
def test_what_cannot_be_an_element_is_not_read(dtype: str, offset: int) -> None:
    assert Scalars(counting)("0", dtype, offset) is None


def test_a_storage_that_is_too_short_gives_nothing() -> None:
    assert Scalars(lambda *_: b"\0")("0", "float32", 0) is None
    assert Scalars(lambda *_: None)("0", "float32", 0) is None


def test_time_counts_from_the_first_element_on() -> None:
    clock = Clock()
    scalars = Scalars(counting, clock=clock)
    clock.now = 60.0  # the pickle of a large file took long on a busy machine
    assert scalars("0", "uint8", 7) == b"\7"
    clock.now += WALL_S + 1
    assert scalars("0", "uint8", 7) is None


def test_only_so_many_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storages, "MAX_READS", 2)
    scalars = Scalars(counting)
    assert [scalars("0", "uint8", 1) for _ in range(3)] == [b"\1", b"\1", None]
