"""Keys of one dict, as plain data may hold them, and text made storable.

Text is hashed with a secret of this process; numbers are not, and a file can choose numbers whose slots collide. So
numbers stay numbers while they count upwards by one (an optimizer's indices) or are few; further ones become text.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ckpt_indexer.readers.pickle.nodes import MISSING, CallNode, GlobalNode, Raw, TensorNode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.readers.nodes import Plain
    from ckpt_indexer.readers.pickle.nodes import Missing

KEY_CHARACTERS = 4096
_TUPLE = 8
_UNORDERED = 2_000
_BITS = 64


def safe_text(text: str) -> str:
    """Return text without lone surrogates, which neither UTF-8 nor a database can hold; they are written as escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def key_size(node: Raw) -> int:
    """Return how many characters or bytes the key of a node takes."""
    kind = type(node)
    if kind is str or kind is bytes:
        return min(len(node), KEY_CHARACTERS)
    return sum(len(part) for part in node[:_TUPLE] if type(part) is str) if kind is tuple else 0


class Keys:
    """Makes the keys of one dict. `plain` reads a key that is an object (an enum, a path, a size)."""

    __slots__ = ("_count", "_next", "_plain", "_unordered")

    def __init__(self, plain: Callable[[Raw], Plain | Missing]) -> None:
        self._plain = plain
        self._next = 0
        self._unordered = 0
        self._count = 0

    def key(self, node: Raw) -> Plain:
        """Return the key; text that only tells it from the others when it is none of the kinds that can be one."""
        self._count += 1
        kind = type(node)
        if kind is str:
            return safe_text(node[:KEY_CHARACTERS])
        if kind is bytes:
            return node[:KEY_CHARACTERS].decode("utf-8", "backslashreplace")
        if node is None or kind is bool:
            return node
        if kind is int or kind is float:
            return self._number(node)
        if kind is tuple:
            return self._tuple(node)
        return self._object(node)

    def _number(self, number: float) -> Plain:
        if type(number) is int and number == self._next and number.bit_length() < _BITS:
            self._next += 1
            return number
        self._unordered += 1
        if self._unordered > _UNORDERED or (type(number) is int and number.bit_length() >= _BITS):
            return str(number)
        if type(number) is int:
            self._next = number + 1
        return str(number) if math.isnan(number) else number

    def _tuple(self, node: tuple[Raw, ...]) -> Plain:
        if len(node) > _TUPLE or not all(self._may_be_part(part) for part in node):
            return self._token("tuple")
        self._unordered += 1
        parts = tuple(safe_text(part) if type(part) is str else part for part in node)
        return parts if self._unordered <= _UNORDERED else str(parts)

    @staticmethod
    def _may_be_part(part: Raw) -> bool:
        kind = type(part)
        if kind is str:
            return len(part) <= KEY_CHARACTERS
        if kind is int:
            return bool(part.bit_length() < _BITS)
        return part is None or kind is bool or kind is float

    def _object(self, node: Raw) -> Plain:
        if type(node) is TensorNode:
            node = node.call
        if type(node) is CallNode or type(node) is GlobalNode:
            value = self._plain(node)
            if type(value) is str or type(value) is bytes:
                return self.key(value)
            if value is not MISSING and type(value) in (int, float):
                return self._number(value)
            return value if type(value) is bool else self._token(_name_of(node))
        return self._token("object")

    def _token(self, name: str) -> str:
        return f"<{name} {self._count}>"


def _name_of(node: Raw) -> str:
    func = node.func if type(node) is CallNode else node
    return safe_text(func.path[:KEY_CHARACTERS]) if type(func) is GlobalNode else "object"
