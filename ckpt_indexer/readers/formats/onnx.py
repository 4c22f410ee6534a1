"""ONNX: a protobuf message walked field by field; the nodes of its graph and the bytes of its weights are skipped.

Field numbers: https://github.com/onnx/onnx/blob/v1.17.0/onnx/onnx.proto.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded, ReaderError
from ckpt_indexer.readers import identity
from ckpt_indexer.readers.contents import MAX_TEXT, Contents, add_text, note, note_error
from ckpt_indexer.readers.cursor import Cursor
from ckpt_indexer.readers.header import Header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckpt_indexer.readers.opening import OpenFile

MAX_FIELDS = 600_000
MAX_EXTERNAL = 1_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL = {1: _VARINT, 2: _BYTES, 3: _BYTES, 4: _BYTES, 5: _VARINT, 6: _BYTES, 7: _BYTES, 8: _BYTES, 14: _BYTES,
          20: _BYTES, 25: _BYTES, 26: _BYTES}  # fmt: skip
"""Fields of a model -> how they are written."""
_TEXTS = {2: "producer_name", 3: "producer_version", 4: "domain"}
_NUMBERS = {1: "ir_version", 5: "model_version"}
_GRAPH, _OPSET, _PROPERTY = 7, 8, 14
_GRAPH_NAME, _INITIALIZER = 2, 5
_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
    17: "float8_e4m3fn", 18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz", 21: "uint4", 22: "int4",
    23: "float4_e2m1",
}  # fmt: skip
_NOT_WEIGHTS = {"int64", "uint64", "string", "bool"}
"""Initializers of these are axes, shapes and names, not parameters."""


@dataclass(slots=True)
class _Walk:
    """A message being walked."""

    cursor: Cursor
    header: Header
    fields: int = 0
    parameters: int = 0
    external: set[str] = field(default_factory=set)
    """Files beside the model that hold weights, as it names them."""

    def message(self, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield (number, wire type, value) of each field up to `end`; for bytes the value is their length.

        Whoever takes a field of bytes must pass exactly those.
        """
        cursor = self.cursor
        while cursor.at < end:
            self.fields += 1
            if self.fields > MAX_FIELDS:
                raise LimitExceeded(f"more than {MAX_FIELDS} fields in its header", limit=MAX_FIELDS)
            number, wire = divmod(cursor.varint(), 8)
            if wire in (_VARINT, _BYTES):
                yield number, wire, cursor.varint()
            elif wire in (_FIXED64, _FIXED32):
                cursor.skip(8 if wire == _FIXED64 else 4)
            else:
                raise CorruptCheckpoint("no protobuf message of this format", reason="wire")
        if cursor.at > end:
            raise CorruptCheckpoint("a part goes beyond the whole it belongs to", reason="length")

    def text(self, length: int) -> str:
        """Return a field of bytes as text, cut to what is kept of a text."""
        kept = self.cursor.take(min(length, MAX_TEXT))
        self.cursor.skip(length - len(kept))
        return kept.decode("utf-8", "replace")

    def pair(self, length: int, texts: tuple[int, int]) -> dict[int, str]:
        """Return the fields of a small message by their numbers; numbers are given as text."""
        found: dict[int, str] = {}
        for number, wire, value in self.message(self.cursor.at + length):
            if wire == _BYTES and number in texts:
                found[number] = self.text(value)
            elif wire == _BYTES:
                self.cursor.skip(value)
            else:
                found[number] = str(value)
        return found


def looks_like(head: bytes, *, named: bool = False) -> bool:
    """Tell whether a file begins as a model does: its version, then another field. `named`: its suffix says so."""
    if len(head) < 4 or head[0] != 0x08 or head[1] > 0x3F:
        return False
    number, wire = divmod(head[2], 8)
    return named or (number > 1 and _MODEL.get(number) == wire)


def read(file: OpenFile, beside: Callable[[str], int | None], *, full: bool) -> Contents:
    """Return what the model says of itself. `beside` gives the size of a file named relative to it, None if absent."""
    header = Header("onnx", complete=True)
    walk = _Walk(Cursor(file), header)
    try:
        _read_model(walk, file.size)
    except ReaderError as error:
        note_error(header, error)
        return Contents(header, weights_only=True)
    if header.tensors is not None:
        header.facts["num_parameters"] = walk.parameters
    missing = sorted(name for name in walk.external if beside(name) is None)
    if missing:
        header.complete = False
        note(header, "missing_part", f"its weights are in {missing[0][:200]!r}, which is not beside it")
    if full:
        header.content_id = identity.content_id("onnx", identity.whole(file))
    return Contents(header, weights_only=True)


def _read_model(walk: _Walk, size: int) -> None:
    header = walk.header
    for number, wire, value in walk.message(size):
        if wire == _VARINT:
            if number in _NUMBERS:
                add_text(header, _NUMBERS[number], str(value))
            continue
        if value > walk.cursor.left:
            raise CorruptCheckpoint("the file ends within the model; it is damaged or still being written",
                                    reason="truncated")  # fmt: skip
        if number in _TEXTS:
            add_text(header, _TEXTS[number], walk.text(value))
        elif number == _OPSET:
            opset = walk.pair(value, (1, 1))
            add_text(header, f"opset.{opset.get(1) or 'ai.onnx'}", opset.get(2, ""))
        elif number == _PROPERTY:
            entry = walk.pair(value, (1, 2))
            add_text(header, entry.get(1, ""), entry.get(2, ""))
        elif number == _GRAPH:
            _read_graph(walk, value)
        else:
            walk.cursor.skip(value)


def _read_graph(walk: _Walk, length: int) -> None:
    count = 0
    for number, wire, value in walk.message(walk.cursor.at + length):
        if wire != _BYTES:
            continue
        if number == _INITIALIZER:
            count += 1
            _read_initializer(walk, value)
        elif number == _GRAPH_NAME:
            add_text(walk.header, "graph", walk.text(value))
        else:
            walk.cursor.skip(value)
    walk.header.tensors = (walk.header.tensors or 0) + count


def _read_initializer(walk: _Walk, length: int) -> None:
    """Count a tensor's parameters; keep the name of the file that holds its bytes when it is another one."""
    dims: list[int] = []
    dtype = ""
    for number, wire, value in walk.message(walk.cursor.at + length):
        if number == 1 and wire == _VARINT:
            dims.append(value)
        elif number == 1 and wire == _BYTES:
            end = walk.cursor.at + value
            while walk.cursor.at < end:
                dims.append(walk.cursor.varint())
        elif number == 2 and wire == _VARINT:
            dtype = _DTYPES.get(value, f"type_{value}")
        elif number == 13 and wire == _BYTES:
            entry = walk.pair(value, (1, 2))
            if entry.get(1) == "location" and len(walk.external) < MAX_EXTERNAL:
                walk.external.add(entry.get(2, ""))
        elif wire == _BYTES:
            walk.cursor.skip(value)
    numel = math.prod(dims) if len(dims) <= 32 else 0
    if dtype in _NOT_WEIGHTS or numel >= 1 << 62:
        return
    walk.parameters += numel
    walk.header.dtypes[dtype] = walk.header.dtypes.get(dtype, 0) + numel
