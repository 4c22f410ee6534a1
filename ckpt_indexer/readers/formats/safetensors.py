"""safetensors: eight bytes of length, a JSON header, the tensors' bytes. Only the header is read, and samples.

The rules are those of the format (https://huggingface.co/docs/safetensors/index#format) and of its reader: offsets
that follow each other without gaps and cover everything, no key twice, metadata of texts only.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from ckpt_indexer.errors import CorruptCheckpoint, LimitExceeded, ReaderError
from ckpt_indexer.readers import identity
from ckpt_indexer.readers.contents import Contents, add_text, note, note_error
from ckpt_indexer.readers.header import Header
from ckpt_indexer.readers.nodes import Tensor

if TYPE_CHECKING:
    from ckpt_indexer.readers.opening import OpenFile

LENGTH_BYTES = 8
FORMAT_LIMIT = 100_000_000
"""Bytes of a header, by the format."""
MAX_HEADER_BYTES = 32 << 20
MAX_BRACKETS = 2_000_000
"""Lists and objects in a header: each costs memory whatever its length."""
MAX_DIMENSIONS = 64
METADATA = "__metadata__"

DTYPES: dict[str, tuple[str, int]] = {
    "F64": ("float64", 64), "F32": ("float32", 32), "F16": ("float16", 16), "BF16": ("bfloat16", 16),
    "I64": ("int64", 64), "I32": ("int32", 32), "I16": ("int16", 16), "I8": ("int8", 8),
    "U64": ("uint64", 64), "U32": ("uint32", 32), "U16": ("uint16", 16), "U8": ("uint8", 8),
    "BOOL": ("bool", 8), "C64": ("complex64", 64), "F8_E4M3": ("float8_e4m3fn", 8), "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8), "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8), "F8_E8M0": ("float8_e8m0fnu", 8),
    "F4": ("float4_e2m1fn_x2", 4), "F6_E2M3": ("float6_e2m3", 6), "F6_E3M2": ("float6_e3m2", 6),
}  # fmt: skip
"""Name in the format -> (name in torch, bits of an element)."""


@dataclass(slots=True)
class Parsed:
    """A header that has been read and checked."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    extents: dict[str, identity.Extent] = field(default_factory=dict)
    """Where the bytes of each tensor lie in the file."""
    raw: bytes = b""
    end: int = 0
    """Where the file should end."""
    truncated: bool = False


