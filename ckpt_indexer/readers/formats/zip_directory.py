"""The central directory of a zip archive, bounded and in columns: an archive of torch has a record for every tensor.

Where archives are ambiguous, what PyTorch's reader (miniz) does is done here: the last end record counts, a zip64
record counts whenever its locator is there, offsets are counted from the first byte of the file, and the method and
the sizes are those of the central directory (https://github.com/pytorch/pytorch/blob/v2.6.0/third_party/miniz-3.0.2).
The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import add, gt
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ckpt_indexer.readers.opening import OpenFile

MAX_DIRECTORY_BYTES = 32 << 20
MAX_ENTRIES = 200_000
LOCAL = struct.Struct("<4s5H3L2H")
"""The header before an entry's bytes."""

_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MAGIC = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_MAGIC = b"PK\x06\x06"
_CENTRAL = "<4s4x2H4x3L3H8xL"
"""Magic, flags, method, CRC, compressed size, size, lengths of name, extra field and comment, offset of the entry."""
_CENTRAL_BYTES = struct.calcsize(_CENTRAL)
_LENGTHS = struct.Struct("<28x3H")
"""Those of name, extra field and comment alone."""
_CENTRAL_MAGIC = b"PK\x01\x02"
_MAX_COMMENT = 0xFFFF
_TAIL_BYTES = 4096
_FULL = 0xFFFFFFFF
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


class Columns(NamedTuple):
    """All records of a central directory, in its order, a sequence for each field of `Entry`."""

    names: tuple[bytes, ...]
    methods: tuple[int, ...]
    flags: tuple[int, ...]
    crcs: tuple[int, ...]
    compressed: tuple[int, ...]
    sizes: tuple[int, ...]
    offsets: tuple[int, ...]


@dataclass(slots=True)
class Archive:
    """A central directory."""

    columns: Columns
    directory: bytes
    """The bytes of the central directory."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """What is odd about it: (kind, message)."""

    def entry(self, at: int) -> Entry:
        """Return one record, counted from 0."""
        names, methods, flags, crcs, compressed, sizes, offsets = self.columns
        encrypted = flags[at] & _ENCRYPTED != 0
        return Entry(names[at], methods[at], encrypted, crcs[at], compressed[at], sizes[at], offsets[at])

    @property
    def entries(self) -> list[Entry]:
        """All records."""
        return [self.entry(at) for at in range(len(self.columns.names))]


class Folder(Mapping[bytes, Entry]):
    """The records whose names begin with that of a folder, by the rest of their names; the first of a name counts."""

    def __init__(self, archive: Archive, folder: bytes) -> None:
        self._archive = archive
        names = archive.columns.names
        inside = [at for at, name in enumerate(names) if name.startswith(folder)]
        self._at = dict(zip([names[at][len(folder) :] for at in inside], inside, strict=True))
        if len(self._at) < len(inside):
            for at in reversed(inside):
                self._at[names[at][len(folder) :]] = at

    def __getitem__(self, name: bytes) -> Entry:
        return self._archive.entry(self._at[name])

    def __contains__(self, name: object) -> bool:
        return name in self._at

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)

    def column(self, name: str) -> Sequence[int]:
        """Return one field of `Columns` for all records here, in order."""
        column: tuple[int, ...] = getattr(self._archive.columns, name)
        return column if len(self._at) == len(column) else [column[at] for at in self._at.values()]


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
    if end.directory_offset + end.directory_size > end.at or end.entries * _CENTRAL_BYTES > end.directory_size:
        raise CorruptCheckpoint("the zip directory lies outside of the file", path=file.path, reason="directory")
    if end.directory_offset + end.directory_size < end.at:
        problems.append(("suspicious", "unused bytes between the zip directory and its end record"))
    directory = file.read(end.directory_offset, end.directory_size)
    if len(directory) < end.directory_size:
        raise CorruptCheckpoint("the file became shorter while it was read", path=file.path, reason="truncated")
    columns = _columns(directory, end.entries, file.path)
    problems += _oddities(columns, end.directory_offset)
    return Archive(columns, directory, problems)


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


def _columns(directory: bytes, count: int, path: str) -> Columns:
    rows = _rows(directory, count, path)
    if not rows:
        return Columns((), (), (), (), (), (), ())
    magics, flags, methods, crcs, compressed, sizes, _, _, _, offsets, names, extras = zip(*rows, strict=True)
    if set(magics) != {_CENTRAL_MAGIC}:
        raise CorruptCheckpoint("the zip directory is damaged", path=path, reason="directory")
    if _FULL in compressed or _FULL in sizes or _FULL in offsets:
        large = list(map(_zip64, extras, zip(sizes, compressed, offsets, strict=True)))
        if None in large:
            raise CorruptCheckpoint("a zip64 entry without its sizes", path=path, reason="directory")
        sizes, compressed, offsets = zip(*large, strict=True)
    return Columns(names, methods, flags, crcs, compressed, sizes, offsets)


def _rows(directory: bytes, count: int, path: str) -> list[tuple[Any, ...]]:  # as struct gives them
    """Return the records one by one; those that follow each other with texts of the same lengths are cut at once."""
    rows: list[tuple[Any, ...]] = []  # as struct gives them
    view, at = memoryview(directory), 0
    while len(rows) < count:
        if at + _CENTRAL_BYTES > len(directory):
            raise CorruptCheckpoint("the zip directory is damaged", path=path, reason="directory")
        lengths = _LENGTHS.unpack_from(directory, at)
        record = _record(*lengths)
        fitting = min(count - len(rows), (len(directory) - at) // record.size)
        if not fitting:
            raise CorruptCheckpoint("the zip directory is damaged", path=path, reason="directory")
        for row in record.iter_unpack(view[at : at + fitting * record.size]):
            if row[6:9] != lengths:
                break
            rows.append(row)
            at += record.size
    return rows


@lru_cache
def _record(name: int, extra: int, comment: int) -> struct.Struct:
    """Return the layout of a record with texts of these lengths, its name and its extra field at the end."""
    return struct.Struct(f"{_CENTRAL}{name}s{extra}s{comment}x")


def _zip64(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Return (size, compressed size, offset) with those that do not fit 32 bits taken from the extra field; None when
    they are not there."""
    if _FULL not in values:
        return values
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64:
            numbers = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            size, compressed, offset = (next(numbers, None) if value == _FULL else value for value in values)
            return None if size is None or compressed is None or offset is None else (size, compressed, offset)
        at += 4 + length
    return None


def _oddities(columns: Columns, directory_offset: int) -> list[tuple[str, str]]:
    """Return what a careful writer would never produce."""
    problems = []
    names = columns.names
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        problems.append(("duplicate_entry", f"several zip entries are named {shown(twice)}; the first counts"))
    joined = b"/".join(names)
    if b".." in joined or b"//" in joined or joined[:1] == b"/" or b"\\" in joined or b"\0" in joined:
        problems.append(("suspicious", "names of zip entries that point out of the archive; nothing is extracted"))
    extents = sorted(zip(columns.offsets, map(add, columns.offsets, columns.compressed), strict=True))
    starts = [*[start - LOCAL.size for start, _ in extents[1:]], directory_offset - LOCAL.size]
    if any(map(gt, [end for _, end in extents], starts)):
        problems.append(("suspicious", "zip entries that overlap"))
    return problems


def shown(name: bytes) -> str:
    """Return the name of an entry as people read it."""
    return repr(name[:80].decode("utf-8", "replace"))
