"""Plain data as the readers hand it on: what a pickle holds once everything that could run has become inert.

A plain value is None, bool, int, float, str, bytes, list, dict (keys: str, int, float, bool, None or tuples of these;
any other key has become text), `Tensor` or `Opaque`. Tuples and sets become lists; an OrderedDict, Namespace,
AttributeDict, DictConfig or dataclass becomes a dict, an enum its value. Cycles have been cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Plain: TypeAlias = Any  # None | bool | int | float | str | bytes | list[Plain] | dict[..., Plain] | Tensor | Opaque


@dataclass(slots=True, eq=False)
class Tensor:
    """A tensor's description; its numbers are never read, but for the value of a single small one."""

    dtype: str
    """As torch names it, without `torch.`: float32, bfloat16, int64, bool, qint8, float8_e4m3fn...; '' when unknown."""
    shape: tuple[int, ...]
    storage: str | None = None
    """Key of its storage within the file; tensors with one key share memory. None: it has none of its own (meta,
    sparse)."""
    storage_offset: int = 0
    """Elements from the start of the storage."""
    layout: str = "strided"
    """strided | sparse | quantized | nested."""
    value: float | int | bool | None = None
    """The number, where the tensor has exactly one element and its storage could be read. None otherwise."""

    @property
    def numel(self) -> int:
        """Return the number of elements."""
        return math.prod(self.shape)


@dataclass(slots=True, eq=False)
class Opaque:
    """An object of a class nobody here knows: inert, its parts still readable.

    A class or function itself has neither arguments nor state. Without a module: `skipped` (a value too long to be
    kept), `persistent id` (an object outside the pickle), or empty (what was to be called has no name).
    """

    module: str
    name: str
    """Qualified name within the module."""
    args: list[Plain] = field(default_factory=list)
    """What it was to be called or constructed with."""
    state: Plain = None
    """What BUILD would have set: for most objects the dict of their attributes."""
