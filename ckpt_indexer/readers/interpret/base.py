"""What the interpretation tables share: the walk they are given, and small values read from nodes without a walk."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from ckpt_indexer.readers.pickle.nodes import MISSING, CallNode, DictNode, GlobalNode, Missing, Raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.readers.nodes import Plain

_FIELDS = 64
"""Entries of an object's state that are searched for one by name."""
_SMALL = 64
"""Bytes of a byte string that stands for one value (a number, a date)."""


class Pass(Enum):
    """The answer of a table entry that the arguments are not what it knows; the object stays opaque."""

    PASS = "pass"  # noqa: S105  # no secret


PASS: Final = Pass.PASS


class Walk(Protocol):
    """What a table entry may ask of the walk over the graph. Depth is that of the node asked about."""

    def plain(self, node: Raw, depth: int) -> Plain | Missing:
        """Return a node as plain data; MISSING when it was cut off."""

    def mapping(self, pairs: list[Raw], depth: int) -> dict[Plain, Plain]:
        """Return a flat list of keys and values as a dict."""

    def sequence(self, values: list[Raw] | tuple[Raw, ...], depth: int) -> list[Plain]:
        """Return values as a list."""

    def read_scalar(self, key: str, dtype: str, offset: int) -> bytes | None:
        """Return the little-endian bytes of one element of a storage."""

    def afford(self, size: int) -> bool:
        """Tell whether so many characters or bytes may still be made, and count them."""


Entry: TypeAlias = "Callable[[Walk, CallNode, tuple[Raw, ...], int], Plain | Missing | Pass]"
"""Table entry: the walk, the object, its arguments, its depth -> plain data."""


def field(state: Raw, name: str) -> Raw | Missing:
    """Return one entry of an object's state by name."""
    if type(state) is tuple and len(state) == 2:  # (attributes, slots)
        found = field_of_dict(state[0], name)
        return field_of_dict(state[1], name) if found is MISSING else found
    return field_of_dict(state, name)


def field_of_dict(pairs: Raw, name: str) -> Raw | Missing:
    """Return one value of a dict node; the last one counts, as when a dict is filled."""
    found: Raw | Missing = MISSING
    if type(pairs) is DictNode:
        for index in range(0, min(len(pairs) - 1, 2 * _FIELDS), 2):
            if type(pairs[index]) is str and pairs[index] == name:
                found = pairs[index + 1]
    return found


def small_bytes(node: Raw, most: int = _SMALL) -> bytes | None:
    """Return a short byte string, also one that came as text to be encoded (`_codecs.encode`, Python 2)."""
    if type(node) is bytes:
        return node if len(node) <= most else None
    if type(node) is CallNode and path_of(node.func) == "_codecs.encode" and type(node.args) is tuple and node.args:
        node = node.args[0]
    if type(node) is not str or len(node) > most:
        return None
    try:
        return node.encode("latin-1")
    except UnicodeEncodeError:
        return None


def path_of(node: Raw) -> str:
    """Return `module.name` of a name; empty for anything else."""
    return node.path if type(node) is GlobalNode else ""


def is_int(node: Raw, least: int = 0, most: int = (1 << 63) - 1) -> bool:
    """Tell whether this is an integer (no boolean) within bounds."""
    return type(node) is int and least <= node <= most
