"""What the pickle machine builds: inert nodes. Nothing here can run, import, compare or be hashed by its content.

A raw value is None, bool, int, float, str, bytes, tuple, list or one of the nodes below. Graphs may share and cycle.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

from ckpt_indexer.readers.dtypes import STORAGE_DTYPES
from ckpt_indexer.readers.nodes import Tensor

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


class TensorKind(NamedTuple):
    """What many tensors of a file have in common."""

    func: GlobalNode
    """`torch._utils._rebuild_tensor_v2`."""
    word: str
    """`storage`."""
    storage: GlobalNode
    """Class of its storage."""
    place: Raw
    """Where the storage was, `cpu`."""
    flag: bool
    """Whether it requires a gradient."""
    hooks: Raw
    """What is called for its hooks, `OrderedDict`."""


class TensorNode(Tensor):
    """A tensor as torch writes nearly all, plain already: all that is left to do is to look its value up.

    It stands for the call `func((word, storage, key, place, elements), offset, size, stride, flag, hooks())`. The nodes
    this consists of are made when somebody asks for them.
    """

    __slots__ = ("_parts", "elements", "kind", "stride")

    def __init__(
        self, kind: TensorKind, key: str, elements: int, extent: tuple[int, tuple[int, ...]], stride: tuple[int, ...]
    ) -> None:
        """Take what its opcodes say; `elements` are those of its storage, `extent` is offset and size."""
        self.dtype = STORAGE_DTYPES.get(kind.storage.name, "")
        self.storage_offset, self.shape = extent
        self.storage = key
        self.layout = "strided"
        self.value = None
        self.kind = kind
        self.elements = elements
        self.stride = stride
        self._parts: tuple[Raw, ...] | None = None

    def parts(self) -> tuple[Raw, ...]:
        """Return what its opcodes leave in the memo, in their order; the last one is the call."""
        if self._parts is None:
            func, word, storage, place, flag, hooks = self.kind
            identity, order = (word, storage, self.storage, place, self.elements), CallNode(hooks, ())
            args = (PersistentNode(identity), self.storage_offset, self.shape, self.stride, flag, order)
            self._parts = (self.storage, identity, self.shape, self.stride, order, args, CallNode(func, args))
        return self._parts

    @property
    def call(self) -> CallNode:
        """The call, in full."""
        call: CallNode = self.parts()[-1]
        return call
