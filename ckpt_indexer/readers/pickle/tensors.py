"""The opcodes torch writes for a tensor, done in one step: a checkpoint's pickle consists of little else.

From protocol 2 on, an entry of a state dict is a name, then `_rebuild_tensor_v2(storage, offset, size, stride, flag,
OrderedDict())` in some thirty opcodes:
https://github.com/pytorch/pytorch/blob/v2.6.0/torch/_tensor.py#L468 and `torch/serialization.py`, `persistent_id`.
A pattern tells whether exactly these follow. They leave what they leave one by one: stack, memo, number of opcodes.
Whatever deviates, were it a number of the memo out of order, is left to the opcodes, and so is what nears a limit.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.readers.pickle import structures
from ckpt_indexer.readers.pickle.nodes import CallNode, PersistentNode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.readers.pickle.nodes import Raw
    from ckpt_indexer.readers.pickle.state import State

_AT_ONCE = 32
"""Tensors of one step; the machine looks at the clock in between."""
_NAME_BYTES = 255
_PUTS = 8
"""Values a tensor and its name put into the memo, at most."""
_FIXED = 16
"""Opcodes of a tensor, those that put or that make its size and stride not counted."""
_MARKS = 2
_BINUNICODE = 0x58
_CACHED = 1024
"""Numbers and sizes that are kept made: a model has few different ones."""

_PUT = rb"(q.|r.{4}|\x94)"
_GET = rb"(h.|j.{4})"
_INT = rb"(?:K.|M..|J.{4})"
_TUPLE = rb"(\)|%b\x85|%b{2}\x86|%b{3}\x87|\(%b{4,8}t)" % (_INT, _INT, _INT, _INT)
_DIGITS = range(1, 7)
_KEY = b"|".join(
    [rb"X%b\d{%d}" % (re.escape(size.to_bytes(4, "little")), size) for size in _DIGITS]
    + [rb"\x8c%b\d{%d}" % (re.escape(bytes([size])), size) for size in _DIGITS]
)
_TENSOR = re.compile(
    rb"(?:(?:" + _PUT + rb"|" + _GET + rb")" + _GET + rb")?\(\("
    + _GET + _GET + rb"(?:(" + _KEY + rb")" + _PUT + rb"|" + _GET + rb")" + _GET + rb"(" + _INT + rb")t" + _PUT
    + rb"Q(" + _INT + rb")" + _TUPLE + _PUT + rb"?" + _TUPLE + _PUT + rb"?([\x88\x89])"
    + _GET + rb"\)R" + _PUT + rb"t" + _PUT + rb"R" + _PUT,
    re.DOTALL,
).match  # fmt: skip
"""Name and function of an entry, MARK MARK 'storage' class key place numel TUPLE BINPERSID, offset, size, stride, flag,
OrderedDict REDUCE, TUPLE REDUCE."""
_NUMBER = re.compile(_INT, re.DOTALL)


class _Series(NamedTuple):
    """PUT opcodes that count upwards by one, read as one little-endian number: `first + each * (memo number)`."""

    puts: int
    first: int
    each: int
    end: int
    """Memo numbers must stay below."""


def _series() -> dict[tuple[int, int], _Series]:
    """Return the series of BINPUT, LONG_BINPUT and MEMOIZE by their first byte and their length."""
    known = {}
    for code, width, end in ((0x71, 2, 1 << 8), (0x72, 5, 1 << 32), (0x94, 1, 1 << 63)):
        for puts in range(1, _PUTS + 1):
            first = each = 0
            for number in range(puts):
                place = 8 * width * number
                first += code << place
                if width > 1:  # the number follows the code
                    first += number << (place + 8)
                    each += 1 << (place + 8)
            known[code, puts * width] = _Series(puts, first, each, end)
    return known


_SERIES = _series()
_NO_SERIES = _Series(0, -1, 0, 0)
"""Equal to no bytes."""


def mark(state: State, pos: int) -> int:
    """MARK; where a tensor begins with it, also everything up to the end of the last tensor that follows."""
    if state.data[pos : pos + 1] != b"(" or not _has_room(state):
        return structures.mark(state, pos)
    begun = pos - 1
    match = _TENSOR(state.data, begun)
    if match is None or not _tensor(state, match):
        return structures.mark(state, pos)
    state.opcodes -= 1  # the MARK, which the machine counts
    for _ in range(_AT_ONCE - 1):
        pos = match.end()
        match = _entry(state, pos)
        if match is None:
            return pos
    return match.end()


def _has_room(state: State) -> bool:
    """Tell whether no limit is near, and the memo is as picklers fill it."""
    limits = state.limits
    return (
        not state.sparse
        and limits.sparse > 0
        and limits.string_bytes >= _NAME_BYTES
        and len(state.frames) + _MARKS <= limits.marks
        and len(state.memo) + _AT_ONCE * _PUTS <= limits.memo
        and state.held + len(state.stack) <= limits.stack
        and state.opcodes < limits.opcodes
        and len(state.stack) > 0
    )


def _entry(state: State, pos: int) -> re.Match[bytes] | None:
    """Do a name and the tensor behind it; return what was done, None when something else follows."""
    data = state.data
    opcode = data[pos : pos + 1]
    if opcode == b"h" or opcode == b"j":  # noqa: PLR1714  # no set is made for every tensor
        match = _TENSOR(data, pos)
        return match if match is not None and match[2] is not None and _tensor(state, match) else None
    if opcode == b"X" and data[pos + 2 : pos + 5] == b"\0\0\0":
        begins = pos + 5
    elif opcode == b"\x8c" and pos + 1 < len(data):
        begins = pos + 2
    else:
        return None
    ends = begins + data[pos + 1]
    match = _TENSOR(data, ends)
    if match is None or match[1] is None:
        return None
    try:
        name = data[begins:ends].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return match if _tensor(state, match, name) else None


def _tensor(state: State, match: re.Match[bytes], name: str = "") -> bool:
    """Do the opcodes of a tensor, those of its name with it; False, and nothing is done, when they are not regular."""
    (
        name_put, name_get, func, word, kind, key, key_put, key_get, place, numel, id_put, offset, size, size_put,
        stride, stride_put, flag, hooks, hooks_put, args_put, end_put,
    ) = match.groups(b"")  # fmt: skip
    puts = (name_put, key_put, id_put, size_put, stride_put, hooks_put, args_put, end_put)
    joined, stack, memo, got = b"".join(puts), state.stack, state.memo, state.got
    count, first, each, end = _SERIES.get((joined[0], len(joined)), _NO_SERIES)
    if int.from_bytes(joined, "little") != first + each * len(memo) or len(memo) + count > end:
        return False
    try:
        own_key = got[key_get] if key_get else key[5 if key[0] == _BINUNICODE else 2 :].decode()
        identity = (got[word], got[kind], own_key, got[place], _number(numel))
        order = CallNode(got[hooks], ())
        entry = (got[name_get] if name_get else name, got[func]) if func else None
    except IndexError:  # a number of the memo that is yet to be put
        return False
    (sizes, size_opcodes), (strides, stride_opcodes) = _numbers(size), _numbers(stride)
    args = (PersistentNode(identity), _number(offset), sizes, strides, flag == b"\x88", order)
    if entry is None:
        call = stack[-1] = CallNode(stack[-1], args)
    else:
        call = CallNode(entry[1], args)
        stack += (entry[0], call)
    memo += _put((name, own_key, identity, sizes, strides, order, args, call), puts, count)
    state.opcodes += (_FIXED if entry is None else _FIXED + 2) + size_opcodes + stride_opcodes + count
    return True


def _put(values: tuple[Raw, ...], puts: tuple[bytes, ...], count: int) -> Iterable[Raw]:
    """Return the values that are put, in order."""
    if count == _PUTS:
        return values
    if count == _PUTS - 1 and not puts[0]:
        return values[1:]
    return [value for value, put in zip(values, puts, strict=True) if put]


@lru_cache(_CACHED)
def _number(opcode: bytes) -> int:
    """Return the integer an opcode pushes."""
    if opcode[0] == 0x4A:
        return int.from_bytes(opcode[1:], "little", signed=True)
    return int.from_bytes(opcode[1:], "little")


@lru_cache(_CACHED)
def _numbers(opcodes: bytes) -> tuple[tuple[int, ...], int]:
    """Return the tuple of integers that opcodes leave, and how many opcodes these are."""
    body = opcodes[1:-1] if opcodes[:1] == b"(" else opcodes[:-1]
    numbers = tuple(_number(one) for one in _NUMBER.findall(body))
    return numbers, len(numbers) + 1 + (opcodes[:1] == b"(")
