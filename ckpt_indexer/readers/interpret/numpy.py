"""What numpy's names in a pickle mean: scalars as numbers, arrays by dtype and shape. Nothing of numpy is needed.

https://github.com/numpy/numpy/blob/v2.2.0/numpy/_core/src/multiarray/methods.c (`array_reduce`, `array_setstate`)
"""

from __future__ import annotations

import codecs
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckpt_indexer.readers.dtypes import decode, numpy_dtype
from ckpt_indexer.readers.interpret.base import PASS, Entry, Pass, Walk, path_of, small_bytes
from ckpt_indexer.readers.interpret.torch import shape_of
from ckpt_indexer.readers.nodes import Tensor
from ckpt_indexer.readers.pickle.nodes import CallNode, Raw

if TYPE_CHECKING:
    from ckpt_indexer.readers.nodes import Plain

_CODE = 12
"""Characters of a dtype code."""
_SCALAR_TEXT = 4096
"""Bytes of a numpy text scalar that is read."""


@dataclass(frozen=True, slots=True)
class _Dtype:
    code: str
    name: str
    big_endian: bool


def _dtype(node: Raw) -> _Dtype | None:
    """Return what `numpy.dtype(code, ...)` with its state `(version, byte order, ...)` means."""
    if type(node) is not CallNode or path_of(node.func) != "numpy.dtype" or type(node.args) is not tuple:
        return None
    code = node.args[0] if node.args else None
    if type(code) is not str or len(code) > _CODE:
        return None
    order = node.state[1] if type(node.state) is tuple and len(node.state) > 1 else None
    return _Dtype(code.lstrip("<>=|"), numpy_dtype(code.lstrip("<>=|")), order in (">", b">") or code[:1] == ">")


def _scalar(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(dtype, bytes)`."""
    dtype = _dtype(args[0]) if len(args) == 2 else None
    if dtype is None:
        return PASS
    if dtype.name in ("str", "bytes"):
        return _text(dtype, small_bytes(args[1], _SCALAR_TEXT))
    number = decode(dtype.name, small_bytes(args[1]), big_endian=dtype.big_endian)
    return PASS if number is None else number


def _text(dtype: _Dtype, raw: bytes | None) -> str | Pass:
    if raw is None:
        return PASS
    if dtype.name == "bytes":
        return raw.decode("utf-8", "backslashreplace")
    decode_text = codecs.utf_32_be_decode if dtype.big_endian else codecs.utf_32_le_decode
    return decode_text(raw, "replace")[0].rstrip("\0")


def _array(_walk: Walk, call: CallNode, _args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(class, (0,), b'b')` with the state `(version, shape, dtype, Fortran order, bytes)`."""
    state = call.state
    if type(state) is not tuple or len(state) != 5:
        return PASS
    return _described(state[2], state[1], state[4])


def _from_buffer(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(buffer, dtype, shape, order)`."""
    return _described(args[1], args[2], args[0]) if len(args) >= 3 else PASS


def _described(dtype_node: Raw, size: Raw, content: Raw) -> Tensor | Pass:
    dtype, shape = _dtype(dtype_node), shape_of(size)
    if dtype is None or shape is None:
        return PASS
    tensor = Tensor(dtype.name, shape)
    if math.prod(shape) == 1:
        tensor.value = decode(dtype.name, small_bytes(content), big_endian=dtype.big_endian)
    return tensor


def _dtype_value(_walk: Walk, call: CallNode, _args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    dtype = _dtype(call)
    return dtype.name if dtype is not None and dtype.name else PASS


NUMPY: dict[str, Entry] = {
    "numpy.dtype": _dtype_value,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.core.multiarray._reconstruct": _array,
    "numpy._core.multiarray._reconstruct": _array,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "numpy._core.numeric._frombuffer": _from_buffer,
}
