"""Numbers from storages: how large an element is, and one element of a small one as little-endian bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_READS = 20_000
WALL_S = 2.0
"""For all scalars of one file: on a cold disk every one may cost a seek, and an optimizer holds thousands."""

_SIZES = {
    8: ("float64", "int64", "uint64", "complex64"),
    4: ("float32", "int32", "uint32", "complex32", "qint32"),
    2: ("float16", "bfloat16", "int16", "uint16"),
    16: ("complex128",),
    1: ("int8", "uint8", "bool", "qint8", "quint8", "quint4x2", "quint2x4", "bits8", "bits1x8", "bits2x4", "bits4x2"),
}
ELEMENT_BYTES = {dtype: size for size, dtypes in _SIZES.items() for dtype in dtypes}
"""dtype as torch names it -> bytes of one element in a storage."""
_HALVES = {"complex32", "complex64", "complex128"}


def element_bytes(dtype: str) -> int | None:
    """Return the bytes of one element; None for a dtype nobody knows."""
    if dtype.startswith(("float8_", "float4_")):  # one byte each; two 4-bit floats share one
        return 1
    return ELEMENT_BYTES.get(dtype)


class Scalars:
    """Reads single elements, as long as that stays cheap.

    `read` returns up to so many bytes of a storage, from an offset on; None or fewer when they are not there.
    """

    def __init__(
        self,
        read: Callable[[str, int, int], bytes | None],
        *,
        big_endian: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._big_endian = big_endian
        self._clock = clock
        self._ends: float | None = None
        """Set when the first one is read: how long the pickle took is no matter of theirs."""
        self._reads = 0

    def __call__(self, key: str, dtype: str, offset: int) -> bytes | None:
        """Return one element as little-endian bytes; None when it cannot be read, or no longer cheaply."""
        size = element_bytes(dtype)
        if size is None or offset < 0 or self._reads >= MAX_READS:
            return None
        if self._ends is None:
            self._ends = self._clock() + WALL_S
        if self._clock() > self._ends:
            return None
        self._reads += 1
        data = self._read(key, offset * size, size)
        if data is None or len(data) != size:
            return None
        if not self._big_endian:
            return data
        half = size // 2
        return data[:half][::-1] + data[half:][::-1] if dtype in _HALVES else data[::-1]
