"""Names and shapes of real models, as `scripts/make_structures.py` wrote them, and of the parts of text detectors."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

Shapes = dict[str, tuple[int, ...]]

GOLDEN = Path(__file__).parent.parent / "golden" / "structures"
LIBRARIES = ("timm", "torchvision", "timm_features")


@cache
def models(library: str) -> dict[str, Shapes]:
    """Return model name -> tensor name -> shape."""
    document = json.loads((GOLDEN / f"{library}.json").read_text(encoding="utf-8"))
    return {name: unfold(tree) for name, tree in document["models"].items()}


def unfold(tree: dict[str, Any], prefix: str = "") -> Shapes:
    """Return a folded tree of names as flat names."""
    shapes: Shapes = {}
    for keys, below in tree.items():
        for key in keys.split(","):
            name = f"{prefix}.{key}" if prefix and key else prefix or key
            shapes.update({name: tuple(below)} if isinstance(below, list) else unfold(below, name))
    return shapes


def under(prefix: str, shapes: Shapes) -> Shapes:
    """Return the same tensors below a prefix."""
    return {prefix + name: shape for name, shape in shapes.items()}


def conv(name: str, out: int, into: int, kernel: int) -> Shapes:
    """Return a convolution without bias and the batch normalisation behind it (`name.0`, `name.1`)."""
    own = {f"{name}.1.{part}": (out,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {f"{name}.0.weight": (out, into, kernel, kernel), **own, f"{name}.1.num_batches_tracked": ()}


def pan_decoder(inputs: tuple[int, ...] = (64, 128, 256, 512), inner: int = 256, out: int = 128) -> Shapes:
    shapes: Shapes = {}
    for place, into in enumerate(inputs):
        shapes |= conv(f"decoder.reduce_convs.{place}", inner, into, 1)
    for place in range(len(inputs) - 1):
        shapes |= conv(f"decoder.top_down_smooth.{place}", inner, inner, 3)
        shapes |= conv(f"decoder.bottom_up.{place}", inner, inner, 3)
    return shapes | conv("decoder.output_conv", out, inner * len(inputs), 3)


def dbpp_decoder(inputs: tuple[int, ...] = (256, 512, 1024, 2048), inner: int = 256, out: int = 128) -> Shapes:
    shapes: Shapes = {}
    for place, into in enumerate(inputs):
        shapes |= conv(f"decoder.lateral_convs.{place}", inner, into, 1)
    for way in ("top_down", "bottom_up"):
        for place in range(len(inputs) - 1):
            shapes[f"decoder.{way}.{place}.depthwise.weight"] = (inner, 1, 3, 3)
            shapes[f"decoder.{way}.{place}.pointwise.weight"] = (inner, inner, 1, 1)
            shapes[f"decoder.{way}.{place}.bn.weight"] = (inner,)
    return shapes | conv("decoder.output_conv", out, inner * len(inputs), 3)


def fpn_decoder(inputs: tuple[int, ...] = (64, 128, 256, 512), inner: int = 96, out: int = 128) -> Shapes:
    shapes: Shapes = {}
    for place, into in enumerate(inputs):
        shapes |= conv(f"decoder.lateral_convs.{place}", inner, into, 1)
        shapes |= conv(f"decoder.output_convs.{place}", inner, inner, 3)
    return shapes | conv("decoder.fusion", out, inner * len(inputs), 3)


def unet(inputs: tuple[int, ...] = (64, 128, 256, 512), inner: int = 256, out: int = 64) -> Shapes:
    shapes: Shapes = {f"decoder.inners.{place}.weight": (inner, into, 1, 1) for place, into in enumerate(inputs)}
    shapes |= {f"decoder.outers.{place}.0.weight": (out, inner, 3, 3) for place in range(len(inputs) - 1)}
    return shapes | {f"decoder.outers.{len(inputs) - 1}.weight": (out, inner, 3, 3)}


def craft_decoder(inputs: tuple[int, ...] = (64, 128, 256, 512), inner: int = 256, out: int = 256) -> Shapes:
    shapes: Shapes = {}
    for place, into in enumerate(inputs):
        shapes |= conv(f"decoder.reduce_layers.{place}", inner, into, 1)
        shapes |= conv(f"decoder.smooth_layers.{place}", inner, inner, 3)
    return shapes | conv("decoder.out_projection", out, inner * len(inputs), 3)


def db_head(into: int = 256) -> Shapes:
    shapes: Shapes = {}
    for branch in ("binarize", "thresh"):
        shapes |= conv(f"head.{branch}", into // 4, into, 3)
        shapes |= {
            f"head.{branch}.3.weight": (into // 4, into // 4, 2, 2),
            f"head.{branch}.6.weight": (into // 4, 1, 2, 2),
        }
    return shapes


def craft_head(into: int = 256) -> Shapes:
    return conv("head.region_branch", 128, into, 3) | conv("head.affinity_branch", 128, into, 3)
