"""Event files for tests, record by record, so that they can be cut and broken at will."""

from __future__ import annotations

import struct

from ckpt_indexer.sources.trainer.tensorboard import crc32c


class Bytes:
    """Bytes that are read as a file is."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, count: int) -> bytes:
        return self.data[offset : offset + count]


def record(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + _masked(head) + data + _masked(data)


def varint(value: int) -> bytes:
    out = b""
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def block(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def simple(tag: str, value: float) -> bytes:
    return block(1, block(1, tag.encode()) + b"\x15" + struct.pack("<f", value))


def tensor(tag: str, data: bytes) -> bytes:
    return block(1, block(1, tag.encode()) + block(8, data))


def event(step: int, *values: bytes) -> bytes:
    return record(b"\x09" + struct.pack("<d", 1.5) + b"\x10" + varint(step) + block(5, b"".join(values)))


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)
