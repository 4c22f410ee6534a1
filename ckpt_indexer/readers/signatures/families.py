"""Families of encoders: how each names its blocks in a state dict, and what of them tells its members apart. Pure.

A family finds its blocks under any prefix, sorts them into stages and describes each stage by how many blocks it has
and a few sizes: `1:3 a64 b64 c256` is a stage 1 of three blocks whose first convolution has 64 output channels.
`signature_rows` holds these descriptions for known members. One tensor within a block that no member has, and the
model is something else: nothing is recognised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
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
    """Text that every name of a block holds."""
    block: re.Pattern[str]
    """Finds one tensor of a block: groups `stage` and `block`, where there are such numbers, and `leaf`."""
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


def describe(family: Family, shapes: Mapping[str, Shape]) -> list[Description]:
    """Return the description of every prefix under which there are blocks of this family, and nothing foreign."""
    groups: dict[str, _Group] = {}
    for name, shape in shapes.items():
        found = family.block.search(name) if family.hint in name else None
        if found is None:
            continue
        group = groups.setdefault(name[: found.start()], _Group())
        numbers = found.groupdict()
        leaf = numbers["leaf"]
        if family.leaf.fullmatch(leaf) is None:
            group.foreign = True
            continue
        stage, block = int(numbers.get("stage") or 0), int(numbers.get("block") or 0)
        group.stages.setdefault(stage, {}).setdefault(block, {})[leaf] = shape
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


_END = r"\.(?:weight|bias|running_mean|running_var|num_batches_tracked)"


def _read(label: str, tensor: str, axis: int, dimensions: int = 0) -> Read:
    return Read(label, re.compile(tensor), axis, dimensions)


_SUB_BLOCKS = (
    _read("a", r"0\.0\.weight", 0), _read("k", r"0\.0\.weight", 2), _read("l", r"1\.0\.weight", 2),
    _read("b", r"1\.(?:0\.|fc1\.)?weight", 0, 4), _read("c", r"2\.(?:0\.|fc1\.)?weight", 0, 4),
    _read("d", r"3\.0\.weight", 0),
)  # fmt: skip

FAMILIES = (
    Family(
        "resnet", "layer",
        re.compile(r"(?:^|(?<=\.))layer(?P<stage>[1-4])\.(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(rf"(?:(?:conv|bn)[123]|(?:downsample|shortcut)\.[012]){_END}"),
        (
            _read("a", r"conv1\.weight", 0), _read("b", r"conv2\.weight", 1), _read("c", r"conv3\.weight", 0),
            _read("k", r"conv1\.weight", 2), _read("v", r"downsample\.1\.weight", 0, 4),
        ),
        beside=(_read("s", "conv1.0.weight|stem.0.weight", 0, 4), _read("t", "conv1.6.weight|stem.6.weight", 0, 4)),
        optional=frozenset("abk"), spare=1,
    ),
    Family(
        "mbconv", "blocks.",
        re.compile(r"(?:^|(?<=\.))blocks\.(?P<stage>\d{1,2})\.(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(rf"(?:conv(?:_dw|_pw|_pwl|_exp)?|bn[123]|se\.conv_(?:reduce|expand)){_END}"),
        (
            _read("k", r"conv_dw\.weight", 2), _read("m", r"conv_dw\.weight", 0), _read("p", r"conv_pw\.weight", 0),
            _read("o", r"conv_pwl\.weight", 0), _read("x", r"conv_exp\.weight", 0), _read("n", r"conv\.weight", 0, 4),
            _read("r", r"se\.conv_reduce\.weight", 0),
        ),
        beside=(_read("s", "conv_stem.weight", 0),),
        optional=frozenset("s"), spare=1,
    ),
    Family(
        "mobilenet_v3_torchvision", ".block.",
        re.compile(r"(?:^|(?<=\.))features\.(?P<stage>\d{1,2})\.block\.(?P<leaf>\d.+)"),
        re.compile(rf"[0-3]\.(?:[01]|fc[12]){_END}"), _SUB_BLOCKS,
    ),
    Family(
        "mobilenet_v2_torchvision", ".conv.",
        re.compile(r"(?:^|(?<=\.))features\.(?P<stage>\d{1,2})\.conv\.(?P<leaf>\d.+)"),
        re.compile(rf"[0-3](?:\.[01])?{_END}"), _SUB_BLOCKS,
    ),
    Family(
        "efficientnet_torchvision", ".block.",
        re.compile(r"(?:^|(?<=\.))features\.(?P<stage>\d{1,2})\.(?P<block>\d{1,3})\.block\.(?P<leaf>\d.+)"),
        re.compile(rf"[0-3]\.(?:[01]|fc[12]){_END}"), _SUB_BLOCKS,
    ),
    Family(
        "convnext", "stages",
        re.compile(r"(?:^|(?<=\.))stages[._](?P<stage>\d)\.(?:blocks\.)?(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(r"(?:conv_dw|dwconv|norm|mlp\.fc[12]|pwconv[12]|mlp\.grn)\.(?:weight|bias)|gamma|grn\.(?:gamma|beta)"),
        (
            _read("d", r"(?:conv_dw|dwconv)\.weight", 0), _read("k", r"(?:conv_dw|dwconv)\.weight", 2),
            _read("m", r"(?:mlp\.fc1|pwconv1)\.weight", 0), _read("g", r"mlp\.grn\.weight|grn\.gamma", -1),
        ),
        spare=1,
    ),
    Family(
        "convnext_torchvision", "features.",
        re.compile(r"(?:^|(?<=\.))features\.(?P<stage>[1357])\.(?P<block>\d{1,3})\.(?P<leaf>block\..+|layer_scale)"),
        re.compile(r"block\.[0235]\.(?:weight|bias)|layer_scale"),
        (_read("d", r"block\.0\.weight", 0), _read("k", r"block\.0\.weight", 2), _read("m", r"block\.3\.weight", 0)),
        spare=1,
    ),
    Family(
        "swin", "layers",
        re.compile(r"(?:^|(?<=\.))layers[._](?P<stage>\d)\.blocks\.(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(
            r"(?:norm[12]|attn\.(?:qkv|proj|cpb_mlp\.[02])|mlp\.fc[12])\.(?:weight|bias)|attn_mask|"
            r"attn\.(?:logit_scale|[qkv]_bias|relative_(?:position_bias_table|position_index|coords_table))"
        ),
        (
            _read("d", r"attn\.proj\.weight", 0), _read("m", r"mlp\.fc1\.weight", 0),
            _read("h", r"attn\.relative_position_bias_table", 1), _read("w", r"attn\.relative_position_bias_table", 0),
            _read("c", r"attn\.cpb_mlp\.2\.weight", 0), _read("t", r"attn\.relative_coords_table", 1),
        ),
        optional=frozenset("t"), spare=1,
    ),
    Family(
        "swin_torchvision", "features.",
        re.compile(r"(?:^|(?<=\.))features\.(?P<stage>[1357])\.(?P<block>\d{1,3})\.(?P<leaf>(?:attn|mlp|norm).+)"),
        re.compile(
            r"(?:norm[12]|attn\.(?:qkv|proj|cpb_mlp\.[02])|mlp\.[03])\.(?:weight|bias)|"
            r"attn\.(?:logit_scale|relative_(?:position_bias_table|position_index|coords_table))"
        ),
        (
            _read("d", r"attn\.proj\.weight", 0), _read("m", r"mlp\.0\.weight", 0),
            _read("h", r"attn\.relative_position_bias_table", 1), _read("c", r"attn\.cpb_mlp\.2\.weight", 0),
        ),
        spare=1,
    ),
    Family(
        "vit", "blocks.",
        re.compile(r"(?:^|(?<=\.))blocks\.(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(r"(?:norm[12]|attn\.(?:qkv|proj)|mlp\.fc[12])\.(?:weight|bias)"),
        (_read("d", r"attn\.proj\.weight", 0), _read("m", r"mlp\.fc1\.weight", 0)),
        beside=(_read("p", "patch_embed.proj.weight", 2),),
        refused=("dist_token", "reg_token", "norm_pre.weight", "attn_pool.latent", "mask_token", "decoder_pos_embed"),
        positions="pos_embed",
    ),
    Family(
        "vit_torchvision", "encoder_layer_",
        re.compile(r"(?:^|(?<=\.))encoder\.layers\.encoder_layer_(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(
            r"(?:ln_[12]|self_attention\.out_proj|mlp\.(?:0|3|linear_[12]))\.(?:weight|bias)|"
            r"self_attention\.in_proj_(?:weight|bias)"
        ),
        (_read("d", r"self_attention\.out_proj\.weight", 0), _read("m", r"mlp\.(?:0|linear_1)\.weight", 0)),
        beside=(_read("p", "conv_proj.weight", 2),),
    ),
    Family(
        "vgg", ".weight",
        re.compile(r"(?:^|(?<=\.))(?:features[._]|slice[1-4]\.)(?P<stage>\d{1,2})\.(?P<leaf>weight)$"),
        re.compile(r"weight"),
        (_read("o", r"weight", 0, 4), _read("n", r"weight", 0, 1)),
        spare=2,
    ),
    Family(
        "densenet", "denselayer",
        re.compile(r"(?:^|(?<=\.))features[._]denseblock(?P<stage>\d)\.denselayer(?P<block>\d{1,3})\.(?P<leaf>.+)"),
        re.compile(rf"(?:conv|norm)[12]{_END}"),
        (_read("a", r"conv1\.weight", 0), _read("b", r"conv2\.weight", 0)),
        spare=1,
    ),
)  # fmt: skip
"""A leaf pattern names what the libraries have had in these blocks; sizes are read from the last block of a stage."""
