"""Which format a file has, by its first bytes; which layout a directory has, by the names in it. Pure.

The suffix decides only where the bytes leave it open, and a mismatch is told.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from ckpt_indexer.readers.formats import gguf, onnx, safetensors, torch_tar
from ckpt_indexer.readers.formats.zip_reading import MAGIC as ZIP

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable


class Bytes(StrEnum):
    """What the first bytes of a file are."""

    ZIP = "zip"
    TAR = "tar"
    PICKLE = "pickle"
    SAFETENSORS = "safetensors"
    ONNX = "onnx"
    GGUF = "gguf"
    EMPTY = "empty"
    UNKNOWN = "unknown"


class Layout(StrEnum):
    """What kind of directory checkpoint the names in a directory make."""

    HF_TRAINER = "hf_trainer"
    DCP = "dcp"
    DEEPSPEED = "deepspeed"
    SHARDED_SAFETENSORS = "sharded_safetensors"


TRAINER_STATE = "trainer_state.json"
DCP_METADATA = ".metadata"
DCP_SHARD = ".distcp"
LATEST = "latest"
RANK_PREFIXES = ("mp_rank_", "zero_pp_rank_")
SHARD_INDEX = ".safetensors.index.json"
_TRAINER_DIRECTORY = re.compile(r"checkpoint-\d+")

_TORCH = (".ckpt", ".pt", ".pth", ".pth.tar", ".tar", ".bin", ".pkl")
_SUFFIXES = {
    "torch_zip": _TORCH, "torch_legacy": _TORCH, "torch_tar": _TORCH, "torchscript": _TORCH, "pickle": _TORCH,
    "safetensors": (".safetensors",), "keras": (".keras",), "onnx": (".onnx",), "gguf": (".gguf",),
}  # fmt: skip
_OURS = tuple({suffix for suffixes in _SUFFIXES.values() for suffix in suffixes})
_FIRST_OF_PICKLES = re.compile(rb"\x80[\x00-\x0f]|[(\]})cIJKLMGNFSUVX]")
"""Protocol 2 and later begin with their number; earlier ones with the opcode of their first value."""
_FOREIGN = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"version https://git-lfs.github.com/", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"BZh", "a bzip2 archive; unpack it"),
    (b"\xfd7zXZ\0", "an xz archive; unpack it"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"<", "a web page or other text, perhaps of a failed download"),
)


def detect(head: bytes, name: str) -> Bytes:
    """Return what a file is, by its first 4 KiB. Zip comes first, then tar, as in torch."""
    if not head:
        return Bytes.EMPTY
    if head.startswith(ZIP) or (ZIP.startswith(head) and len(head) > 1):
        return Bytes.ZIP
    if head.startswith(gguf.MAGIC):
        return Bytes.GGUF
    if safetensors.looks_like(head) or (name.endswith(".safetensors") and (len(head) < 9 or head[8:9] == b"{")):
        return Bytes.SAFETENSORS
    if torch_tar.is_tar(head):
        return Bytes.TAR
    if onnx.looks_like(head, named=name.endswith(".onnx")):
        return Bytes.ONNX
    return Bytes.PICKLE if _FIRST_OF_PICKLES.match(head) else Bytes.UNKNOWN


def foreign(head: bytes) -> str | None:
    """Return what bytes of no known format are, in words for people; None when nobody knows."""
    if not any(head):
        return "nothing but zeros at its beginning; it is perhaps still being written"
    return next((what for magic, what in _FOREIGN if head.startswith(magic)), None)


def mismatch(found: str, name: str) -> str | None:
    """Return what to say when a file's suffix belongs to another format; None when it fits."""
    expected = _SUFFIXES.get(found)
    lowered = name.lower()
    if expected is None or lowered.endswith(expected) or not lowered.endswith(_OURS):
        return None
    return f"named as another format; it is {found}"


def layout(name: str, names: Collection[str], inner: Callable[[], Iterable[str]]) -> Layout | None:
    """Return what makes a directory one checkpoint. `inner` gives the names in its subdirectories, asked when needed.

    The scanner decides by the same rules which directories are checkpoints (`discovery.rules.directory_format`); one
    that has lost its trainer's name, such as a renamed `checkpoint-500`, is still recognised here.
    """
    if TRAINER_STATE in names and _TRAINER_DIRECTORY.fullmatch(name):
        return Layout.HF_TRAINER
    if DCP_METADATA in names and any(entry.endswith(DCP_SHARD) for entry in names):
        return Layout.DCP
    if LATEST in names and any(entry.startswith(RANK_PREFIXES) for entry in inner()):
        return Layout.DEEPSPEED
    if any(entry.endswith(SHARD_INDEX) for entry in names):
        return Layout.SHARDED_SAFETENSORS
    if any(entry.endswith(DCP_SHARD) for entry in names):
        return Layout.DCP
    if LATEST in names:
        return Layout.DEEPSPEED
    return Layout.HF_TRAINER if TRAINER_STATE in names else None
