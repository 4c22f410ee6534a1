"""Zip archives written byte by byte, so that every field can lie."""

from __future__ import annotations

import pickle
import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

STATE: dict[str, Any] = {"epoch": 3, "global_step": 70, "hyper_parameters": {"lr": 0.5}}


@dataclass(frozen=True)
class Part:
    """One entry; whatever is None is told truthfully."""

    name: bytes
    data: bytes
    method: int = 0
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    compressed: int | None = None
    offset: int | None = None
    local_name: bytes | None = None
    extra: bytes = b""


@dataclass(frozen=True)
class Ending:
    """The end record; whatever is None is told truthfully."""

    comment: bytes = b""
    count: int | None = None
    directory_size: int | None = None
    directory_offset: int | None = None
    comment_length: int | None = None
    disk: int = 0
    zip64: dict[str, int] | None = field(default=None)
    """With a zip64 record: what it says instead of the truth."""


def given(value: int | None, truth: int) -> int:
    return truth if value is None else value


def archive(*parts: Part, ending: Ending | None = None) -> bytes:
    """Return the bytes of an archive of these parts."""
    ending = ending or Ending()
    body, central = b"", b""
    for part in parts:
        stored = part.data
        if part.method == 8:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            stored = packer.compress(part.data) + packer.flush()
        crc = given(part.crc, zlib.crc32(part.data))
        sizes = given(part.compressed, len(stored)), given(part.size, len(part.data))
        offset = given(part.offset, len(body))
        name = part.name if part.local_name is None else part.local_name
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, part.flags, part.method, 0, 0, crc, *sizes, len(name), 0)
        body += name + stored
        central += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 20, 20, part.flags, part.method, 0, 0, crc, *sizes, len(part.name),
            len(part.extra), 0, 0, 0, 0, offset,
        ) + part.name + part.extra  # fmt: skip
    return body + central + end(len(parts), len(central), len(body), ending)


def end(count: int, size: int, offset: int, ending: Ending) -> bytes:
    """Return end records for a directory of `count` entries and `size` bytes at `offset`."""
    record = b""
    if ending.zip64 is not None:
        told = {"count": count, "size": size, "offset": offset} | ending.zip64
        record = struct.pack(
            "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, told["count"], told["count"], told["size"], told["offset"]
        )
        record += struct.pack("<4sLQL", b"PK\6\7", 0, told.get("at", offset + size), 1)
    count, size = given(ending.count, count), given(ending.directory_size, size)
    offset, length = given(ending.directory_offset, offset), given(ending.comment_length, len(ending.comment))
    record += struct.pack("<4s4H2LH", b"PK\5\6", ending.disk, 0, count, count, size, offset, length)
    return record + ending.comment


def state(**changes: Any) -> bytes:
    """Return the pickle of a small training state."""
    return pickle.dumps(STATE | changes, protocol=2)


def parts(**changes: Any) -> list[Part]:
    """Return the entries of a small torch archive; `changes` are those of its pickle's entry."""
    return [replace(Part(b"archive/data.pkl", state()), **changes), Part(b"archive/version", b"3\n")]
