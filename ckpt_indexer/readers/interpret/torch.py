"""What torch's own names in a pickle mean: tensors by dtype and shape, sizes, devices. Nothing of torch is needed.

The functions that a pickle names are those of
https://github.com/pytorch/pytorch/blob/v2.6.0/torch/_utils.py and `torch/_tensor.py`; signatures are quoted below.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.readers.dtypes import STORAGE_DTYPES, decode, torch_dtype
from ckpt_indexer.readers.interpret.base import PASS, Entry, Pass, Walk, is_int, path_of
from ckpt_indexer.readers.nodes import Tensor
from ckpt_indexer.readers.pickle.nodes import CallNode, GlobalNode, Missing, PersistentNode, Raw

if TYPE_CHECKING:
    from ckpt_indexer.readers.nodes import Plain

_DIMENSIONS = 64
_JIT_LISTS = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist")
"""How TorchScript and libtorch write lists: https://github.com/pytorch/pytorch/blob/v2.6.0/torch/jit/_pickle.py"""
_SIZE_PATHS = frozenset({"torch.Size", "torch._C.Size"})
_WORDS = """
strided sparse_coo sparse_csr sparse_csc sparse_bsr sparse_bsc jagged _mkldnn
channels_last channels_last_3d contiguous_format preserve_format legacy_contiguous_format
per_tensor_affine per_channel_affine per_tensor_symmetric per_channel_symmetric per_channel_affine_float_qparams
"""
_NAMES = frozenset(_WORDS.split())
"""Layouts, memory formats and quantization schemes: names that are values."""


class Storage(NamedTuple):
    """What a persistent id says of a storage."""

    key: str
    dtype: str
    numel: int
    view_offset: int = 0
    """Elements from the start of the storage to that of the view (legacy streams only)."""


def storage_of(node: Raw) -> Storage | None:
    """Return the storage a persistent id means: `('storage', class, key, location, numel[, view])`; None for others."""
    pid = node.pid if type(node) is PersistentNode else None
    if type(pid) is not tuple or len(pid) < 5 or pid[0] not in ("storage", b"storage"):
        return None
    _, kind, key, _, numel = pid[:5]
    if type(key) is int:
        key = str(key)
    if type(key) is not str or not is_int(numel):
        return None
    dtype = _dtype_of_storage(kind)
    view = pid[5] if len(pid) > 5 else None
    if type(view) is tuple and len(view) == 3 and is_int(view[1]):
        return Storage(key, dtype, numel, view[1])
    return Storage(key, dtype, numel)


def _dtype_of_storage(kind: Raw) -> str:
    if type(kind) is not GlobalNode:
        return ""
    return STORAGE_DTYPES.get(kind.name, "")


def global_value(node: GlobalNode) -> str | None:
    """Return the text of a name that is itself a value (`torch.float32`, `torch.strided`); None for any other."""
    if node.module != "torch" and not node.name.startswith("torch."):
        return None  # from protocol 4 on, pickle finds `torch.channels_last` in any module that imported torch
    name = node.name.removeprefix("torch.")
    dtype = torch_dtype(name)
    return f"torch.{dtype or name}" if dtype is not None or name in _NAMES else None


def shape_of(node: Raw) -> tuple[int, ...] | None:
    """Return a shape given as a tuple, list or `torch.Size`; None when it is none."""
    if type(node) is CallNode and path_of(node.func) in _SIZE_PATHS and type(node.args) is tuple and node.args:
        node = node.args[0]
    if type(node) not in (tuple, list) or len(node) > _DIMENSIONS or not all(map(is_int, node)):
        return None
    return tuple(node)


def _dtype_of_name(node: Raw) -> str:
    return (torch_dtype(node.name) or "") if type(node) is GlobalNode and node.module == "torch" else ""


