"""GGUF: key-value pairs, then names and shapes of tensors, then their bytes, which are never read.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 2 and 3, both byte orders.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded, ReaderError
from ckpt_indexer.readers import identity
from ckpt_indexer.readers.contents import MAX_TEXT, Contents, add_text, note, note_error
from ckpt_indexer.readers.cursor import Cursor
from ckpt_indexer.readers.header import Header

if TYPE_CHECKING:
    from ckpt_indexer.readers.opening import OpenFile

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_PAIRS = 10_000
MAX_TENSORS = 100_000
MAX_ELEMENTS = 2_000_000
"""Elements of all arrays together; a tokenizer has some hundred thousand."""
MAX_KEY_BYTES = 65_535
MAX_DIMENSIONS = 8
_DEFAULT_ALIGNMENT = 32
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Number of a value type -> its layout."""
_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("float32", 1, 4), 1: ("float16", 1, 2), 2: ("q4_0", 32, 18), 3: ("q4_1", 32, 20), 6: ("q5_0", 32, 22),
    7: ("q5_1", 32, 24), 8: ("q8_0", 32, 34), 9: ("q8_1", 32, 36), 10: ("q2_k", 256, 84), 11: ("q3_k", 256, 110),
    12: ("q4_k", 256, 144), 13: ("q5_k", 256, 176), 14: ("q6_k", 256, 210), 15: ("q8_k", 256, 292),
    16: ("iq2_xxs", 256, 66), 17: ("iq2_xs", 256, 74), 18: ("iq3_xxs", 256, 98), 19: ("iq1_s", 256, 50),
    20: ("iq4_nl", 32, 18), 21: ("iq3_s", 256, 110), 22: ("iq2_s", 256, 82), 23: ("iq4_xs", 256, 136),
    24: ("int8", 1, 1), 25: ("int16", 1, 2), 26: ("int32", 1, 4), 27: ("int64", 1, 8), 28: ("float64", 1, 8),
    29: ("iq1_m", 256, 56), 30: ("bfloat16", 1, 2), 34: ("tq1_0", 256, 54), 35: ("tq2_0", 256, 66),
    39: ("mxfp4", 32, 17),
}  # fmt: skip
"""Number of a tensor type -> (name, elements of a block, bytes of a block)."""


@dataclass(slots=True)
class _Walk:
    """A header being walked."""

    cursor: Cursor
    order: str
    """`<` or `>`."""
    elements: int = 0
    """Array elements passed so far."""

    def number(self, layout: str) -> int:
        """Return the next number of a `struct` layout."""
        return self.cursor.unpack(struct.Struct(self.order + layout))[0]

    def text(self, limit: int) -> str:
        """Return the next string, cut to `limit` bytes."""
        length = self.number("Q")
        kept = self.cursor.take(min(length, limit))
        self.skip(length - len(kept))
        return kept.decode("utf-8", "replace")

    def skip(self, count: int) -> None:
        """Pass bytes that must be there."""
        if count > self.cursor.left:
            raise CorruptCheckpoint("the file ends within its header", reason="truncated")
        self.cursor.skip(count)


def read(file: OpenFile, *, full: bool) -> Contents:
    """Return what the header says: its pairs as metadata, architecture, tensors and parameters."""
    header = Header("gguf", complete=True)
    try:
        end = _read(file, header)
    except ReaderError as error:
        note_error(header, error)
        return Contents(header, weights_only=True)
    if end > file.size:
        header.complete = False
        note(header, "truncated", f"{end - file.size} bytes are missing at its end")
    elif full:
        header.content_id = identity.content_id("gguf", identity.whole(file))
    return Contents(header, weights_only=True)


def _read(file: OpenFile, header: Header) -> int:
    """Fill the header; return where the file should end."""
    order = ">" if file.read(len(MAGIC), 2) == b"\0\0" else "<"  # of a small version number
    walk = _Walk(Cursor(file, at=len(MAGIC)), order)
    version = walk.number("I")
    if version not in VERSIONS:
        header.complete = None
        note(header, "unknown_version", f"version {version} of the format, which is not read")
        return 0
    tensors, pairs = walk.number("Q"), walk.number("Q")
    if pairs > MAX_PAIRS or tensors > MAX_TENSORS:
        raise LimitExceeded(f"a header of {pairs} pairs and {tensors} tensors", path=file.path, limit=MAX_TENSORS)
    alignment = _read_pairs(walk, header, pairs)
    ends = _read_tensors(walk, header, tensors)
    begins = -(-walk.cursor.at // alignment) * alignment
    return begins + ends if tensors else 0


def _read_pairs(walk: _Walk, header: Header, count: int) -> int:
    """Keep scalar pairs as text; return the alignment of the tensors."""
    alignment = _DEFAULT_ALIGNMENT
    seen: set[str] = set()
    for _ in range(count):
        key, kind = walk.text(MAX_KEY_BYTES), walk.number("I")
        if key in seen:
            note(header, "duplicate_entry", f"the key {key[:80]!r} twice; the first is read")
        value = _value(walk, kind)
        if value is None or key in seen:
            continue
        seen.add(key)
        add_text(header, key, str(value))
        if key == "general.alignment" and type(value) is int and 0 < value < 1 << 32:
            alignment = value
        if key == "general.architecture" and isinstance(value, str) and value:
            header.facts["architecture"] = value
    return alignment


def _value(walk: _Walk, kind: int) -> str | int | float | bool | None:
    """Return a scalar value; None for an array, which is passed."""
    if kind == _STRING:
        return walk.text(MAX_TEXT)
    if kind != _ARRAY:
        return walk.number(_layout(kind))
    kind, length = walk.number("I"), walk.number("Q")
    walk.elements += length
    if walk.elements > MAX_ELEMENTS:
        raise LimitExceeded(f"arrays of more than {MAX_ELEMENTS} values in its header", limit=MAX_ELEMENTS)
    if kind == _ARRAY:
        raise CorruptCheckpoint("an array of arrays, which no writer makes", reason="nested")
    if kind == _STRING:
        size = struct.Struct(walk.order + "Q")
        for _ in range(length):
            walk.skip(walk.cursor.unpack(size)[0])
    else:
        walk.skip(length * struct.calcsize("=" + _layout(kind)))
    return None


def _layout(kind: int) -> str:
    layout = _SCALARS.get(kind)
    if layout is None:
        raise CorruptCheckpoint(f"a value of the unknown type {kind}", reason="type")
    return layout


def _read_tensors(walk: _Walk, header: Header, count: int) -> int:
    """Count the tensors; return where the bytes of the last end, from the first byte of all tensors."""
    parameters, ends = 0, 0
    for _ in range(count):
        walk.text(MAX_KEY_BYTES)
        dimensions = walk.number("I")
        if dimensions > MAX_DIMENSIONS:
            raise CorruptCheckpoint(f"a tensor of {dimensions} dimensions", reason="dimensions")
        numel = math.prod(walk.number("Q") for _ in range(dimensions))
        kind, offset = walk.number("I"), walk.number("Q")
        name, block, size = _TYPES.get(kind, (f"type_{kind}", 1, 0))
        if not size:
            note(header, "corrupt", f"a tensor of the unknown type {kind}")
        parameters += numel
        header.dtypes[name] = header.dtypes.get(name, 0) + numel
        ends = max(ends, offset + -(-numel // block) * size)
    header.tensors = count
    if parameters < 1 << 63:
        header.facts["num_parameters"] = parameters
    else:
        header.dtypes = {}
        note(header, "corrupt", "more parameters than any model has")
    return ends
