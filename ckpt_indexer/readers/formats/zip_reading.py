"""Bounded reading of single entries of a zip archive. Never extracts anything.

As in PyTorch's reader, the method and the sizes are those of the central directory (`zip_directory`).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from ckpt_indexer.errors import CorruptCheckpoint
from ckpt_indexer.readers.formats.zip_directory import LOCAL, shown

if TYPE_CHECKING:
    from ckpt_indexer.readers.formats.zip_directory import Entry
    from ckpt_indexer.readers.opening import OpenFile

MAGIC = b"PK\x03\x04"
_PADDING = 68
"""Bytes of the extra field by which torch aligns an entry's bytes to 64, at most."""
_STORED, _DEFLATED = 0, 8


def read_entry(file: OpenFile, entry: Entry, limit: int, problems: list[tuple[str, str]]) -> bytes:
    """Return the content of an entry, at most `limit` bytes of it whatever it claims to have.

    What is odd but harmless (CRC, names, sizes, encryption) is added to `problems`.

    Raises:
        CorruptCheckpoint: it lies outside of the file, is compressed by another method, or its stream is broken
            before anything came out.
    """
    start = data_offset(file, entry, problems)
    if entry.encrypted:
        problems.append(("encrypted", f"{shown(entry.name)} is marked as encrypted; it is read as it is"))
    if entry.method == _STORED:
        data = file.read(start, min(entry.size, entry.compressed, limit))
    elif entry.method == _DEFLATED:
        data = _inflated(file, entry, start, limit, problems)
    else:
        message = f"{shown(entry.name)} is compressed by method {entry.method}, which no checkpoint uses"
        raise CorruptCheckpoint(message, path=file.path, reason="method")
    if len(data) < min(entry.size, limit):
        problems.append(("truncated", f"{shown(entry.name)} has {len(data)} bytes, not {entry.size}"))
    elif len(data) == entry.size and entry.crc and zlib.crc32(data) != entry.crc:  # 0: written without sums
        problems.append(("crc_mismatch", f"{shown(entry.name)} does not match its CRC"))
    return data


def data_offset(
    file: OpenFile, entry: Entry, problems: list[tuple[str, str]] | None = None, *, window: bytes = b""
) -> int:
    """Return where an entry's bytes begin in the file; a local name other than the central one is a problem.

    `window` are bytes of the file from the entry on, where they have been read already.

    Raises:
        CorruptCheckpoint: there is no local header, or the bytes lie outside of the file.
    """
    header = window or file.read(entry.offset, LOCAL.size + len(entry.name))
    if len(header) < LOCAL.size or not header.startswith(MAGIC):
        message = f"{shown(entry.name)} is not where the zip directory says"
        raise CorruptCheckpoint(message, path=file.path, reason="local_header")
    *_, name_length, extra_length = LOCAL.unpack_from(header)
    name = header[LOCAL.size : LOCAL.size + name_length]
    if problems is not None and (name != entry.name or name_length != len(entry.name)):
        message = f"{shown(entry.name)} has another name, {shown(name)}, where its bytes are"
        problems.append(("suspicious", message))
    start = entry.offset + LOCAL.size + int(name_length) + int(extra_length)
    if start + entry.compressed > file.size:
        message = f"{shown(entry.name)} goes beyond the end of the file"
        raise CorruptCheckpoint(message, path=file.path, reason="truncated")
    return start


def read_part(file: OpenFile, entry: Entry, offset: int, count: int) -> bytes:
    """Return a few bytes of a stored entry; one read fetches its local header and what lies right behind it.

    Raises: as `data_offset`.
    """
    guess = LOCAL.size + len(entry.name) + _PADDING
    window = file.read(entry.offset, guess + offset + count) if offset < _PADDING else b""
    begins = data_offset(file, entry, window=window) + offset
    found = window[begins - entry.offset :][:count]
    return found if len(found) == count else file.read(begins, count)


def first_local(file: OpenFile) -> tuple[bytes, int, int] | None:
    """Return (name, method, offset of its bytes) of the entry the file begins with; None when it begins with none.

    For archives whose end is missing: an entry's size may not be known then.
    """
    if not file.head.startswith(MAGIC) or len(file.head) < LOCAL.size:
        return None
    _, _, _, method, *_, name_length, extra_length = LOCAL.unpack_from(file.head)
    name = file.head[LOCAL.size : LOCAL.size + name_length]
    return name, int(method), LOCAL.size + int(name_length) + int(extra_length)


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
