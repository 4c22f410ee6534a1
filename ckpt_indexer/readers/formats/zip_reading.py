"""Bounded reading of zip archives: the end record, the central directory, single entries. Never extracts anything.

Where archives are ambiguous, what PyTorch's reader (miniz) does is done here: the last end record counts, a zip64
record counts whenever its locator is there, offsets are counted from the first byte of the file, and the method and
the sizes are those of the central directory (https://github.com/pytorch/pytorch/blob/v2.6.0/third_party/miniz-3.0.2).
The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field
from operator import gt
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded

if TYPE_CHECKING:
    from ckpt_indexer.readers.opening import OpenFile

MAGIC = b"PK\x03\x04"
MAX_DIRECTORY_BYTES = 32 << 20
MAX_ENTRIES = 200_000

_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MAGIC = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_MAGIC = b"PK\x06\x06"
_CENTRAL = struct.Struct("<4s4x2H4x3L3H8xL")
"""Magic, flags, method, CRC, compressed size, size, lengths of name, extra field and comment, offset of the entry."""
_CENTRAL_MAGIC = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX_COMMENT = 0xFFFF
_PADDING = 68
"""Bytes of the extra field by which torch aligns an entry's bytes to 64, at most."""
_TAIL_BYTES = 4096
_FULL = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40
_ZIP64 = 1


class Entry(NamedTuple):
    """One record of the central directory."""

    name: bytes
    """As it is there: never a path to open."""
    method: int
    encrypted: bool
    crc: int
    compressed: int
    """Bytes it takes in the file."""
    size: int
    """Bytes it claims to have uncompressed."""
    offset: int
    """Of its local header in the file."""


