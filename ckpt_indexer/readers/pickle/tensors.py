"""The opcodes torch writes for a tensor, done in one step: a checkpoint's pickle consists of little else.

From protocol 2 on, an entry of a state dict is a name, then `_rebuild_tensor_v2(storage, offset, size, stride, flag,
OrderedDict())` in some thirty opcodes:
https://github.com/pytorch/pytorch/blob/v2.6.0/torch/_tensor.py#L468 and `torch/serialization.py`, `persistent_id`.
A pattern tells whether exactly these follow; where they are those of a tensor before, `alike` tells sooner. They leave
what they leave one by one (stack, memo, number of opcodes), but that a tensor is one node, `TensorNode`. Whatever
deviates, were it a number of the memo out of order, is left to the opcodes, and so is what nears a limit.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.readers.pickle import structures
from ckpt_indexer.readers.pickle.alike import KEY, KEY_PUT, NAME, NAME_PUT, WIDTHS, Made
from ckpt_indexer.readers.pickle.memo import TensorMemo
from ckpt_indexer.readers.pickle.nodes import GlobalNode, TensorKind, TensorNode

if TYPE_CHECKING:
    from ckpt_indexer.readers.pickle.state import State

_AT_ONCE = 32
"""Tensors of one step; the machine looks at the clock in between."""
_NAME_BYTES = 255
_PUTS = 8
"""Values a tensor and its name put into the memo, at most."""
_FIXED = 16
"""Opcodes of a tensor, those that put or that make its size and stride not counted."""
_MARKS = 2
_BINUNICODE, _BINGET = 0x58, 0x68
_CACHED = 1024
"""Numbers and sizes that are kept made: a model has few different ones."""
_GETS = b"hj"
_ALL = (b"r",) * _PUTS
"""Every value is put."""

_PUT = rb"q.|r.{4}|\x94"
_GET = rb"(?:h.|j.{4})"
_INT = rb"(?:K.|M..|J.{4})"
_TUPLE = rb"(?:\)|%b\x85|%b{2}\x86|%b{3}\x87|\(%b{4,8}t)" % (_INT, _INT, _INT, _INT)
_DIGITS = range(1, 7)
_KEY = b"|".join(
    [rb"X%b\d{%d}" % (re.escape(size.to_bytes(4, "little")), size) for size in _DIGITS]
    + [rb"\x8c%b\d{%d}" % (re.escape(bytes([size])), size) for size in _DIGITS]
)
_TENSOR = re.compile(
    rb"(?:(?:(%(put)b)|(%(get)b))(?=[hj]))?((?:%(get)b)?\(\(%(get)b{2})(%(key)b|%(get)b)"
    rb"(%(put)b)?(%(get)b)(%(int)b)t(%(put)b)Q(%(int)b%(tuple)b)(%(put)b)?(%(tuple)b)"
    rb"(%(put)b)?([\x88\x89]%(get)b)\)R(%(put)b)t(%(put)b)R(%(put)b)"
    % {b"put": _PUT, b"get": _GET, b"int": _INT, b"tuple": _TUPLE, b"key": _KEY},
    re.DOTALL,
).match
"""Name and function of an entry, MARK MARK 'storage' class key place numel TUPLE BINPERSID, offset, size, stride, flag,
OrderedDict REDUCE, TUPLE REDUCE."""
_KIND = re.compile(
    rb"(%(get)b)?\(\((%(get)b)(%(get)b)(%(get)b)([\x88\x89])(%(get)b)" % {b"get": _GET}, re.DOTALL
).fullmatch
"""What tensors have in common: function, 'storage', class, place, flag, OrderedDict."""
_NUMBER = re.compile(_INT, re.DOTALL)
_USUAL = "torch._utils._rebuild_tensor_v2"


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
    memo = TensorMemo()
    match = _TENSOR(state.data, pos - 1)
    if match is None or not _tensor(state, match, memo, None):
        return structures.mark(state, pos)
    state.opcodes -= 1  # the MARK, which the machine counts
    pos = match.end()
    for _ in range(_AT_ONCE - 1):
        after = _entry(state, pos, memo)
        if not after:
            break
        pos = after
    return pos


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


def _entry(state: State, pos: int, memo: TensorMemo) -> int:
    """Do a name and the tensor behind it; return the position after it, 0 when something else follows."""
    data = state.data
    opcode = data[pos : pos + 5]
    begins, got = pos, b""
    if opcode[:1] == b"X" and opcode[2:] == b"\0\0\0":
        begins += 5
    elif opcode[:1] == b"\x8c" and len(opcode) > 1:
        begins += 2
    elif opcode and opcode[0] in _GETS:
        got = opcode[: 2 if opcode[0] == _BINGET else 5]
    else:
        return 0
    at = begins if got else begins + opcode[1]
    try:
        name = data[begins:at].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return 0
    number, stack = len(state.memo), state.stack
    found = state.alike.find(data, at, number, got)
    if found is not None:
        piece, tensor = found
        memo.put.append((number, name, tensor, piece.puts))
        state.memo += (memo,) * piece.count
        stack += (piece.name if got else name, tensor)
        state.opcodes += piece.opcodes
        return at + piece.length
    match, opcodes = _TENSOR(data, at), state.opcodes
    if match is None or match[NAME if got else NAME_PUT] is None or not _tensor(state, match, memo, name):
        return 0
    if match[KEY_PUT] is not None and match[KEY][0] not in _GETS:
        state.alike.learn(match, number, Made(stack[-2], stack[-1], state.opcodes - opcodes))
    return match.end()


def _tensor(state: State, match: re.Match[bytes], memo: TensorMemo, name: str | None) -> bool:
    """Do the opcodes of a tensor, those of its name with it; False, and nothing is done, when they are not regular."""
    (
        name_put, name_get, head, key, key_put, place, numel, id_put, extent, size_put, stride, stride_put, tail,
        hooks_put, args_put, end_put,
    ) = match.groups(b"")  # fmt: skip
    puts = (name_put, key_put, id_put, size_put, stride_put, hooks_put, args_put, end_put)
    joined, stack, number = b"".join(puts), state.stack, len(state.memo)
    count, first, each, end = _SERIES.get((joined[0], len(joined)), _NO_SERIES)
    if int.from_bytes(joined, "little") != first + each * number or number + count > end:
        return False
    try:
        kind = _kind(state, head + place + tail)
        own_key = state.got[key] if key[0] in _GETS else key[5 if key[0] == _BINUNICODE else 2 :].decode()
        if name_get:
            name = state.got[name_get]
    except IndexError:  # a number of the memo that is yet to be put
        return False
    (reach, reach_opcodes), (strides, stride_opcodes), elements = _extent(extent), _numbers(stride), _number(numel)
    if kind is None or reach is None or elements < 0 or type(own_key) is not str:
        return False
    tensor = TensorNode(kind, own_key, elements, reach, strides)
    if head[0] in _GETS:
        stack += (name, tensor)
        state.opcodes += 2
    else:
        stack[-1] = tensor
    memo.put.append((number, name, tensor, puts if count < _PUTS else _ALL))
    state.memo += (memo,) * count
    state.opcodes += _FIXED + reach_opcodes + stride_opcodes + count
    return True


def _kind(state: State, gets: bytes) -> TensorKind | None:
    """Return what a tensor has in common with others, by the opcodes that get it; its function is on the stack where
    they do not. None for anything but a tensor of a storage.

    Raises:
        IndexError: a value that is not in the memo yet.
    """
    known = state.kinds.get(gets)
    if known is not None and (gets[0] in _GETS or known.func is state.stack[-1]):
        return known
    match = _KIND(gets)
    if match is None:
        return None
    func, word, storage, place, flag, hooks = match.groups(b"")
    maker = state.got[func] if func else state.stack[-1]
    kind = TensorKind(maker, state.got[word], state.got[storage], state.got[place], flag == b"\x88", state.got[hooks])
    if type(maker) is not GlobalNode or maker.path != _USUAL or type(kind.storage) is not GlobalNode:
        return None
    if type(kind.word) is not str or kind.word != "storage":
        return None
    state.keep_kind(gets, kind)
    return kind


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


@lru_cache(_CACHED)
def _extent(opcodes: bytes) -> tuple[tuple[int, tuple[int, ...]] | None, int]:
    """Return the offset and size that opcodes leave, and how many opcodes the size is; None for negative ones."""
    width = WIDTHS[opcodes[:1]]
    size, count = _numbers(opcodes[width:])
    reach = (_number(opcodes[:width]), size)
    return (reach if min((reach[0], *size)) >= 0 else None), count
