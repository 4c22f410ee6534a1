"""Which entries of a root are small, so that they can be read before a huge one uses up the budget."""

from __future__ import annotations

from ckpt_indexer.readers.interpret.base import path_of
from ckpt_indexer.readers.pickle.nodes import CallNode, DictNode, Raw, SetNode, TensorNode

_ENTRIES = 512
"""A root with more entries is a state dict; its entries are all alike."""
_LIGHT = 1_000
"""Nodes below an entry that count as few."""
_TENSOR = 20
"""Nodes of a tensor."""
_MAPPINGS = frozenset({"collections.OrderedDict", "collections.defaultdict"})
_CONTAINERS = frozenset({list, tuple, DictNode, SetNode})


def entries_of(root: Raw) -> DictNode | None:
    """Return the keys and values of a root that is a mapping of few entries; None for any other."""
    pairs = root
    if type(root) is CallNode and path_of(root.func) in _MAPPINGS and type(root.args) is tuple:
        pairs = root.items if not any(type(part) in _CONTAINERS and part for part in root.args) else None
    return pairs if type(pairs) is DictNode and len(pairs) <= 2 * _ENTRIES else None


def is_light(node: Raw) -> bool:
    """Tell whether there are few nodes below a node. A cycle is not light."""
    waiting = [node]
    seen = 0
    while waiting:
        current = waiting.pop()
        seen += 1 if type(current) is not TensorNode else _TENSOR
        if type(current) in _CONTAINERS:
            parts = current
        elif type(current) is CallNode:
            parts = (current.args, current.state, current.items, current.elements)
        else:
            continue
        if seen + len(waiting) + len(parts) > _LIGHT:
            return False
        waiting.extend(parts)
    return True
