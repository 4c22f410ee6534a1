"""The frames of a W&B transaction log (`run-<id>.wandb`): blocks, checksums, records. Knows nothing of what they hold.

The frames are those of a LevelDB log (https://github.com/google/leveldb/blob/1.23/doc/log_format.md) behind a header of
seven bytes, with a plain CRC-32 over kind and content
(https://github.com/wandb/wandb/blob/v0.18.0/wandb/sdk/internal/datastore.py). A log that ends within a record is a
live or a truncated one: its whole records count. A wrong checksum ends the reading, since nothing behind it has a known
beginning.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_HEADER = b":W&B\xe1\xbe\x00"
"""Name, magic number 0xBEE1 and version 0."""
MAX_LOG_BYTES = 256 << 20
"""Bytes of one log that are read."""
MAX_RECORD_BYTES = 8 << 20
"""A larger record is passed over: no history row or config of a real run comes near."""
_BLOCK_BYTES = 32 * 1024
_FRAME = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_READ_BLOCKS = 32
_MAX_FRAMES = 1024
"""Frames of one record: writers begin a new one where a block ends, nowhere else."""


class LogReader:
    """Yields the records of an open log from `offset` on; can be asked again when the log has grown."""

    def __init__(self, descriptor: int, *, offset: int = 0) -> None:
        self._descriptor = descriptor
        self.offset = offset
        """Where the first record that was not yielded begins; 0: nothing was read yet."""
        self.damage: str | None = None
        """Why reading ended before the end of the file; None: it did not."""
        self.skipped = 0
        """Records passed over because of their size."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield one record after the other.

        Raises:
            OSError: the file cannot be read.
        """
        if self.offset == 0:
            header = os.pread(self._descriptor, len(FILE_HEADER), 0)
            if header != FILE_HEADER:
                if not FILE_HEADER.startswith(header):
                    self.damage = "it does not begin as a W&B log of version 0"
                return
            self.offset = len(FILE_HEADER)
        yield from self._records()

    def _records(self) -> Iterator[bytes]:
        """Join frames to records; `offset` moves past each whole one."""
        parts: list[bytes] = []
        size = 0
        open_record = False
        for kind, body, end in self._frames():
            if kind in {_FULL, _FIRST} if open_record else kind in {_MIDDLE, _LAST}:
                self.damage = f"its frames are out of order before byte {end}"
                return
            open_record = kind in {_FIRST, _MIDDLE}
            size += len(body)
            if len(parts) > _MAX_FRAMES:
                self.damage = f"a record is torn into more than {_MAX_FRAMES} frames before byte {end}"
                return
            if size <= MAX_RECORD_BYTES:
                parts.append(body)
            else:
                parts.clear()
            if open_record:
                continue
            self.offset = end
            if size <= MAX_RECORD_BYTES:
                yield parts[0] if len(parts) == 1 else b"".join(parts)
            else:
                self.skipped += 1
            parts, size = [], 0

    def _frames(self) -> Iterator[tuple[int, bytes, int]]:
        """Yield (kind, content, offset behind it) until the file ends or is damaged."""
        for start, block in self._blocks():
            place = self.offset - start if start < self.offset else 0
            end = len(block)
            while end - place >= _FRAME.size:
                checksum, length, kind = _FRAME.unpack_from(block, place)
                body_start, body_end = place + _FRAME.size, place + _FRAME.size + length
                if kind == 0 and length == 0 and checksum == 0:
                    break  # the rest of a block set aside in advance
                if body_end > end:
                    if start % _BLOCK_BYTES == 0 and end == _BLOCK_BYTES:
                        self.damage = f"a frame at byte {start + place} is longer than its block"
                    return
                if zlib.crc32(block[place + 6 : body_end]) != checksum or not _FULL <= kind <= _LAST:
                    self.damage = f"a wrong checksum at byte {start + place}"
                    return
                yield kind, block[body_start:body_end], start + body_end
                place = body_end

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, bytes) of the blocks, the last one perhaps short."""
        start = self.offset - self.offset % _BLOCK_BYTES
        while start < MAX_LOG_BYTES:
            chunk = os.pread(self._descriptor, _BLOCK_BYTES * _READ_BLOCKS, start)
            for inner in range(0, len(chunk), _BLOCK_BYTES):
                yield start + inner, chunk[inner : inner + _BLOCK_BYTES]
            if len(chunk) < _BLOCK_BYTES * _READ_BLOCKS:
                return
            start += len(chunk)
        self.damage = f"it is longer than {MAX_LOG_BYTES >> 20} MiB; the rest is not read"
