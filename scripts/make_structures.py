"""Write tests/golden/structures/: names and shapes of the tensors in real models, as public model libraries build them.

Run it in a throw-away environment, never in the one the tests use (torchvision and torch must fit exactly):

    python3 -m venv /tmp/shapes && /tmp/shapes/bin/pip install -c constraints.txt torch torchvision timm
    /tmp/shapes/bin/python scripts/make_structures.py tests/golden/structures

torchvision's compiled operators are not needed to build a model; two are declared here so that a torchvision made for
another build of torch can be imported at all. One file per library: model -> tree of names. Children that hold the same
are one entry (`"0,1,2": ...`), so that a file stays small and a difference readable; `tests/readers/structure_files.py`
unfolds it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

TIMM = (
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2",
    "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "resnet18d", "resnet34d", "resnet50d", "resnet101d",
    "resnet50c", "resnet101c", "resnet50t",
    "resnet26", "seresnet50", "resnetrs50", "ecaresnet50d", "resnetv2_50", "res2net50_26w_4s", "regnety_032",
    "mobilenetv2_100", "mobilenetv2_140", "mobilenetv3_small_050", "mobilenetv3_small_075", "mobilenetv3_small_100",
    "mobilenetv3_large_075", "mobilenetv3_large_100", "mobilenetv3_rw", "tf_mobilenetv3_large_minimal_100",
    "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "efficientnet_b5",
    "efficientnet_b6", "efficientnet_b7", "tf_efficientnet_b0", "tf_efficientnetv2_b0", "efficientnet_lite0",
    "efficientnet_es", "efficientnetv2_s", "efficientnetv2_m", "efficientnetv2_l", "efficientnetv2_rw_s", "mnasnet_100",
    "convnext_atto", "convnext_femto", "convnext_pico", "convnext_nano", "convnext_tiny", "convnext_small",
    "convnext_base", "convnext_large", "convnext_xlarge", "convnextv2_tiny", "convnextv2_base", "convnextv2_large",
    "swin_tiny_patch4_window7_224", "swin_small_patch4_window7_224", "swin_base_patch4_window7_224",
    "swin_base_patch4_window12_384", "swin_large_patch4_window7_224", "swinv2_tiny_window8_256",
    "swinv2_tiny_window16_256", "swinv2_small_window8_256", "swinv2_base_window8_256", "swinv2_large_window12_192",
    "vit_tiny_patch16_224", "vit_small_patch16_224", "vit_small_patch32_224", "vit_base_patch8_224",
    "vit_base_patch16_224", "vit_base_patch16_384", "vit_base_patch32_224", "vit_large_patch16_224",
    "vit_large_patch32_224", "vit_huge_patch14_224", "deit_small_patch16_224", "deit_base_distilled_patch16_224",
    "vit_base_patch16_clip_224", "vit_base_patch14_dinov2", "beit_base_patch16_224", "vgg16", "vgg16_bn", "vgg19_bn",
    "densenet121", "densenet169", "hrnet_w18",
)  # fmt: skip
TORCHVISION = (
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2",
    "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "mobilenet_v2", "mobilenet_v3_small",
    "mobilenet_v3_large", "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4",
    "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_s", "efficientnet_v2_m",
    "efficientnet_v2_l", "convnext_tiny", "convnext_small", "convnext_base", "convnext_large", "swin_t", "swin_s",
    "swin_b", "swin_v2_t", "swin_v2_s", "swin_v2_b", "vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14",
    "vgg11", "vgg13", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "densenet121", "densenet161", "densenet169",
    "densenet201", "squeezenet1_1", "shufflenet_v2_x1_0", "mnasnet1_0", "googlenet",
)  # fmt: skip
FEATURES = (
    "resnet18", "resnet50", "mobilenetv3_small_050", "mobilenetv3_large_100", "efficientnet_b0", "efficientnet_b3",
    "efficientnetv2_s", "convnext_tiny", "convnextv2_tiny", "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256",
    "vit_small_patch16_224", "vgg16_bn", "densenet121",
)  # fmt: skip
"""timm models also built with `features_only=True`, which renames and drops parts."""

Shapes = dict[str, tuple[int, ...]]


def main() -> int:
    """Build every model on the meta device (no weights, no download) and write the three files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)
    import torch

    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    timm, torchvision = (importlib.import_module(name) for name in ("timm", "torchvision"))  # of that environment

    with torch.device("meta"):
        _write(directory, "timm", {name: _shapes(timm.create_model(name)) for name in TIMM}, timm.__version__)
        features = {name: _shapes(timm.create_model(name, features_only=True)) for name in FEATURES}
        _write(directory, "timm_features", features, timm.__version__)
        get = torchvision.models.get_model
        _write(directory, "torchvision", {name: _shapes(get(name)) for name in TORCHVISION}, torchvision.__version__)
    return 0


def fold(shapes: Shapes) -> dict[str, Any]:
    """Return names as a tree, equal children under one key; the empty key holds a node's own shape."""
    tree: dict[str, Any] = {}
    for name, shape in shapes.items():
        here = tree
        for part in name.split("."):
            here = here.setdefault(part, {})
        here[""] = list(shape)
    return _merged(tree)


def _merged(tree: dict[str, Any]) -> dict[str, Any]:
    groups: dict[str, tuple[list[str], Any]] = {}
    for key, below in tree.items():
        inner = _merged(below) if isinstance(below, dict) else below
        groups.setdefault(json.dumps(inner, sort_keys=True), ([], inner))[0].append(key)
    merged = {",".join(keys): inner for keys, inner in groups.values()}
    return {
        key: inner[""] if isinstance(inner, dict) and set(inner) == {""} else inner for key, inner in merged.items()
    }


def _shapes(model: Any) -> Shapes:  # noqa: ANN401  # a torch module, which the type checker does not follow
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _write(directory: Path, library: str, models: dict[str, Shapes], version: str) -> None:
    lines = [
        f"{json.dumps(name)}: {json.dumps(fold(shapes), separators=(',', ':'))}" for name, shapes in models.items()
    ]
    head = json.dumps({"library": library, "version": version})[1:-1]
    text = "{" + head + ',\n"models": {\n' + ",\n".join(lines) + "\n}}\n"
    (directory / f"{library}.json").write_text(text, encoding="utf-8")
    print(f"{library} {version}: {len(models)} models, {len(text)} bytes")


if __name__ == "__main__":
    sys.exit(main())
