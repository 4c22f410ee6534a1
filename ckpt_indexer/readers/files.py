"""One file to its contents: the format by its bytes, the reader for it. The list of formats is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.errors import ReaderError
from ckpt_indexer.readers.contents import Contents, note, note_error
from ckpt_indexer.readers.detect import Bytes, detect, foreign, mismatch
from ckpt_indexer.readers.formats import gguf, keras, onnx, safetensors, torch_legacy, torch_tar, torch_zip
from ckpt_indexer.readers.formats.zip_directory import read_archive
from ckpt_indexer.readers.formats.zip_reading import first_local
from ckpt_indexer.readers.header import Header

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.readers.opening import OpenFile

_UNKNOWN = "no format that is read here"


def read(file: OpenFile, beside: Callable[[str], int | None], *, full: bool) -> Contents:
    """Return what a file holds; whatever is wrong with it is a problem in the header.

    `beside` gives the size of a file named relative to this one, None when it is absent. Without `full` no samples of
    tensors are read, so there is no identity where a format has no sums.
    """
    contents = _read(file, detect(file.head, file.name), beside, full=full)
    header = contents.header
    if header.format == "unknown" and not any(kind == "unknown_format" for kind, _ in header.problems):
        note(header, "unknown_format", foreign(file.head) or _UNKNOWN)
    said = mismatch(header.format, file.name)
    if said is not None:
        note(header, "suffix_mismatch", said)
    return contents


def _read(file: OpenFile, found: Bytes, beside: Callable[[str], int | None], *, full: bool) -> Contents:
    if found is Bytes.ZIP:
        return _read_zip(file, full=full)
    if found is Bytes.SAFETENSORS:
        return safetensors.read(file, full=full)
    if found is Bytes.TAR:
        return torch_tar.read(file, full=full)
    if found is Bytes.PICKLE:
        return torch_legacy.read(file, full=full)
    if found is Bytes.ONNX:
        return onnx.read(file, beside, full=full)
    if found is Bytes.GGUF:
        return gguf.read(file, full=full)
    header = Header("unknown")
    if found is Bytes.EMPTY:
        header.complete = False
        note(header, "truncated", "the file is empty")
        note(header, "unknown_format", "an empty file has no format")
    return Contents(header)


def _read_zip(file: OpenFile, *, full: bool) -> Contents:
    try:
        archive = read_archive(file)
    except ReaderError as error:
        return _salvage_zip(file, error)
    found = torch_zip.find_pickles(archive)
    if found:
        return torch_zip.read(file, archive, found, full=full)
    if keras.is_keras(archive):
        return keras.read(file, archive)
    header = Header("unknown")
    for kind, message in archive.problems:
        note(header, kind, message)
    note(header, "unknown_format", "a zip archive without the pickle of torch or the documents of Keras")
    return Contents(header)


def _salvage_zip(file: OpenFile, error: ReaderError) -> Contents:
    """Return what a zip archive without a usable directory still tells, by its first entry, else by its suffix."""
    first = first_local(file)
    name = b"" if first is None else first[0]
    if name.endswith((b".pkl", b"/version")) or not file.name.endswith(".keras"):
        return torch_zip.salvage(file, error)
    header = Header("keras")
    note_error(header, error)
    return Contents(header)
