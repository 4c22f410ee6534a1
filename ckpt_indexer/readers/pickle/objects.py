"""Opcodes that name, make and fill objects. Nothing is imported or called: each leaves an inert node.

Signature as in `pickle_scalars`.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from ckpt_indexer.readers.pickle.nodes import CallNode, PersistentNode, SkippedNode, TensorNode
from ckpt_indexer.readers.pickle.state import Broken, State

if TYPE_CHECKING:
    from collections.abc import Callable

_UINT2 = Struct("<H").unpack_from
_INT4 = Struct("<i").unpack_from


def text_global(state: State, pos: int) -> int:
    """GLOBAL: module and name on two lines."""
    module, after = state.line(pos)
    name, after = state.line(after)
    state.stack.append(state.name(_name(module), _name(name)))
    return after


def stack_global(state: State, pos: int) -> int:
    """STACK_GLOBAL: module and name from the stack."""
    name = state.stack.pop()
    module = state.stack.pop()
    if type(name) is not str or type(module) is not str:
        state.note("malformed", "a name that is not text")
        state.stack.append(state.name("", ""))
    else:
        state.stack.append(state.name(module, name))
    return pos


def extension1(state: State, pos: int) -> int:
    """EXT1: code in one byte."""
    return _extension(state, state.data[pos], pos + 1)


def extension2(state: State, pos: int) -> int:
    """EXT2: code in two bytes."""
    return _extension(state, _UINT2(state.data, pos)[0], pos + 2)


def extension4(state: State, pos: int) -> int:
    """EXT4: code in four bytes, signed."""
    return _extension(state, _INT4(state.data, pos)[0], pos + 4)


def _extension(state: State, code: int, after: int) -> int:
    """Push a name of the extension registry, which is not looked at."""
    state.stack.append(state.name("copyreg", f"extension {code}"))
    return after


def reduce(state: State, pos: int) -> int:
    """REDUCE: `func(*args)`."""
    stack = state.stack
    arguments = stack.pop()
    stack[-1] = CallNode(stack[-1], arguments)
    return pos


def newobj(state: State, pos: int) -> int:
    """NEWOBJ: `cls.__new__(cls, *args)`."""
    stack = state.stack
    arguments = stack.pop()
    stack[-1] = CallNode(stack[-1], arguments, new=True)
    return pos


def newobj_ex(state: State, pos: int) -> int:
    """NEWOBJ_EX: `cls.__new__(cls, *args, **keywords)`."""
    stack = state.stack
    keywords = stack.pop()
    arguments = stack.pop()
    stack[-1] = CallNode(stack[-1], arguments, new=True, keywords=keywords)
    return pos


def inst(state: State, pos: int) -> int:
    """INST: module and name on two lines, arguments above the MARK."""
    module, after = state.line(pos)
    name, after = state.line(after)
    arguments = tuple(state.pop_mark())
    state.stack.append(CallNode(state.name(_name(module), _name(name)), arguments, new=True))
    return after


def obj(state: State, pos: int) -> int:
    """OBJ: class and arguments above the MARK."""
    values = state.pop_mark()
    if not values:
        raise Broken("malformed", "an object without a class")
    state.stack.append(CallNode(values[0], tuple(values[1:]), new=True))
    return pos


def build(state: State, pos: int) -> int:
    """BUILD: `obj.__setstate__(value)`, or its `__dict__` updated. The last one counts."""
    value = state.stack.pop()
    target = state.stack[-1]
    if type(target) is TensorNode:
        target = target.call
    if type(target) is CallNode:
        target.state = value
    else:
        state.note("malformed", "a state for something that has none")
    return pos


def binpersid(state: State, pos: int) -> int:
    """BINPERSID: the id is on the stack."""
    state.stack[-1] = PersistentNode(state.stack[-1])
    return pos


def text_persid(state: State, pos: int) -> int:
    """PERSID: the id is on a line."""
    line, after = state.line(pos)
    state.stack.append(PersistentNode(_name(line)))
    return after


def next_buffer(state: State, pos: int) -> int:
    """NEXT_BUFFER: a buffer somebody keeps elsewhere."""
    state.stack.append(SkippedNode(0))
    return pos


def readonly_buffer(state: State, pos: int) -> int:
    """READONLY_BUFFER: the buffer on top is not to be written; it is not written."""
    if not state.stack:
        raise Broken("malformed", "a buffer that is not there")
    return pos


def _name(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")


OBJECTS: dict[str, Callable[[State, int], int]] = {
    "c": text_global,
    "\x93": stack_global,
    "\x82": extension1,
    "\x83": extension2,
    "\x84": extension4,
    "R": reduce,
    "\x81": newobj,
    "\x92": newobj_ex,
    "i": inst,
    "o": obj,
    "b": build,
    "Q": binpersid,
    "P": text_persid,
    "\x97": next_buffer,
    "\x98": readonly_buffer,
}