@dataclass(slots=True)
class Archive:
    """A central directory."""

    entries: list[Entry]
    directory: bytes
    """The bytes of the central directory."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """What is odd about it: (kind, message)."""


class _End(NamedTuple):
    """What an end record says."""

    entries: int
    directory_size: int
    directory_offset: int
    at: int
    """Where the central directory must end: offset of the (zip64) end record."""


def read_archive(file: OpenFile) -> Archive:
    """Return the central directory of a zip archive.

    Raises:
        CorruptCheckpoint: there is none (`reason="truncated"`: the end is missing), or it breaks the format.
        LimitExceeded: it is larger than any checkpoint's.
    """
    problems: list[tuple[str, str]] = []
    end = _end(file, problems)
    if end.directory_size > MAX_DIRECTORY_BYTES or end.entries > MAX_ENTRIES:
        message = f"a zip directory of {end.entries} entries and {end.directory_size} bytes"
        raise LimitExceeded(message, path=file.path, limit=MAX_ENTRIES)
    if end.directory_offset + end.directory_size > end.at or end.entries * _CENTRAL.size > end.directory_size:
        raise CorruptCheckpoint("the zip directory lies outside of the file", path=file.path, reason="directory")
    if end.directory_offset + end.directory_size < end.at:
        problems.append(("suspicious", "unused bytes between the zip directory and its end record"))
    directory = file.read(end.directory_offset, end.directory_size)
    if len(directory) < end.directory_size:
        raise CorruptCheckpoint("the file became shorter while it was read", path=file.path, reason="truncated")
    entries = _entries(directory, end.entries, file.path)
    problems += _oddities(entries, end.directory_offset)
    return Archive(entries, directory, problems)


def read_entry(file: OpenFile, entry: Entry, limit: int, problems: list[tuple[str, str]]) -> bytes:
    """Return the content of an entry, at most `limit` bytes of it whatever it claims to have.

    What is odd but harmless (CRC, names, sizes, encryption) is added to `problems`.

    Raises:
        CorruptCheckpoint: it lies outside of the file, is compressed by another method, or its stream is broken
            before anything came out.
    """
    start = data_offset(file, entry, problems)
    if entry.encrypted:
        problems.append(("encrypted", f"{_shown(entry.name)} is marked as encrypted; it is read as it is"))
    if entry.method == _STORED:
        data = file.read(start, min(entry.size, entry.compressed, limit))
    elif entry.method == _DEFLATED:
        data = _inflated(file, entry, start, limit, problems)
    else:
        message = f"{_shown(entry.name)} is compressed by method {entry.method}, which no checkpoint uses"
        raise CorruptCheckpoint(message, path=file.path, reason="method")
    if len(data) < min(entry.size, limit):
        problems.append(("truncated", f"{_shown(entry.name)} has {len(data)} bytes, not {entry.size}"))
    elif len(data) == entry.size and entry.crc and zlib.crc32(data) != entry.crc:  # 0: written without sums
        problems.append(("crc_mismatch", f"{_shown(entry.name)} does not match its CRC"))
    return data


def data_offset(
    file: OpenFile, entry: Entry, problems: list[tuple[str, str]] | None = None, *, window: bytes = b""
) -> int:
    """Return where an entry's bytes begin in the file; a local name other than the central one is a problem.

    `window` are bytes of the file from the entry on, where they have been read already.

    Raises:
        CorruptCheckpoint: there is no local header, or the bytes lie outside of the file.
    """
    header = window or file.read(entry.offset, _LOCAL.size + len(entry.name))
    if len(header) < _LOCAL.size or not header.startswith(MAGIC):
        message = f"{_shown(entry.name)} is not where the zip directory says"
        raise CorruptCheckpoint(message, path=file.path, reason="local_header")
    *_, name_length, extra_length = _LOCAL.unpack_from(header)
    name = header[_LOCAL.size : _LOCAL.size + name_length]
    if problems is not None and (name != entry.name or name_length != len(entry.name)):
        message = f"{_shown(entry.name)} has another name, {_shown(name)}, where its bytes are"
        problems.append(("suspicious", message))
    start = entry.offset + _LOCAL.size + int(name_length) + int(extra_length)
    if start + entry.compressed > file.size:
        message = f"{_shown(entry.name)} goes beyond the end of the file"
        raise CorruptCheckpoint(message, path=file.path, reason="truncated")
    return start


def read_part(file: OpenFile, entry: Entry, offset: int, count: int) -> bytes:
    """Return a few bytes of a stored entry; one read fetches its local header and what lies right behind it.

    Raises: as `data_offset`.
    """
    guess = _LOCAL.size + len(entry.name) + _PADDING
    window = file.read(entry.offset, guess + offset + count) if offset < _PADDING else b""
    begins = data_offset(file, entry, window=window) + offset
    found = window[begins - entry.offset :][:count]
    return found if len(found) == count else file.read(begins, count)


def first_local(file: OpenFile) -> tuple[bytes, int, int] | None:
    """Return (name, method, offset of its bytes) of the entry the file begins with; None when it begins with none.

    For archives whose end is missing: an entry's size may not be known then.
    """
    if not file.head.startswith(MAGIC) or len(file.head) < _LOCAL.size:
        return None
    _, _, _, method, *_, name_length, extra_length = _LOCAL.unpack_from(file.head)
    name = file.head[_LOCAL.size : _LOCAL.size + name_length]
    return name, int(method), _LOCAL.size + int(name_length) + int(extra_length)


def _end(file: OpenFile, problems: list[tuple[str, str]]) -> _End:
    at, found = _find_end(file)
    _, disk, directory_disk, entries_here, entries, size, offset, comment = _END.unpack(found)
    if at + _END.size + comment != file.size:
        problems.append(("suspicious", "bytes behind the end of the zip archive that its comment does not cover"))
    locator = file.read(at - _LOCATOR.size, _LOCATOR.size) if at >= _LOCATOR.size else b""
    if len(locator) == _LOCATOR.size and locator.startswith(_LOCATOR_MAGIC):
        _, _, at64, _ = _LOCATOR.unpack(locator)
        record = file.read(at64, _END64.size)
        if len(record) == _END64.size and record.startswith(_END64_MAGIC):
            _, _, _, _, disk, directory_disk, entries_here, entries, size, offset = _END64.unpack(record)
            at = min(at, at64)
    if disk or directory_disk or entries_here != entries:
        raise CorruptCheckpoint("a part of a zip archive in several parts", path=file.path, reason="parts")
    return _End(entries, size, offset, at)


def _find_end(file: OpenFile) -> tuple[int, bytes]:
    """Return offset and bytes of the last end record in the file."""
    for length in (_TAIL_BYTES, _END.size + _MAX_COMMENT):
        start = max(0, file.size - length)
        tail = file.read(start, length)
        found = tail.rfind(_END_MAGIC, 0, max(0, len(tail) - _END.size + len(_END_MAGIC)))
        if found >= 0:
            return start + found, tail[found : found + _END.size]
    message = "the end of the zip archive is missing; the file is cut off or still being written"
    raise CorruptCheckpoint(message, path=file.path, reason="truncated")


def _entries(directory: bytes, count: int, path: str) -> list[Entry]:
    entries, at, length = [], 0, len(directory)
    unpack, fixed, full = _CENTRAL.unpack_from, _CENTRAL.size, _FULL
    for _ in range(count):
        if at + fixed > length:
            raise CorruptCheckpoint("the zip directory is damaged", path=path, reason="directory")
        magic, flags, method, crc, compressed, size, name_length, extra_length, comment, offset = unpack(directory, at)
        extra = at + fixed + name_length
        name = directory[at + fixed : extra]
        at = extra + extra_length + comment
        if at > length or magic != _CENTRAL_MAGIC:
            raise CorruptCheckpoint("the zip directory is damaged", path=path, reason="directory")
        if compressed == full or size == full or offset == full:  # noqa: PLR1714  # no set is made for every entry
            large = _zip64(directory[extra : extra + extra_length], (size, compressed, offset))
            if large is None:
                raise CorruptCheckpoint("a zip64 entry without its sizes", path=path, reason="directory")
            size, compressed, offset = large
        entries.append(Entry(name, method, flags & _ENCRYPTED != 0, crc, compressed, size, offset))
    return entries


def _zip64(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Return (size, compressed size, offset) with those that do not fit 32 bits taken from the extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64:
            numbers = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            size, compressed, offset = (next(numbers, None) if value == _FULL else value for value in values)
            return None if size is None or compressed is None or offset is None else (size, compressed, offset)
        at += 4 + length
    return None


def _inflated(file: OpenFile, entry: Entry, start: int, limit: int, problems: list[tuple[str, str]]) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return stream.decompress(file.read(start, min(entry.compressed, limit)), min(entry.size, limit) or 1)
    except zlib.error as exc:
        return _salvaged(file.read(start, min(entry.compressed, limit)), limit, exc, problems, file.path)


def _salvaged(data: bytes, limit: int, broken: zlib.error, problems: list[tuple[str, str]], path: str) -> bytes:
    """Return what a deflate stream gives before it breaks, found by feeding it piece by piece."""
    stream, parts, total = zlib.decompressobj(-zlib.MAX_WBITS), [], 0
    for at in range(0, len(data), 64):
        try:
            part = stream.decompress(data[at : at + 64], limit - total)
        except zlib.error:
            break
        parts.append(part)
        total += len(part)
        if total >= limit:
            break
    if not total:
        raise CorruptCheckpoint(f"a broken deflate stream ({broken})", path=path, reason="deflate") from broken
    problems.append(("corrupt", f"a deflate stream that breaks after {total} bytes ({broken})"))
    return b"".join(parts)


def _oddities(entries: list[Entry], directory_offset: int) -> list[tuple[str, str]]:
    """Return what a careful writer would never produce."""
    problems = []
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        problems.append(("duplicate_entry", f"several zip entries are named {_shown(twice)}; the first counts"))
    joined = b"/".join(names)
    if b".." in joined or b"//" in joined or joined[:1] == b"/" or b"\\" in joined or b"\0" in joined:
        problems.append(("suspicious", "names of zip entries that point out of the archive; nothing is extracted"))
    extents = sorted([(entry.offset, entry.offset + _LOCAL.size + entry.compressed) for entry in entries])
    starts = [*[start for start, _ in extents[1:]], directory_offset]
    if any(map(gt, [end for _, end in extents], starts)):
        problems.append(("suspicious", "zip entries that overlap"))
    return problems


def _shown(name: bytes) -> str:
    return repr(name[:80].decode("utf-8", "replace"))
