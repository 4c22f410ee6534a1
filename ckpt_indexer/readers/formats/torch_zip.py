"""The zip archives of `torch.save` and `torch.jit.save`: their pickle, their small records, sums of their storages.

One folder holds everything: `data.pkl`, `data/<key>` per storage, `byteorder`, `version`; TorchScript adds `code/` and
`constants.pkl` (https://github.com/pytorch/pytorch/blob/v2.6.0/torch/serialization.py#L1113). Tensors are never read.
"""

from __future__ import annotations

import struct
from operator import add
from typing import TYPE_CHECKING

from ckpt_indexer.errors import ReaderError
from ckpt_indexer.readers import identity, pickles
from ckpt_indexer.readers.contents import Contents, add_text, note, note_error
from ckpt_indexer.readers.formats.storages import Scalars
from ckpt_indexer.readers.formats.zip_directory import Folder
from ckpt_indexer.readers.formats.zip_reading import data_offset, first_local, read_entry, read_part
from ckpt_indexer.readers.header import Header
from ckpt_indexer.readers.modules import attribute_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.readers.formats.zip_directory import Archive, Entry
    from ckpt_indexer.readers.opening import OpenFile

PICKLE = b"data.pkl"
NEWEST_VERSION = 10
"""https://github.com/pytorch/pytorch/blob/v2.6.0/caffe2/serialize/versions.h"""
_VERSIONS = (b"version", b".format_version")
_RECORD_BYTES = 64
_SUM = struct.Struct("<LQ").pack
_EXTRA = b"extra/"
"""Files that a caller of `torch.jit.save` gave along."""
_MAX_EXTRA = 16
_MAX_EXTRA_BYTES = 4096
_COMPRESSED_SCALAR_BYTES = 1 << 20
_MAX_WITHOUT_SUMS = 20_000
"""Entries written without a CRC of which samples are taken."""


def find_pickles(archive: Archive) -> list[Entry]:
    """Return the entries torch might load, the one to read first; empty for an archive that is none of torch.

    That one is the first `data.pkl` in the folder of the archive's first entry, else in any. Of several, torch takes
    the one its binary search meets, which depends on the other entries; hence the problem.
    """
    found = [archive.entry(at) for at, name in enumerate(archive.columns.names) if _is_pickle(name)]
    folder = _folder(archive)
    return sorted(found, key=lambda entry: not entry.name.startswith(folder))


def read(file: OpenFile, archive: Archive, found: Sequence[Entry], *, full: bool) -> Contents:
    """Return what the archive holds; `found` is what `find_pickles` gave. What is wrong with it is in the header."""
    header, pickle = Header("torch_zip", complete=True), found[0]
    for kind, message in archive.problems:
        note(header, kind, message)
    if len(found) > 1:
        note(
            header, "duplicate_entry", f"{len(found)} entries are its pickle; the first is read, torch may load another"
        )
    if not pickle.name.startswith(_folder(archive)):
        note(header, "suspicious", "its pickle is not in the folder of its first entry; torch does not load it")
    entries = Folder(archive, pickle.name[: -len(PICKLE)])
    _check_extent(header, file, archive)
    has_code = b"code/" in archive.directory and any(name.startswith(b"code/") for name in entries)
    if b"constants.pkl" in entries or has_code:
        header.format = "torchscript"
        _read_extra(header, file, entries)
    sums = _Sums(file, header, entries, sample=full)
    contents = Contents(header, mark=sums.storage)
    _read_pickle(contents, file, pickle, entries)
    header.content_id = identity.content_id("zip", sums.everything()) if header.complete else None
    return contents


def salvage(file: OpenFile, error: ReaderError) -> Contents:
    """Return what an archive without a usable directory still tells: its first entry is the pickle."""
    header = Header("torch_zip")
    note_error(header, error)
    contents = Contents(header)
    first = first_local(file)
    if first is None or not _is_pickle(first[0]) or first[1] != 0:
        return contents
    pickled = pickles.run_stream(file, first[2], pickles.Budget())
    contents.root = pickles.plain(pickled, header)
    return contents


def _read_pickle(contents: Contents, file: OpenFile, pickle: Entry, entries: Folder) -> None:
    header, odd = contents.header, list[tuple[str, str]]()
    limit, run = pickles.MAX_PICKLE_BYTES, pickles.run
    try:
        big_endian = _is_big_endian(header, file, entries)
        if pickle.size > limit:
            note(header, "limit", f"its pickle has {pickle.size} bytes; only the first are read")
            limit, run = pickles.FIRST_PART_BYTES, pickles.run_first_part
        data = read_entry(file, pickle, limit, odd)
    except ReaderError as error:
        note_error(header, error)
        return
    finally:
        for kind, message in odd:
            note(header, kind, message)
            header.complete = False if kind == "truncated" else header.complete
    scalars = Scalars(_storage_reader(file, entries), big_endian=big_endian)
    root = pickles.plain(run(data, pickles.Budget()), header, scalars)
    if header.format == "torchscript":
        contents.root = attribute_tensors(root)
        return
    pickles.note_root(header, root)
    contents.root = root