def looks_like(head: bytes) -> bool:
    """Tell whether a file begins with a plausible length and the brace of a header."""
    length = int.from_bytes(head[:LENGTH_BYTES], "little")
    return len(head) > LENGTH_BYTES and 2 <= length <= FORMAT_LIMIT and head[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{"


def read(file: OpenFile, *, full: bool) -> Contents:
    """Return what the header says."""
    header = Header("safetensors", complete=True)
    try:
        parsed = parse(file, header)
    except ReaderError as error:
        note_error(header, error)
        return Contents(header)
    contents = Contents(header, dict(parsed.tensors))
    if full and not parsed.truncated:
        marks = Marks(file, parsed)
        contents.mark = marks.by_name.get
        if marks.all is not None:
            header.content_id = identity.content_id("safetensors", [parsed.raw, *marks.all])
    return contents


def parse(file: OpenFile, header: Header) -> Parsed:
    """Return the tensors; what is wrong with single ones is added to the header's problems.

    Raises:
        CorruptCheckpoint: the header is cut off (`reason="truncated"`) or is none.
        LimitExceeded: it is larger than is read here.
    """
    raw = _header_bytes(file)
    listed = _decoded(raw, file.path, header)
    parsed = Parsed(raw=raw)
    start = LENGTH_BYTES + len(raw)
    _keep_metadata(header, listed.pop(METADATA, None))
    for name, described in listed.items():
        problem = _add(parsed, name, described, start)
        if problem is not None:
            note(header, "corrupt", f"tensor {name[:80]!r}: {problem}")
    _check_cover(parsed, start, header)
    parsed.end = max((extent.offset + extent.size for extent in parsed.extents.values()), default=start)
    if parsed.end > file.size:
        parsed.truncated = True
        header.complete = False
        note(header, "truncated", f"{parsed.end - file.size} bytes are missing at its end")
    elif parsed.end < file.size:
        note(header, "suspicious", f"{file.size - parsed.end} bytes behind its last tensor; other readers refuse that")
    return parsed


class Marks:
    """Digests of samples of each tensor."""

    def __init__(self, file: OpenFile, parsed: Parsed, *, samples: int = identity.SAMPLES) -> None:
        taken = identity.sampled(file, list(parsed.extents.values()), samples=samples)
        self.all = taken
        """In the order of the header; None when taking them lasts too long."""
        self.by_name = dict(zip(parsed.extents, taken or [], strict=False))


def _header_bytes(file: OpenFile) -> bytes:
    prefix = file.read(0, LENGTH_BYTES)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < LENGTH_BYTES or length > file.size - LENGTH_BYTES:
        raise CorruptCheckpoint(
            "its header is cut off; the file is damaged or still being written", path=file.path, reason="truncated"
        )
    if length > MAX_HEADER_BYTES:
        message = f"a header of {length} bytes, over the limit of {MAX_HEADER_BYTES}"
        raise LimitExceeded(message, path=file.path, limit=MAX_HEADER_BYTES)
    return file.read(LENGTH_BYTES, length)


def _decoded(raw: bytes, path: str, header: Header) -> dict[str, Any]:  # JSON values
    if raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        message = f"a header of more than {MAX_BRACKETS} lists and objects"
        raise LimitExceeded(message, path=path, limit=MAX_BRACKETS)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # JSON values
        built = dict(pairs)
        if len(built) == len(pairs):
            return built
        note(header, "duplicate_entry", "a key twice in its header; the first is read")
        return dict(reversed(dict(reversed(pairs)).items()))

    try:
        listed = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as exc:
        raise CorruptCheckpoint("its header is no JSON", path=path, reason="json") from exc
    if not isinstance(listed, dict):
        raise CorruptCheckpoint("its header is no JSON object", path=path, reason="json")
    return listed


def _keep_metadata(header: Header, metadata: Any) -> None:  # noqa: ANN401  # a JSON value
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        note(header, "corrupt", f"its {METADATA} is no object of texts")
        return
    for key, value in metadata.items():
        if isinstance(value, str):
            add_text(header, key, value)
        else:
            note(header, "corrupt", f"a value in its {METADATA} that is no text; other readers refuse that")


def _add(parsed: Parsed, name: str, described: Any, start: int) -> str | None:  # noqa: ANN401  # a JSON value
    """Add one tensor; return what is wrong with it. A tensor of an unknown dtype is kept without one."""
    if not isinstance(described, dict):
        return "not described by an object"
    dtype, shape, offsets = described.get("dtype"), described.get("shape"), described.get("data_offsets")
    if not isinstance(dtype, str) or not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        return "no dtype, shape or offsets"
    if len(shape) > MAX_DIMENSIONS or offsets[0] > offsets[1]:
        return "an impossible shape or place"
    known, bits = DTYPES.get(dtype, ("", 0))
    parsed.extents[name] = identity.Extent(start + offsets[0], offsets[1] - offsets[0])
    if known and math.prod(shape) * bits != (offsets[1] - offsets[0]) * 8:
        return "its bytes do not fit its shape"
    parsed.tensors[name] = Tensor(known, tuple(shape), storage=name)
    return None if known else f"of an unknown dtype {dtype[:20]!r}"


def _are_sizes(value: Any) -> TypeGuard[list[int]]:  # noqa: ANN401  # a JSON value
    return isinstance(value, list) and all(type(size) is int and 0 <= size < 1 << 63 for size in value)


def _check_cover(parsed: Parsed, start: int, header: Header) -> None:
    """Tensors must follow each other without gap or overlap."""
    at = start
    for extent in sorted(parsed.extents.values()):
        if extent.offset != at:
            note(header, "corrupt", "its tensors overlap or leave gaps; other readers refuse that")
            return
        at += extent.size
