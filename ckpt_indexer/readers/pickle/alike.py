"""Tensors whose opcodes are those of a tensor before, but for the digits of their storage and the numbers of the memo.

The layers of a model repeat, so most are. One such piece of a pickle is compared as one large number: its bytes without
the digits are `first + each * (number of the memo)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.readers.pickle.nodes import TensorNode

if TYPE_CHECKING:
    import re

    from ckpt_indexer.readers.pickle.nodes import Raw

PUT_GROUPS = (1, 5, 8, 10, 12, 14, 15, 16)
"""Groups of a match that hold the opcodes which put something into the memo, in order."""
NAME_PUT, NAME, KEY, KEY_PUT, ELEMENTS = 1, 2, 4, 5, 7
"""Groups that hold what puts the name or gets it from the memo, the key of the storage, and how many elements that
has."""
WIDTHS = {b"K": 2, b"M": 3, b"J": 5}
"""Bytes of BININT1, BININT2, BININT."""
_MOST = 512
_OF_ONE_MARK = 3
"""Pieces that are remembered: a weight and its transpose have as many elements."""
_MEMOIZE = 0x94
_ENDS = {0x71: 1 << 8, 0x72: 1 << 32, _MEMOIZE: 1 << 63}
"""Numbers of the memo that an opcode can say are below."""


class Made(NamedTuple):
    """What opcodes made."""

    name: Raw
    tensor: TensorNode
    opcodes: int


class Piece:
    """The opcodes of one tensor, from behind its name on where that is written there, and what they make."""

    __slots__ = (
        "_digits", "_each", "_elements", "_elements_at", "_elements_end", "_end", "_extent", "_first", "_mask",
        "_tensor", "count", "length", "name", "opcodes", "puts",
    )  # fmt: skip

    def __init__(self, match: re.Match[bytes], number: int, made: Made) -> None:
        """Take the opcodes, the number that the memo had reached, and what became of them."""
        data, begins, ends = match[0], match.start(), match.end(KEY)
        self.name, tensor, self.opcodes = made
        self._tensor = tensor
        self._extent = (tensor.storage_offset, tensor.shape)
        self._elements, self._elements_at = match[ELEMENTS], match.start(ELEMENTS) - begins
        self._elements_end = self._elements_at + len(self._elements)
        self.length = len(data)
        digits = len(tensor.storage or "")
        self._digits = slice(ends - begins - digits, ends - begins)
        self.puts = match.group(*PUT_GROUPS)
        """PUT or None for each value that a tensor may put."""
        places = [match.start(group) - begins for group, put in zip(PUT_GROUPS, self.puts, strict=True) if put]
        self.count = len(places)
        code, ones = data[places[0]], bytearray(self.length)
        for place in places if code != _MEMOIZE else ():
            ones[place + 1] = 1
        self._end = _ENDS[code] - self.count
        self._each = int.from_bytes(ones, "little")
        self._mask = int.from_bytes(b"\xff" * self.length, "little") - (
            ((1 << 8 * digits) - 1) << 8 * self._digits.start
        )
        self._first = (int.from_bytes(data, "little") & self._mask) - self._each * number

    def again(self, data: bytes, at: int, number: int) -> TensorNode | None:
        """Return what the opcodes at a place make when they are these, their values put from this number on; None when
        they are others."""
        if data[at + self._elements_at : at + self._elements_end] != self._elements:
            return None  # nearly always told by these
        own = data[at : at + self.length]
        if int.from_bytes(own, "little") & self._mask != self._first + self._each * number:
            return None
        key = own[self._digits]
        if number > self._end or len(own) != self.length or not key.isdigit():
            return None
        like = self._tensor
        return TensorNode(like.kind, key.decode(), like.elements, self._extent, like.stride)


class Alike:
    """Remembers pieces by what tells them apart soon: the digits of the key, the elements, and who gave the name."""

    __slots__ = ("_elements_at", "_key_at", "_known", "_last")

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Piece, ...]] = {}
        """The latest first; none where there was but one such tensor."""
        self._last: Piece | None = None
        self._key_at = self._elements_at = 0
        """Where in the latest piece the number of digits stood, and the elements of a key without digits."""

    def find(self, data: bytes, at: int, number: int, name: bytes = b"") -> tuple[Piece, TensorNode] | None:
        """Return the piece that lies here and puts its values from this number on, and the tensor it makes; None for
        anything unexpected. `name` is the opcode that gets its name."""
        last = self._last
        if last is not None:
            tensor = last.again(data, at, number)
            if tensor is not None:
                return (last, tensor) if (last.puts[0] is None) is (name != b"") else None
        place = at + self._key_at
        digits = data[place : place + 1]
        place = at + self._elements_at + digits[0] if digits else 0
        code = data[place : place + 1]
        if code not in WIDTHS:
            return None
        for piece in self._known.get(data[place : place + WIDTHS[code]] + digits + name, ()):
            tensor = None if piece is last else piece.again(data, at, number)
            if tensor is not None:
                self._last = piece
                return piece, tensor
        return None

    def learn(self, match: re.Match[bytes], number: int, made: Made) -> None:
        """Remember a piece when it comes for the second time."""
        key = match.start(KEY) + 1
        digits = match.string[key : key + 1]
        self._key_at = key - match.start()
        self._elements_at = match.start(ELEMENTS) - match.start() - digits[0]
        mark = match[ELEMENTS] + digits + (match[NAME] or b"")
        known = self._known.get(mark)
        if known is not None:
            self._last = Piece(match, number, made)
            self._known[mark] = (self._last, *known[: _OF_ONE_MARK - 1])
        elif len(self._known) < _MOST:
            self._known[mark] = ()

    def forget(self) -> None:
        """The memo has changed: what was got from it may be something else now."""
        self._known.clear()
        self._last = None
