"""Objects of classes no table names: told apart by how they were made, never by what the class might do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ckpt_indexer.readers.interpret.base import path_of
from ckpt_indexer.readers.interpret.keys import safe_text
from ckpt_indexer.readers.nodes import Opaque
from ckpt_indexer.readers.pickle.nodes import MISSING, CallNode, DictNode, GlobalNode, Missing, Raw

if TYPE_CHECKING:
    from ckpt_indexer.readers.interpret.base import Walk
    from ckpt_indexer.readers.nodes import Plain

_RECONSTRUCTORS = frozenset({"copyreg._reconstructor", "copy_reg._reconstructor"})
_MAKERS = frozenset({"copyreg.__newobj__", "copy_reg.__newobj__"})
_MAKERS_WITH_KEYWORDS = frozenset({"copyreg.__newobj_ex__", "copy_reg.__newobj_ex__"})
_MAPPINGS = frozenset({"AttributeDict", "Namespace", "IterableSimpleNamespace", "EasyDict", "CfgNode", "ConfigDict"})
"""Classes that are the dict of their entries or attributes, whichever package they come from."""
_ARGUMENTS = 1_000
_NAME_CHARACTERS = 256
_SCALARS = frozenset({str, int, float, bool})


def made_by_copyreg(call: CallNode) -> CallNode | None:
    """Return the object that one of copyreg's functions was to make, as if an opcode had made it; None for others."""
    path, args = path_of(call.func), call.args
    if not path.startswith("copy") or type(args) is not tuple or not 0 < len(args) <= _ARGUMENTS:
        return None
    items, elements = call.items, call.elements
    if path in _MAKERS:
        made = CallNode(args[0], args[1:], new=True)
    elif path in _MAKERS_WITH_KEYWORDS and len(args) == 3:
        made = CallNode(args[0], args[1], new=True, keywords=args[2])
    elif path in _RECONSTRUCTORS and len(args) == 3:
        made = CallNode(args[0], (args[2],) if type(args[2]) in _SCALARS else (), new=True)
        items = args[2] if items is None and type(args[2]) is DictNode else items
        elements = args[2] if elements is None and type(args[2]) is list else elements
    else:
        return None
    made.state, made.items, made.elements = call.state, items, elements
    return made


def scalar_value(call: CallNode) -> Plain | Missing:
    """Return the value of an enum member or of a subclass of text or a number; MISSING for anything else.

    Both are a class with one value and nothing besides. The standard library's classes are known or neither of the
    two; a name in small letters is a function.
    """
    func, args = call.func, call.args
    bare = call.state is MISSING and call.items is None and call.elements is None
    if not bare or type(func) is not GlobalNode or type(args) is not tuple or len(args) != 1:
        return MISSING
    if type(args[0]) not in _SCALARS or not func.name.rpartition(".")[2][:1].isupper():
        return MISSING
    return MISSING if func.module.partition(".")[0] in sys.stdlib_module_names else args[0]


def is_mapping_class(func: GlobalNode) -> bool:
    """Tell whether objects of this class are the dict of their entries or attributes."""
    return func.name in _MAPPINGS


def opaque_name(func: Raw) -> tuple[str, str]:
    """Return module and name as an `Opaque` carries them; empty for what is no name."""
    if type(func) is not GlobalNode:
        return "", ""
    return safe_text(func.module[:_NAME_CHARACTERS]), safe_text(func.name[:_NAME_CHARACTERS])


def opaque(walk: Walk, call: CallNode, depth: int) -> Opaque:
    """Return an object nobody knows with its parts."""
    module, name = opaque_name(call.func)
    args = walk.sequence(call.args, depth) if type(call.args) is tuple else []
    return Opaque(module, name, args, _state(walk, call.state, depth))


def _state(walk: Walk, state: Raw | Missing, depth: int) -> Plain:
    """Return attributes; those of a class with slots, `(attributes, slots)`, together."""
    if state is MISSING:
        return None
    if type(state) is tuple and len(state) == 2 and type(state[1]) is DictNode:
        if state[0] is None:
            return walk.mapping(state[1], depth)
        if type(state[0]) is DictNode:
            return {**walk.mapping(state[0], depth), **walk.mapping(state[1], depth)}
    value = walk.plain(state, depth + 1)
    return None if value is MISSING else value
