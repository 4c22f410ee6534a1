"""How the blocks of a network are found in a state dict, and described by their number and a few sizes. Pure.

A family finds its blocks under any prefix, sorts them into stages and describes each stage by how many blocks it has
and a few sizes: `1:3 a64 b64 c256` is a stage 1 of three blocks whose first convolution has 64 output channels. One
tensor within a block that no member has, and the model is something else: nothing is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

    Shape = tuple[int, ...]


class Read(NamedTuple):
    """One size to read from a block, or beside the blocks."""

    label: str
    tensor: re.Pattern[str]
    """Matched against the whole name below the block, or below the prefix."""
    axis: int
    dimensions: int = 0
    """A tensor with another number of dimensions is passed over; 0: any that has the axis."""


class Stage(NamedTuple):
    """One stage of a network: blocks of one kind."""

    number: int
    blocks: int
    sizes: tuple[tuple[str, int], ...]
    """(label, size) sorted by label."""

    def __str__(self) -> str:
        """Return it as the rows spell it."""
        return f"{self.number}:{self.blocks}" + "".join(f" {label}{size}" for label, size in self.sizes)


class Description(NamedTuple):
    """What one prefix of a state dict holds, in the words of one family."""

    stages: tuple[Stage, ...]
    beside: tuple[tuple[str, int], ...]
    tokens: int | None
    """Patches and class token of a vision transformer, where its position embedding tells."""

    def __str__(self) -> str:
        """Return it as the rows spell it."""
        beside = " ".join(f"{label}{size}" for label, size in self.beside)
        return " | ".join([*([beside] if beside else []), *map(str, self.stages)])


@dataclass(frozen=True, slots=True)
class Family:
    """How one family of networks names its parts."""

    name: str
    hint: str
    """Texts, joined by bars, of which every name of a block holds one."""
    block: re.Pattern[str]
    """Finds one tensor of a block in `text_of` names: groups `stage` and `block`, where there are such numbers, and
    `leaf`."""
    leaf: re.Pattern[str]
    """Matches every leaf that a member has; any other makes the model something else."""
    reads: tuple[Read, ...]
    beside: tuple[Read, ...] = ()
    refused: tuple[str, ...] = ()
    """Names beside the blocks that make the model something else."""
    optional: frozenset[str] = frozenset()
    """Labels a description may lack."""
    spare: int = 0
    """Stages at the end that a model cut for its features may lack."""
    positions: str = ""
    """Name of the position embedding (1, tokens, dimension)."""


@dataclass(slots=True)
class _Group:
    """The blocks found under one prefix."""

    stages: dict[int, dict[int, dict[str, Shape]]] = field(default_factory=dict)
    foreign: bool = False


def text_of(shapes: Mapping[str, Shape]) -> str:
    """Return the names as one text to be searched: each on a line, and a line end before the first."""
    return "\n" + "\n".join(shapes)


def describe(family: Family, shapes: Mapping[str, Shape], text: str) -> list[Description]:
    """Return the description of every prefix under which there are blocks of this family, and nothing foreign.

    `text` is `text_of(shapes)`; no name has a line end within it.
    """
    groups: dict[str, _Group] = {}
    known: dict[str, bool] = {}
    numbers, end = family.block.groupindex, -1
    for found in family.block.finditer(text):
        if found.start() < end:  # in one name the first block counts
            continue
        begin, end = text.rfind("\n", 0, found.start()) + 1, text.find("\n", found.end())
        end = end if end >= 0 else len(text)
        group = groups.setdefault(text[begin : found.start()], _Group())
        if group.foreign:
            continue
        leaf = found["leaf"]
        if leaf not in known:
            known[leaf] = family.leaf.fullmatch(leaf) is not None
        if not known[leaf]:
            group.foreign = True
            continue
        stage = int(found["stage"]) if "stage" in numbers else 0
        block = int(found["block"]) if "block" in numbers else 0
        group.stages.setdefault(stage, {}).setdefault(block, {})[leaf] = shapes[text[begin:end]]
    described = (_description(family, prefix, group, shapes) for prefix, group in groups.items() if not group.foreign)
    return [one for one in described if one is not None]


def _description(family: Family, prefix: str, group: _Group, shapes: Mapping[str, Shape]) -> Description | None:
    """Return what the group is; None when something beside its blocks makes it something else."""
    if any(prefix + name in shapes for name in family.refused) or _is_no_encoder(prefix):
        return None
    stages = []
    for index, blocks in sorted(group.stages.items()):
        if sorted(blocks) != list(range(min(blocks), min(blocks) + len(blocks))):
            return None
        latest_first = [blocks[number] for number in sorted(blocks, reverse=True)]
        stages.append(Stage(index, len(blocks), _sizes(family.reads, latest_first)))
    tops = [{name: shapes[prefix + name] for name in _tops(family) if prefix + name in shapes}]
    position = shapes.get(prefix + family.positions) if family.positions else None
    tokens = position[1] if position is not None and len(position) == 3 else None
    return Description(tuple(stages), _sizes(family.beside, tops), tokens)


def _is_no_encoder(prefix: str) -> bool:
    return not {"decoder", "head", "neck", "discriminator"}.isdisjoint(prefix.split("."))


def _tops(family: Family) -> Iterable[str]:
    """Return the names beside the blocks; their patterns are plain names joined by bars."""
    for read in family.beside:
        yield from read.tensor.pattern.replace("\\", "").split("|")


def _sizes(reads: tuple[Read, ...], blocks: list[dict[str, Shape]]) -> tuple[tuple[str, int], ...]:
    """Return (label, size) of each size that a block has; of several blocks the first in the list counts."""
    sizes = {}
    for read in reads:
        for block in blocks:
            size = next((shape[read.axis] for leaf, shape in block.items() if _fits(read, leaf, shape)), None)
            if size is not None:
                sizes[read.label] = size
                break
    return tuple(sorted(sizes.items()))


def _fits(read: Read, leaf: str, shape: Shape) -> bool:
    if read.dimensions and len(shape) != read.dimensions:
        return False
    return -len(shape) <= read.axis < len(shape) and read.tensor.fullmatch(leaf) is not None
