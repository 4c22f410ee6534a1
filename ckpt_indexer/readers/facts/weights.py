"""The weights of a checkpoint: which tensors are the model's, how many parameters they are, what is optimizer state.

Pure. Knows the places where training code keeps a state dict; refuses to know values.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

from ckpt_indexer.metadata.fields import INT_LIMIT
from ckpt_indexer.readers.modules import attribute_tensors
from ckpt_indexer.readers.nodes import Opaque, Tensor
from ckpt_indexer.readers.pickle.nodes import TensorNode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ckpt_indexer.readers.header import Header
    from ckpt_indexer.readers.nodes import Plain

MAX_NODES = 500_000
"""Values of one file that are walked; far above what the pickle machine hands on for real files."""
MAX_DEPTH = 64
MAX_NAME = 500
"""Characters of a tensor's dotted name; what lies below a longer one is passed over."""
_PLACES = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "params", "weights",
    "model_weights", "net_state_dict", "student", "generator", "state_dict_ema", "ema_state_dict", "model_ema", "ema",
    "params_ema",
)  # fmt: skip
"""Keys that hold a model, the first that holds tensors wins: averaged weights are asked last."""
_OPTIMIZER = re.compile(r"(?:^|_|\.)(?:opt|optim|optims|optimizer|optimizers)(?:$|_|\.|\d)|optimizer", re.IGNORECASE)
_SCHEDULER = re.compile(r"schedule", re.IGNORECASE)
_NO_WEIGHTS = re.compile(r"^(?:callbacks|loops|amp)$|rng|random|scaler|metric|history|loss|hyper_?param", re.IGNORECASE)
"""Other top-level keys that may hold tensors."""
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Buffers of batch normalisation; other buffers cannot be told from parameters by their names."""
_FLOATING = ("float", "bfloat", "complex", "qint", "quint")
_MOSTLY = 0.8
_BITS = re.compile(r"(\d+)")
_SIZES = {
    "bool": 8,
    "complex32": 32,
    "complex64": 64,
    "complex128": 128,
    "double": 64,
    "half": 16,
    "long": 64,
    "short": 16,
}
Named: TypeAlias = tuple[str, Tensor]
"""One tensor of a state dict, and its name there."""
_ONLY_TENSORS = {Tensor, TensorNode}
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})


def find_state_dict(root: Plain) -> list[Named]:
    """Return the tensors of the model by their names in its state dict; empty when the file holds none.

    Nested parts (`{"encoder": {...}, "decoder": {...}}`) get dotted names; an `nn.Module` gives the names its
    `state_dict()` would. A file whose root is mostly tensors is a state dict itself.
    """
    if isinstance(root, Opaque):
        return list(attribute_tensors(root).items())
    if not isinstance(root, dict) or "param_groups" in root:  # the state of an optimizer alone
        return []
    for place in _PLACES:
        held = root.get(place)
        found = list(_tensors(held)) if isinstance(held, dict | list | Opaque) else []
        if found:
            return found
    own = [value for value in root.values() if isinstance(value, Tensor)]
    if own and len(own) >= _MOSTLY * len(root):
        return list(_tensors(root))
    rest = {key: value for key, value in root.items() if not (isinstance(key, str) and _is_beside(key))}
    return [(name, tensor) for name, tensor in _tensors(rest) if tensor.shape]


def _is_beside(key: str) -> bool:
    """Tell whether what stands under a top-level key is no part of the model."""
    return is_training_state(key) or _NO_WEIGHTS.search(key) is not None


def is_training_state(key: str) -> bool:
    """Tell whether a top-level key names the state of an optimizer or a scheduler."""
    return _OPTIMIZER.search(key) is not None or _SCHEDULER.search(key) is not None


def describe_weights(root: Plain, named: list[Named], header: Header) -> None:
    """Fill in what the tensors say: their number, dtypes and parameters, and how much of the file is optimizer state.

    Parameters are all floating-point and quantized tensors of the state dict but the running statistics of batch
    normalisation; tensors that share memory at one place with one shape (tied weights) count once. Where a dtype is not
    known, or none is such a one (weights packed into integers), the number is not known either.
    """
    header.weights_only = _is_weights_only(root, bool(named))
    if not named:
        return
    header.tensors = len(named)
    parameters = 0
    elements: dict[str, int] = {}
    places = _first_places([tensor for _, tensor in named])
    once = named if len(places) == len(named) else [named[at] for at in places]
    kinds = Counter([(tensor.dtype, tensor.shape, name.endswith(_STATISTICS)) for name, tensor in once])
    for (dtype, shape, is_statistic), times in kinds.items():
        count = times * math.prod(shape)
        elements[dtype or "unknown"] = elements.get(dtype or "unknown", 0) + count
        if dtype.startswith(_FLOATING) and not is_statistic:
            parameters += count
    if max(*elements.values(), parameters) < INT_LIMIT:
        header.dtypes = elements
        if parameters and "unknown" not in elements:
            header.facts.setdefault("num_parameters", parameters)
    else:
        header.problems.append(("suspicious", "its tensors claim more elements than can be counted"))
    header.optimizer_share = _optimizer_share(root)


def _is_weights_only(root: Plain, has_weights: bool) -> bool | None:  # noqa: FBT001  # one of two facts
    if not has_weights:
        return None
    if not isinstance(root, dict):
        return True
    return not any(
        isinstance(key, str) and is_training_state(key) and _holds(key, value) for key, value in root.items()
    )


def _holds(key: str, value: Plain) -> bool:
    """Tell whether there is any state: tools set the optimizer to None when they strip a file, and `opt` may as well
    be the options of a script."""
    if isinstance(value, dict) and key.lower() in {"opt", "opts"}:
        return "param_groups" in value
    return isinstance(value, Opaque | Tensor) or (isinstance(value, dict | list) and len(value) > 0)


def _optimizer_share(root: Plain) -> float | None:
    """Return the part of all tensor bytes that are optimizer state; None when there are no tensor bytes."""
    if not isinstance(root, dict):
        return 0.0
    inside = [value for key, value in root.items() if isinstance(key, str) and _OPTIMIZER.search(key)]
    beside = [value for key, value in root.items() if not (isinstance(key, str) and _OPTIMIZER.search(key))]
    state = list(_leaves(inside))
    if not state:
        return 0.0 if any(tensor.numel * _bits(tensor.dtype) >= 8 for tensor in _leaves(beside)) else None
    tensors = [*state, *_leaves(beside)]
    once = _first_places(tensors)
    of_state = _bytes([tensors[at] for at in once if at < len(state)])
    of_all = of_state + _bytes([tensors[at] for at in once if at >= len(state)])
    return round(of_state / of_all, 6) if of_all else None


def _first_places(tensors: list[Tensor]) -> Sequence[int]:
    """Return the positions of the tensors that are none before: the same place of the same storage in the same shape is
    one tensor."""
    storages = {tensor.storage for tensor in tensors}
    if len(storages) == len(tensors) and None not in storages:
        return range(len(tensors))
    seen: dict[tuple[str | int, int, tuple[int, ...]], int] = {}
    for at, tensor in enumerate(tensors):
        storage = at if tensor.storage is None else tensor.storage
        seen.setdefault((storage, tensor.storage_offset, tensor.shape), at)
    return list(seen.values())


def _bytes(tensors: list[Tensor]) -> int:
    kinds = Counter([(tensor.dtype, tensor.shape) for tensor in tensors])
    return sum(times * (math.prod(shape) * _bits(dtype) // 8) for (dtype, shape), times in kinds.items())


def _bits(dtype: str) -> int:
    bits = _SIZES.get(dtype)
    if bits is None:
        found = _BITS.search(dtype)
        bits = int(found[1][:3]) if found is not None else 32
    return bits


def _tensors(value: Plain) -> Iterator[Named]:
    """Yield the tensors in nested mappings and lists, by dotted names, in order."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    nodes = 0
    while waiting:
        name, here, depth = waiting.pop()
        nodes += 1
        if len(name) > MAX_NAME:
            continue
        prefix = f"{name}." if name else ""
        if isinstance(here, Tensor):
            yield name, here
        elif depth >= MAX_DEPTH or nodes + len(waiting) >= MAX_NODES:
            continue
        elif isinstance(here, dict) and here and _ONLY_TENSORS.issuperset(map(type, here.values())):
            nodes += len(here)
            yield from [(own, tensor) for key, tensor in here.items() if len(own := f"{prefix}{key}") <= MAX_NAME]
        else:
            waiting += [(f"{prefix}{key}", below, depth + 1) for key, below in reversed(list(_inner(here)))]


def _leaves(value: list[Plain]) -> Iterator[Tensor]:
    """Yield the tensors in nested mappings and lists, in order."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    nodes = 0
    while waiting:
        here, depth = waiting.pop()
        nodes += 1
        if isinstance(here, Tensor):
            yield here
        elif depth <= MAX_DEPTH and nodes + len(waiting) < MAX_NODES:
            inner = list(here.values()) if isinstance(here, dict) else [below for _, below in _inner(here)]
            kinds = set(map(type, inner))
            if kinds and kinds <= _ONLY_TENSORS:
                nodes += len(inner)
                yield from inner
            elif not kinds <= _SCALARS:
                waiting += [(below, depth + 1) for below in reversed(inner) if type(below) not in _SCALARS]


def _inner(value: Plain) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list):
        return enumerate(value)
    return attribute_tensors(value).items() if isinstance(value, Opaque) else ()


def shapes_of(named: Iterable[Named]) -> Mapping[str, tuple[int, ...]]:
    """Return name -> shape, for `signatures`."""
    return {name: tensor.shape for name, tensor in named}
