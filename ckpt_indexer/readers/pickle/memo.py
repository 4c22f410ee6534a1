"""What tensors done in one step put into the memo: hardly anything of it is ever asked for, so it is made then."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.readers.pickle.nodes import Raw, TensorNode

    Put = tuple[int, Raw, TensorNode, Sequence[bytes | None]]

_first = itemgetter(0)


class TensorMemo:
    """Stands in the memo for every value that the tensors of one step put there."""

    __slots__ = ("put",)

    def __init__(self) -> None:
        self.put: list[Put] = []
        """Per tensor: number of the first value, its name, the tensor, and PUT or nothing for each value."""

    def at(self, number: int) -> Raw:
        """Return the value put under this number, the same object each time."""
        first, name, tensor, puts = self.put[bisect_right(self.put, number, key=_first) - 1]
        *parts, _ = tensor.parts()
        values = [value for value, put in zip((name, *parts, tensor), puts, strict=True) if put]
        return values[number - first]
