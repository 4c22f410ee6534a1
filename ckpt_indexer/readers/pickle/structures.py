"""Opcodes that build containers and move values about the stack, marks and memo. Signature as in `pickle_scalars`."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from ckpt_indexer.readers.pickle.nodes import CallNode, DictNode, Raw, SetNode, TensorNode
from ckpt_indexer.readers.pickle.state import Broken, State, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

_UINT4 = Struct("<I").unpack_from
_NEWEST_PROTOCOL = 5
_INDEX_DIGITS = 19
"""Decimal digits of a memo number; longer ones are refused before they are built."""


def protocol(state: State, pos: int) -> int:
    """PROTO: one byte."""
    if state.data[pos] > _NEWEST_PROTOCOL:
        state.note("malformed", f"pickle protocol {state.data[pos]} is not known")
    return pos + 1


def frame(state: State, pos: int) -> int:
    """FRAME: eight bytes that say where the pickler flushed; they carry nothing."""
    return state.argument(pos, 8)


def stop(state: State, _pos: int) -> int:
    """STOP."""
    raise Stopped(state.stack.pop())


def mark(state: State, pos: int) -> int:
    """MARK."""
    if len(state.frames) >= state.limits.marks:
        raise Broken("limit", f"more than {state.limits.marks} nested marks")
    state.frames.append(state.stack)
    state.held += len(state.stack)
    state.stack = []
    return pos


def pop(state: State, pos: int) -> int:
    """POP: the top value, or the MARK when it is on top."""
    if state.stack:
        state.stack.pop()
    else:
        state.pop_mark()
    return pos


def pop_mark(state: State, pos: int) -> int:
    """POP_MARK."""
    state.pop_mark()
    return pos


def dup(state: State, pos: int) -> int:
    """DUP."""
    state.stack.append(state.stack[-1])
    return pos


def binput(state: State, pos: int) -> int:
    """BINPUT: number in one byte."""
    state.put(state.data[pos], state.stack[-1])
    return pos + 1


def long_binput(state: State, pos: int) -> int:
    """LONG_BINPUT: number in four bytes."""
    state.put(_UINT4(state.data, pos)[0], state.stack[-1])
    return pos + 4


def memoize(state: State, pos: int) -> int:
    """MEMOIZE: the number is how many there are."""
    state.put(len(state.memo) + len(state.sparse), state.stack[-1])
    return pos


def text_put(state: State, pos: int) -> int:
    """PUT: number on a line."""
    line, after = state.line(pos)
    state.put(_index(line), state.stack[-1])
    return after


def binget(state: State, pos: int) -> int:
    """BINGET: number in one byte."""
    state.stack.append(state.get(state.data[pos]))
    return pos + 1


def long_binget(state: State, pos: int) -> int:
    """LONG_BINGET: number in four bytes."""
    state.stack.append(state.get(_UINT4(state.data, pos)[0]))
    return pos + 4


def text_get(state: State, pos: int) -> int:
    """GET: number on a line."""
    line, after = state.line(pos)
    state.stack.append(state.get(_index(line)))
    return after


def _index(line: bytes) -> int:
    digits = line.strip()
    if not digits.isdigit() or len(digits) > _INDEX_DIGITS:
        raise Broken("malformed", "a memo number that is not one")
    return int(digits)


def empty_tuple(state: State, pos: int) -> int:
    """EMPTY_TUPLE."""
    state.stack.append(())
    return pos


def tuple1(state: State, pos: int) -> int:
    """TUPLE1."""
    state.stack[-1] = (state.stack[-1],)
    return pos


def tuple2(state: State, pos: int) -> int:
    """TUPLE2."""
    second = state.stack.pop()
    state.stack[-1] = (state.stack[-1], second)
    return pos


def tuple3(state: State, pos: int) -> int:
    """TUPLE3."""
    stack = state.stack
    third = stack.pop()
    second = stack.pop()
    stack[-1] = (stack[-1], second, third)
    return pos


def tuple_of_mark(state: State, pos: int) -> int:
    """TUPLE: what lies above the MARK."""
    values = state.pop_mark()
    state.stack.append(tuple(values))
    return pos


def empty_list(state: State, pos: int) -> int:
    """EMPTY_LIST."""
    state.stack.append([])
    return pos


def list_of_mark(state: State, pos: int) -> int:
    """LIST: what lies above the MARK."""
    values = state.pop_mark()
    state.stack.append(values)
    return pos


def empty_dict(state: State, pos: int) -> int:
    """EMPTY_DICT."""
    state.stack.append(DictNode())
    return pos


def dict_of_mark(state: State, pos: int) -> int:
    """DICT: pairs that lie above the MARK."""
    pairs = DictNode(state.pop_mark())
    if len(pairs) % 2:
        state.note("malformed", "a key without its value")
        pairs.pop()
    state.stack.append(pairs)
    return pos


def empty_set(state: State, pos: int) -> int:
    """EMPTY_SET."""
    state.stack.append(SetNode())
    return pos


def frozenset_of_mark(state: State, pos: int) -> int:
    """FROZENSET: what lies above the MARK."""
    values = state.pop_mark()
    state.stack.append(SetNode(values))
    return pos


def append(state: State, pos: int) -> int:
    """APPEND."""
    value = state.stack.pop()
    add_elements(state, state.stack[-1], (value,))
    return pos


def appends(state: State, pos: int) -> int:
    """APPENDS and ADDITEMS."""
    values = state.pop_mark()
    add_elements(state, state.stack[-1], values)
    return pos


def setitem(state: State, pos: int) -> int:
    """SETITEM."""
    stack = state.stack
    value = stack.pop()
    key = stack.pop()
    add_items(state, stack[-1], (key, value))
    return pos


def setitems(state: State, pos: int) -> int:
    """SETITEMS."""
    values = state.pop_mark()
    target = state.stack[-1]
    if len(values) % 2:
        state.note("malformed", "a key without its value")
        values.pop()
    if type(target) is DictNode:
        target.extend(values)
    else:
        add_items(state, target, values)
    return pos


def add_elements(state: State, target: Raw, values: list[Raw] | tuple[Raw, ...]) -> None:
    """Add to a list, a set, or an object that says it is one; anything else is a problem and stays as it is."""
    if type(target) is TensorNode:
        target = target.call
    kind = type(target)
    if kind is list or kind is SetNode:
        target.extend(values)
    elif kind is CallNode:
        if target.elements is None:
            target.elements = []
        target.elements.extend(values)
    else:
        state.note("malformed", "elements for something that holds none")


def add_items(state: State, target: Raw, pairs: list[Raw] | tuple[Raw, ...]) -> None:
    """Add keys and values to a dict or an object that says it is one; anything else is a problem."""
    if type(target) is TensorNode:
        target = target.call
    kind = type(target)
    if kind is DictNode:
        target.extend(pairs)
    elif kind is CallNode:
        if target.items is None:
            target.items = DictNode()
        target.items.extend(pairs)
    else:
        state.note("malformed", "keys and values for something that holds none")


STRUCTURES: dict[str, Callable[[State, int], int]] = {
    "\x80": protocol,
    "\x95": frame,
    ".": stop,
    "(": mark,
    "0": pop,
    "1": pop_mark,
    "2": dup,
    "q": binput,
    "r": long_binput,
    "\x94": memoize,
    "p": text_put,
    "h": binget,
    "j": long_binget,
    "g": text_get,
    ")": empty_tuple,
    "\x85": tuple1,
    "\x86": tuple2,
    "\x87": tuple3,
    "t": tuple_of_mark,
    "]": empty_list,
    "l": list_of_mark,
    "}": empty_dict,
    "d": dict_of_mark,
    "\x8f": empty_set,
    "\x91": frozenset_of_mark,
    "a": append,
    "e": appends,
    "\x90": appends,
    "s": setitem,
    "u": setitems,
}
