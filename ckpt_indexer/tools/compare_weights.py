"""Which tensors of two checkpoints differ: missing, additional, of another shape or type. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ckpt_indexer.readers.structures import Structure, TensorType

_MOST_VIEWS = 8
_COMPILED = "_orig_mod."
"""What `torch.compile` puts before the names of a module's tensors."""


@dataclass(frozen=True, slots=True)
class WeightsPair:
    """What tells the state dict of one checkpoint from that of another."""

    same: int = 0
    """Tensors with one name, shape and type in both."""
    only_first: Mapping[str, TensorType] = field(default_factory=dict)
    only_other: Mapping[str, TensorType] = field(default_factory=dict)
    shapes: Mapping[str, tuple[TensorType, TensorType]] = field(default_factory=dict)
    """Of another shape, whatever the type."""
    dtypes: Mapping[str, tuple[TensorType, TensorType]] = field(default_factory=dict)
    """Of one shape and another type."""
    prefixes: tuple[str, str] = ("", "")
    """What wrappers put before all names of each, and does not count."""
    up_to: str | None = None
    """When a list was cut: names behind this one were not compared."""

    @property
    def is_equal(self) -> bool:
        """Tell whether nothing differs among what was compared."""
        return not (self.only_first or self.only_other or self.shapes or self.dtypes)

    def to_dict(self) -> dict[str, Any]:  # JSON values
        """Return the differences as JSON values: name -> [dtype, shape], or one of these for each."""
        return {
            "same": self.same,
            "only_first": {name: _plain(one) for name, one in self.only_first.items()},
            "only_other": {name: _plain(one) for name, one in self.only_other.items()},
            "shapes": {name: [_plain(one) for one in both] for name, both in self.shapes.items()},
            "dtypes": {name: [_plain(one) for one in both] for name, both in self.dtypes.items()},
            "prefixes": list(self.prefixes),
            "up_to": self.up_to,
        }


def compare_weights(first: Structure, other: Structure) -> WeightsPair:
    """Return the differences between two state dicts.

    A wrapper's prefix (`model.`, `module.`, `_orig_mod.`) is left aside where more names agree without it.
    """
    prefixes, ours, theirs = _aligned(first.tensors, other.tensors)
    up_to = min((max(names) for names, cut in ((ours, first), (theirs, other)) if cut.left_out and names), default=None)
    if up_to is not None:
        ours, theirs = _until(ours, up_to), _until(theirs, up_to)
    both = {name: (one, theirs[name]) for name, one in ours.items() if name in theirs}
    shapes = {name: pair for name, pair in both.items() if pair[0].shape != pair[1].shape}
    dtypes = {name: pair for name, pair in both.items() if name not in shapes and pair[0].dtype != pair[1].dtype}
    return WeightsPair(
        same=len(both) - len(shapes) - len(dtypes),
        only_first={name: one for name, one in ours.items() if name not in both},
        only_other={name: one for name, one in theirs.items() if name not in both},
        shapes=shapes,
        dtypes=dtypes,
        prefixes=prefixes,
        up_to=up_to,
    )


Tensors = dict[str, "TensorType"]


def _aligned(
    first: Mapping[str, TensorType], other: Mapping[str, TensorType]
) -> tuple[tuple[str, str], Tensors, Tensors]:
    """Return (prefixes left aside, tensors of both without them), such that most names agree; the shortest of those."""
    best: tuple[int, tuple[str, str], Tensors, Tensors] | None = None
    for ours, theirs in product(_views(first), _views(other)):
        agreeing = len(ours[1].keys() & theirs[1].keys())
        if best is None or agreeing > best[0]:
            best = (agreeing, (ours[0], theirs[0]), ours[1], theirs[1])
    if best is None:
        raise AssertionError("there is always the view as it is")
    return best[1], best[2], best[3]


def _views(tensors: Mapping[str, TensorType]) -> list[tuple[str, Tensors]]:
    """Return (prefix, tensors without it): as they are, and without each leading part that all names share."""
    views = [("", dict(tensors))]
    plain = {name.replace(_COMPILED, ""): one for name, one in tensors.items()}
    if plain.keys() != tensors.keys() and len(plain) == len(tensors):
        views.append((_COMPILED, plain))
    shared = _shared(plain)
    at = 0
    while (at := shared.find(".", at) + 1) > 0 and len(views) < _MOST_VIEWS:
        views.append((shared[:at], {name[at:]: one for name, one in plain.items()}))
    return views


def _shared(names: Iterable[str]) -> str:
    """Return the leading parts, dot included, that all names begin with."""
    ordered = sorted(names)
    if not ordered:
        return ""
    common = os.path.commonprefix([ordered[0], ordered[-1]])  # noqa: RUF071  # by character, then cut at a dot
    return common[: common.rfind(".") + 1]


def _until(tensors: Tensors, last: str) -> Tensors:
    return {name: one for name, one in tensors.items() if name <= last}


def _plain(tensor: TensorType) -> list[Any]:  # JSON values
    return [tensor.dtype or None, list(tensor.shape)]
