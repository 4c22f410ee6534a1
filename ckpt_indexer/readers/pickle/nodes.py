"""What the pickle machine builds: inert nodes. Nothing here can run, import, compare or be hashed by its content.

A raw value is None, bool, int, float, str, bytes, tuple, list or one of the nodes below. Graphs may share and cycle.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, TypeAlias

Raw: TypeAlias = Any  # None | bool | int | float | str | bytes | tuple | list | the classes below


class Missing(Enum):
    """The one value that says: there is nothing here."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


class DictNode(list[Raw]):
    """A dict as the flat list key, value, key, value... No key is ever hashed here."""

    __slots__ = ()


class SetNode(list[Raw]):
    """A set or frozenset as the list of its elements."""

    __slots__ = ()


class GlobalNode:
    """A name somebody wanted imported. It was not."""

    __slots__ = ("module", "name", "path")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name
        self.path = f"{module}.{name}"


class CallNode:
    """An object somebody wanted made: what was to be called, with what, and what was to be put into the result."""

    __slots__ = ("args", "elements", "func", "items", "keywords", "new", "state")

    def __init__(self, func: Raw, args: Raw, *, new: bool = False, keywords: Raw = None) -> None:
        self.func = func
        self.args = args
        """Usually a tuple; whatever the file says."""
        self.keywords = keywords
        self.new = new
        """True: `cls.__new__(cls, *args)`; False: `func(*args)`."""
        self.state: Raw = MISSING
        """What BUILD would have set."""
        self.items: DictNode | None = None
        """What SETITEM(S) would have set."""
        self.elements: list[Raw] | None = None
        """What APPEND(S) and ADDITEMS would have added."""


class PersistentNode:
    """An object that lies outside the pickle, known by its persistent id (a storage, in torch's files)."""

    __slots__ = ("pid",)

    def __init__(self, pid: Raw) -> None:
        self.pid = pid


class SkippedNode:
    """A text, byte string or number too long to be kept, or a buffer that lies outside the pickle."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size
        """Bytes it takes in the file; 0 when it is not in the file."""
