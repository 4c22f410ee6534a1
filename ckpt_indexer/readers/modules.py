"""Tensors of objects that are not mappings: TorchScript modules and whole `nn.Module` objects, by dotted names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.readers.nodes import Opaque, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.readers.nodes import Plain

MAX_TENSORS = 100_000
MAX_DEPTH = 64
_MODULE_PARTS = ("_parameters", "_buffers", "_modules")


def attribute_tensors(root: Plain) -> dict[str, Tensor]:
    """Return the tensors among the attributes of an object and of the objects among them: name -> tensor.

    The names are those `state_dict()` would give. Iterative: such a graph may be as deep as a file likes.
    """
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, Plain, int]] = [("", root, 0)]
    while waiting and len(found) < MAX_TENSORS:
        prefix, node, depth = waiting.pop()
        if id(node) in seen or depth > MAX_DEPTH:
            continue
        seen.add(id(node))
        deeper = []
        for name, value in _attributes(node):
            if isinstance(value, Tensor):
                found[prefix + name] = value
            elif isinstance(value, Opaque):
                deeper.append((f"{prefix}{name}.", value, depth + 1))
        waiting += reversed(deeper)
    return found


def _attributes(node: Plain) -> Iterator[tuple[str, Plain]]:
    """Yield the attributes of an inert object: those of a script module, or the registered parts of an `nn.Module`."""
    state = node.state if isinstance(node, Opaque) else None
    if not isinstance(state, dict):
        return
    parts = [state[part] for part in _MODULE_PARTS if isinstance(state.get(part), dict)]
    for mapping in parts or [state]:
        for name, value in mapping.items():
            if isinstance(name, str):
                yield name, value