def _is_pickle(name: bytes) -> bool:
    """Tell whether an entry is a pickle directly in its folder; miniz finds names whatever their case."""
    return name[-9:].lower() == b"/data.pkl" and name.count(b"/") == 1


def _folder(archive: Archive) -> bytes:
    """Return the folder of the first entry, with its slash."""
    names = archive.columns.names
    return names[0].partition(b"/")[0] + b"/" if names else b"/"


def _check_extent(header: Header, file: OpenFile, archive: Archive) -> None:
    """An entry beyond the end of the file means that bytes are missing, whatever the directory says."""
    ends = map(add, archive.columns.offsets, archive.columns.compressed)
    outside = sum(map(file.size.__lt__, ends))
    if outside:
        header.complete = False
        note(header, "truncated", f"{outside} entries lie beyond the end of the file")


def _is_big_endian(header: Header, file: OpenFile, entries: Folder) -> bool:
    """Tell how the archive's numbers are written; a version that no torch has written yet is a problem."""
    for name in _VERSIONS:
        text = _record(header, file, entries.get(name))
        if text.isdigit() and len(text) < _RECORD_BYTES and int(text) > NEWEST_VERSION:
            note(header, "unknown_version", f"version {text[:20]} of the format; what is known of it is read")
    return _record(header, file, entries.get(b"byteorder")) == "big"


def _record(header: Header, file: OpenFile, entry: Entry | None) -> str:
    """Return the text of a small record; empty when it is absent or damaged."""
    if entry is None:
        return ""
    try:
        return read_entry(file, entry, _RECORD_BYTES, []).decode("ascii", "replace").strip()
    except ReaderError as error:
        note(header, "corrupt", error.message)
        return ""


def _read_extra(header: Header, file: OpenFile, entries: Folder) -> None:
    names = [name for name in entries if name.startswith(_EXTRA) and len(name) > len(_EXTRA)]
    for name in names[:_MAX_EXTRA]:
        if entries[name].size > _MAX_EXTRA_BYTES:
            continue
        try:
            text = read_entry(file, entries[name], _MAX_EXTRA_BYTES, []).decode("utf-8")
        except (ReaderError, UnicodeDecodeError):  # it is free-form: absent beats half
            continue
        add_text(header, name[len(_EXTRA) :].decode("utf-8", "replace"), text)


def _storage_reader(file: OpenFile, entries: Folder) -> Callable[[str, int, int], bytes | None]:
    def read_storage(key: str, offset: int, count: int) -> bytes | None:
        entry = entries.get(b"data/" + key.encode("utf-8", "replace"))
        if entry is None or entry.size < offset + count:
            return None
        try:
            if entry.method:
                return read_entry(file, entry, _COMPRESSED_SCALAR_BYTES, [])[offset : offset + count]
            return read_part(file, entry, offset, count)
        except ReaderError:  # the value stays unknown; the directory's faults are noted elsewhere
            return None

    return read_storage


class _Sums:
    """What stands for the bytes of an archive's entries: CRC and size, or samples where it was written without CRC."""

    def __init__(self, file: OpenFile, header: Header, entries: Folder, *, sample: bool) -> None:
        self._file = file
        self._header = header
        self._entries = entries
        self._sample = sample
        crcs, sizes = entries.column("crcs"), entries.column("sizes")
        self._marks: dict[bytes, bytes] = dict(zip(entries, map(_SUM, crcs, sizes), strict=True))
        self._without: list[bytes] = []
        if 0 in crcs:
            self._without = [name for name, crc, size in zip(entries, crcs, sizes, strict=True) if size and not crc]
        """Entries written without a CRC: their marks are made of samples when somebody asks."""

    def storage(self, key: str) -> bytes | None:
        """Return the mark of one storage; None when there is none. One that the archive does not hold is a problem."""
        name = b"data/" + key.encode("utf-8", "replace")
        if self._without:
            self._take_samples()
        mark = self._marks.get(name)
        if mark is None and name not in self._entries:
            self._header.complete = False
            note(self._header, "missing_part", f"the bytes of a tensor, storage {key[:80]!r}")
        return mark

    def everything(self) -> list[bytes] | None:
        """Return names and marks of all entries; None when that would take samples and none are wanted."""
        if self._without:
            self._take_samples()
        if len(self._marks) < len(self._entries):
            return None
        return [b"\0".join(self._entries), *self._marks.values()]

    def _take_samples(self) -> None:
        """Replace the marks that say nothing by digests of samples; without samples there are none."""
        wanted, self._without = self._without, []
        for name, mark in zip(wanted, self._sampled(wanted), strict=True):
            if mark is None:
                del self._marks[name]
            else:
                self._marks[name] = mark

    def _sampled(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        nothing = [None] * len(names)
        if not self._sample or len(names) > _MAX_WITHOUT_SUMS:
            return nothing
        entries = [self._entries[name] for name in names]
        try:
            extents = [identity.Extent(data_offset(self._file, entry), entry.compressed) for entry in entries]
        except ReaderError:  # a damaged archive has no identity
            return nothing
        return identity.sampled(self._file, extents) or nothing
