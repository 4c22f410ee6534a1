"""Having a limited child list a checkpoint's tensors: the parent's side of `structure_job`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.errors import ReaderDied, ReaderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.candidate import Kind
    from ckpt_indexer.sandbox.pool import Pool

READ_STRUCTURE = "ckpt_indexer.readers.structure_job:read_structure"


class TensorType(NamedTuple):
    """What is known of a tensor beside its name."""

    dtype: str
    """As torch names it; empty when unknown."""
    shape: tuple[int, ...]


class Structure(NamedTuple):
    """The state dict of one checkpoint without its numbers."""

    tensors: Mapping[str, TensorType]
    """By name, sorted."""
    left_out: int = 0
    """How many of the last names were too many to be listed."""
    trouble: str | None = None
    """Why nothing, or not everything, could be read, in a sentence."""


def read_structure(pool: Pool, root: bytes, path: bytes, kind: Kind) -> Structure:
    """Return the tensors of the model in a file or directory; what cannot be read is a sentence in `trouble`.

    A child that dies is asked once more: it may have been killed from outside.

    Raises:
        ResourceShortage: nothing can be read now.
    """
    arguments = {"root": os.fsdecode(root), "path": os.fsdecode(path), "kind": kind.value}
    try:
        try:
            answer = pool.call(READ_STRUCTURE, **arguments)
        except ReaderDied:
            answer = pool.call(READ_STRUCTURE, **arguments)
    except ReaderError as error:
        return Structure({}, trouble=error.message)
    tensors = {name: TensorType(dtype, tuple(shape)) for name, dtype, shape in answer["tensors"]}
    return Structure(tensors, answer["left_out"], _trouble(answer["format"], answer["problems"], has_any=bool(tensors)))


def _trouble(form: str, problems: list[list[str]], *, has_any: bool) -> str | None:
    serious = [message for kind, message in problems if kind not in _HARMLESS]
    if serious:
        return "; ".join(serious[:3])
    if has_any:
        return None
    if form in _NAMELESS:
        return f"the names of its tensors are not read from a file of the format {form}"
    return "it holds no state dict"


_NAMELESS = ("gguf", "onnx", "keras", "torchscript")
_HARMLESS = frozenset({"suffix_mismatch", "duplicate_entry", "suspicious"})
"""Kinds of problems that leave the tensors as they are."""