def _rebuild_tensor(walk: Walk, call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(storage, offset, size, stride[, requires_grad, hooks[, metadata]])`; in version 3 the seventh is the dtype."""
    if len(args) < 3 or not is_int(args[1]):
        return PASS
    shape = shape_of(args[2])
    if shape is None:
        return PASS
    storage = storage_of(args[0])
    if storage is None:  # a storage pickled inside; its dtype lies in bytes nobody opens
        return Tensor("", shape)
    dtype = storage.dtype
    if len(args) > 6 and path_of(call.func).endswith("_v3"):
        dtype = _dtype_of_name(args[6])
    return _strided(walk, storage, dtype, shape, args[1])


def _strided(walk: Walk, storage: Storage, dtype: str, shape: tuple[int, ...], offset: int) -> Tensor:
    tensor = Tensor(dtype, shape, storage.key, storage.view_offset + offset)
    return with_value(walk, tensor) if shape.count(1) == len(shape) else tensor


def with_value(walk: Walk, tensor: Tensor) -> Tensor:
    """Return a tensor of one element with its number, where that can be read."""
    if tensor.dtype and tensor.storage is not None:
        raw = walk.read_scalar(tensor.storage, tensor.dtype, tensor.storage_offset)
        tensor.value = decode(tensor.dtype, raw)
    return tensor


def _rebuild_qtensor(walk: Walk, call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Pass:
    """`(storage, offset, size, stride, (scheme, scale, zero point), requires_grad, hooks)`."""
    tensor = _rebuild_tensor(walk, call, args, depth)
    if not isinstance(tensor, Tensor):
        return tensor
    tensor.layout = "quantized"
    scheme = args[4] if len(args) > 4 else None
    stored, tensor.value = tensor.value, None
    if stored is None or type(scheme) is not tuple or len(scheme) != 3:
        return tensor
    if (
        path_of(scheme[0]) == "torch.per_tensor_affine"
        and type(scheme[1]) in (int, float)
        and is_int(scheme[2], -1 << 31)
    ):
        tensor.value = (stored - scheme[2]) * float(scheme[1])
    return tensor


def _rebuild_sparse(walk: Walk, _call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Pass:
    """`(layout, (indices, values, size[, coalesced]))` or `(layout, (rows, columns, values, size))`."""
    parts = args[1] if len(args) > 1 else None
    if type(parts) is not tuple or not 3 <= len(parts) <= 5:
        return PASS
    for values, size in pairwise(parts[1:]):
        shape = shape_of(size)
        if shape is not None:
            described = walk.plain(values, depth + 1)
            return Tensor(described.dtype if isinstance(described, Tensor) else "", shape, layout="sparse")
    return PASS


def _rebuild_nested(walk: Walk, _call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Pass:
    """`(buffer, sizes, strides, offsets)`: the buffer is one-dimensional and holds all elements."""
    buffer = walk.plain(args[0], depth + 1) if args else None
    if not isinstance(buffer, Tensor):
        return PASS
    return Tensor(buffer.dtype, buffer.shape, buffer.storage, buffer.storage_offset, layout="nested")


def _rebuild_meta(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(dtype, size, stride, requires_grad)`."""
    shape = shape_of(args[1]) if len(args) > 1 else None
    return PASS if shape is None else Tensor(_dtype_of_name(args[0]), shape)


def _rebuild_wrapper(walk: Walk, call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Pass:
    """`(class, dtype, size, stride, offset, layout, device, requires_grad)`."""
    return _rebuild_meta(walk, call, args[1:], depth)


def _rebuild_converted(walk: Walk, _call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Pass:
    """`(array or tensor, dtype, device, requires_grad)`."""
    tensor = walk.plain(args[0], depth + 1) if len(args) > 1 else None
    if not isinstance(tensor, Tensor):
        return PASS
    value = tensor.value
    dtype = _dtype_of_name(args[1]) or tensor.dtype
    if value is not None and dtype.startswith(("float", "bfloat")):
        value = float(value)
    return Tensor(dtype, tensor.shape, tensor.storage, tensor.storage_offset, value=value)


def _first(walk: Walk, _call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Missing | Pass:
    """`(value, ...)`: a parameter is its tensor, a tagged value is the value."""
    return walk.plain(args[0], depth + 1) if args else PASS


def _rebuild_from_type(walk: Walk, _call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Missing | Pass:
    """`(function, class, arguments, state)`: a tensor subclass is what the function makes of the arguments."""
    if len(args) < 3:
        return PASS
    return walk.plain(CallNode(args[0], args[2]), depth + 1)


def _size(walk: Walk, _call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Pass:
    """`((length, ...),)`."""
    if args and type(args[0]) in (tuple, list):
        return walk.sequence(args[0], depth + 1)
    return PASS if args else []


def _device(_walk: Walk, _call: CallNode, args: tuple[Raw, ...], _depth: int) -> Plain | Pass:
    """`(type[, index])`."""
    if not args or type(args[0]) is not str or len(args[0]) > 40:
        return PASS
    return f"{args[0]}:{args[1]}" if len(args) > 1 and is_int(args[1], 0, 1 << 20) else args[0]


def _layout(walk: Walk, _call: CallNode, args: tuple[Raw, ...], depth: int) -> Plain | Missing | Pass:
    """`('torch.strided',)`."""
    return walk.plain(args[0], depth + 1) if len(args) == 1 and type(args[0]) is str else PASS


TENSORS: dict[str, Entry] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor,
    "torch._utils._rebuild_qtensor": _rebuild_qtensor,
    "torch._utils._rebuild_sparse_tensor": _rebuild_sparse,
    "torch._utils._rebuild_sparse_csr_tensor": _rebuild_sparse,
    "torch._utils._rebuild_nested_tensor": _rebuild_nested,
    "torch._utils._rebuild_meta_tensor_no_storage": _rebuild_meta,
    "torch._utils._rebuild_wrapper_subclass": _rebuild_wrapper,
    "torch._utils._rebuild_device_tensor_from_numpy": _rebuild_converted,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _rebuild_converted,
    "torch._utils._rebuild_xla_tensor": _rebuild_converted,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.nn.parameter.Parameter": _first,
    "torch.nn.parameter.Buffer": _first,
    "torch._tensor._rebuild_from_type": _rebuild_from_type,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch.tensor._rebuild_from_type": _rebuild_from_type,
}
"""Names that make a tensor."""

TORCH: dict[str, Entry] = {
    "torch.Size": _size,
    "torch._C.Size": _size,
    "torch.device": _device,
    "torch.serialization._get_layout": _layout,
    **{f"torch.jit._pickle.{name}": _first for name in ("restore_type_tag", *_JIT_LISTS)},
}
