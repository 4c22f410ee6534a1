"""Decoders and heads of text detectors and segmentation networks by the names of their layers. Pure, table-driven.

A part is looked for below `decoder.` (or `neck.`) and `head.` (or `det_head.`), under any prefix. A row names layers
that must be there and layers that must not: a path aggregation network and DBNet++ share their way up, and differ in
their way down.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Shapes = Mapping[str, tuple[int, ...]]  # tensor name below the part -> shape

MAX_CHANNELS = 1 << 24
"""More channels are a lie."""


class Part(NamedTuple):
    """One recognised part of a model."""

    role: str
    name: str
    params: dict[str, Any]
    """Channels as documents name them; JSON values."""


class _Rule(NamedTuple):
    name: str
    needs: tuple[str, ...]
    """Each is matched by the start of a tensor's name."""
    refuses: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    """Patterns of the tensors whose second size is an input, by their number; the first with any counts."""
    inner: tuple[tuple[str, int], ...] = ()
    """(tensor, axis): the first present tells."""
    output: tuple[tuple[str, int], ...] = ()


_LATERAL = (r"lateral_convs\.(\d+)\.(?:0|conv)\.weight", r"reduce_convs\.(\d+)\.0\.weight")
_LATERAL_OUT = (("lateral_convs.0.0.weight", 0), ("lateral_convs.0.conv.weight", 0), ("reduce_convs.0.0.weight", 0))
_UP = (("bottom_up.0.pointwise.weight", 0), ("bottom_up.0.0.weight", 0), ("bottom_up.0.depthwise.weight", 0))
_DECODERS = (
    _Rule(
        "dbpp_decoder", ("bottom_up.", "top_down."), inputs=_LATERAL, inner=_LATERAL_OUT,
        output=(("output_conv.0.weight", 0), *_UP),
    ),
    _Rule(
        "dbpp_decoder", ("lateral_convs.", "asf"), ("bottom_up.",), inputs=_LATERAL, inner=_LATERAL_OUT,
        output=(("output_conv.0.weight", 0),),
    ),
    _Rule(
        "pan_decoder", ("bottom_up.",), ("top_down.", "blocks.", "asf"), inputs=_LATERAL,
        inner=(*_LATERAL_OUT, ("bottom_up.0.pointwise.weight", 1), ("bottom_up.0.0.weight", 1)),
        output=(("output_conv.0.weight", 0), *_UP),
    ),
    _Rule(
        "fpn_decoder", ("fusion.0.weight",), ("bottom_up.", "top_down.", "asf"), inputs=_LATERAL, inner=_LATERAL_OUT,
        output=(("fusion.0.weight", 0),),
    ),
    _Rule(
        "unet", ("inners.0.weight",), inputs=(r"inners\.(\d+)\.weight",), inner=(("inners.0.weight", 0),),
        output=(("outers.0.weight", 0), ("outers.0.0.weight", 0)),
    ),
    _Rule("unet", ("blocks.0.conv1.0.weight", "blocks.0.conv2.0.weight"), ("blocks.0.hl_conv", "bottom_up.")),
    _Rule(
        "craft_decoder", ("reduce_layers.0.0.weight", "smooth_layers.0.0.weight"),
        inputs=(r"reduce_layers\.(\d+)\.0\.weight",), inner=(("reduce_layers.0.0.weight", 0),),
        output=(("out_projection.0.weight", 0),),
    ),
)  # fmt: skip
_HEADS = (
    _Rule("db_head", ("binarize",), inner=(("binarize.0.weight", 1), ("0.weight", 1))),
    _Rule("craft_head", ("region_branch.", "affinity_branch."), inner=(("region_branch.0.weight", 1),)),
    _Rule("craft_head", ("craft",), inner=(("craft.0.weight", 1), ("0.weight", 1))),
)
_PLACES = (
    ("decoder", ("decoder.", "neck."), re.compile(r"(?:^|(?<=\.))(?:decoder|neck)\."), _DECODERS),
    ("head", ("head.",), re.compile(r"(?:^|(?<=\.))(?:head|det_head)\."), _HEADS),
)
PART_NAMES = {"decoder": tuple(rule.name for rule in _DECODERS), "head": tuple(rule.name for rule in _HEADS)}
"""Role -> names that can be recognised."""


def find_parts(shapes: Shapes, text: str) -> Iterator[Part]:
    """Yield the decoders and heads a state dict holds; one per place where there is one, in the order of the names.

    `text` is all names in one.
    """
    for role, hints, place, rules in _PLACES:
        if not any(hint in text for hint in hints):
            continue
        below: dict[str, dict[str, tuple[int, ...]]] = {}
        for name, shape in shapes.items():
            found = place.search(name)
            if found is not None:
                below.setdefault(name[: found.end()], {})[name[found.end() :]] = shape
        for own in below.values():
            rule = next((rule for rule in rules if _applies(rule, own)), None)
            if rule is not None:
                yield Part(role, rule.name, _head_params(rule, own) if role == "head" else _channels(rule, own))


def _applies(rule: _Rule, shapes: Shapes) -> bool:
    """Tell whether a convolution lies under each layer that is needed, and nothing under a refused one."""
    if any(name.startswith(rule.refuses) for name in shapes if rule.refuses):
        return False
    return all(any(name.startswith(need) and len(shape) == 4 for name, shape in shapes.items()) for need in rule.needs)


def _channels(rule: _Rule, shapes: Shapes) -> dict[str, Any]:
    inputs = next((found for found in (_inputs(pattern, shapes) for pattern in rule.inputs) if found), None)
    inner = _first(rule.inner, shapes)
    if inner is None and rule.name == "fpn_decoder":
        joined = _first((("fusion.0.weight", 1),), shapes)
        inner = joined // 4 if joined is not None and joined % 4 == 0 else None
    told = {"in_channels": inputs, "inner_channels": inner, "output_channels": _first(rule.output, shapes)}
    return {key: value for key, value in told.items() if value is not None}


def _head_params(rule: _Rule, shapes: Shapes) -> dict[str, Any]:
    channels = _first(rule.inner, shapes)
    return {} if channels is None else {"in_channels": channels}


def _inputs(pattern: str, shapes: Shapes) -> list[int] | None:
    """Return the inputs in order; None unless all from the first on are there."""
    found: dict[int, int] = {}
    for name, shape in shapes.items():
        match = re.fullmatch(pattern, name, re.ASCII)
        if match is not None and len(match[1]) < 4 and len(shape) == 4 and shape[1] < MAX_CHANNELS:
            found[int(match[1])] = shape[1]
    return [found[place] for place in range(len(found))] if found and found.keys() == set(range(len(found))) else None


def _first(places: tuple[tuple[str, int], ...], shapes: Shapes) -> int | None:
    for name, axis in places:
        shape = shapes.get(name)
        if shape is not None and len(shape) == 4 and shape[axis] < MAX_CHANNELS:
            return shape[axis]
    return None
