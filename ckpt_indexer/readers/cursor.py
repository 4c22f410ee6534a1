"""Walking through a binary header with few reads: small values from a window, large ones skipped unread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded

if TYPE_CHECKING:
    import struct

    from ckpt_indexer.readers.opening import OpenFile

SMALLEST_WINDOW, LARGEST_WINDOW = 512, 16 << 10
"""Bytes read at once: few after a jump, more and more where small values follow each other."""
_MAX_VARINT_BYTES = 10


class Cursor:
    """A place in a file that moves forward. Reads at most `budget` bytes of the file in all.

    Raises:
        CorruptCheckpoint: the file ends (`reason="truncated"`), or a value is impossible.
        LimitExceeded: the budget is spent.
    """

    def __init__(self, file: OpenFile, *, at: int = 0, budget: int = 64 << 20) -> None:
        self._file = file
        self._at = at
        self._budget = budget
        self._window = b""
        self._next_window = SMALLEST_WINDOW
        self._begins = at

    @property
    def at(self) -> int:
        """Offset of the next byte in the file."""
        return self._at

    @property
    def left(self) -> int:
        """Bytes between here and the end of the file; negative once something was skipped that is not there."""
        return self._file.size - self._at

    def skip(self, count: int) -> None:
        """Go on `count` bytes further without reading them; this may lead beyond the end."""
        if count < 0:
            raise CorruptCheckpoint("a negative length", path=self._file.path, reason="length")
        self._at += count

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count < 0 or count > self.left:
            message = "the file ends within its header; it is damaged or still being written"
            raise CorruptCheckpoint(message, path=self._file.path, reason="truncated")
        from_window = self._at - self._begins
        if from_window < 0 or from_window + count > len(self._window):
            self._fill(count)
            from_window = 0
        self._at += count
        return self._window[from_window : from_window + count]

    def unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        """Return the next values of a fixed layout."""
        return layout.unpack(self.take(layout.size))

    def varint(self) -> int:
        """Return the next base-128 number (https://protobuf.dev/programming-guides/encoding/#varints)."""
        value = 0
        for place in range(_MAX_VARINT_BYTES):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF
        raise CorruptCheckpoint("a number without end", path=self._file.path, reason="varint")

    def _fill(self, count: int) -> None:
        """Read a window that begins here."""
        if self._budget < count:
            raise LimitExceeded("a header larger than is read here", path=self._file.path, limit=self._budget)
        jumped = self._at >= self._begins + len(self._window) + SMALLEST_WINDOW
        self._next_window = SMALLEST_WINDOW if jumped else min(2 * self._next_window, LARGEST_WINDOW)
        self._window = self._file.read(self._at, min(max(count, self._next_window), self._budget))
        self._begins = self._at
        self._budget -= len(self._window)
        if len(self._window) < count:
            message = "the file became shorter while it was read"
            raise CorruptCheckpoint(message, path=self._file.path, reason="truncated")
