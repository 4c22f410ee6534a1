"""What the name of a checkpoint and of its directories says: the weakest source. Pure.

Numbers come only from the name and from directories that a file name template made (`epoch=3-val/loss=0.25.ckpt`).
Model names are known names as whole path tokens, the longest first, so that `pan_decoder` is no `pan`. What is
ambiguous is absent. `best` is no epoch and no reason for saving; `last` is a reason, no epoch.
"""

from __future__ import annotations

import re
from typing import Any

from ckpt_indexer.metadata.metrics import direction
from ckpt_indexer.metadata.naming import checkpoint_suffix, display, stem
from ckpt_indexer.metadata.record import Component, Finding, Metric
from ckpt_indexer.metadata.runs import split_path

KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "architecture": ("dbnetpp", "dbnet++", "dbnet", "craft", "pan", "psenet", "fcenet", "crnn", "parseq", "abinet"),
    "backbone": (
        "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2",
        "resnext50_32x4d", "resnext101_32x8d", "mobilenetv2_100", "mobilenetv3_small_050", "mobilenetv3_small_075",
        "mobilenetv3_small_100", "mobilenetv3_large_075", "mobilenetv3_large_100", "efficientnet_b0",
        "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "efficientnet_b5",
        "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l",
        "efficientnetv2_s", "efficientnetv2_m", "efficientnetv2_l", "convnext_tiny", "convnext_small", "convnext_base",
        "convnext_large", "convnextv2_tiny", "convnextv2_base", "swin_t", "swin_s", "swin_b",
        "swin_tiny_patch4_window7_224", "swin_small_patch4_window7_224", "swin_base_patch4_window7_224", "vit_b_16",
        "vit_l_16", "vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224", "vit_large_patch16_224",
        "vgg16", "vgg19", "densenet121",
    ),
    "decoder": ("pan_decoder", "fpn_decoder", "unet_decoder", "unet", "craft_decoder", "dbpp_decoder"),
    "head": ("db_head", "craft_head"),
}  # fmt: skip
"""Field of the row -> names that stand for themselves in a path."""
_SAME = {"dbnet++": "dbnetpp"}
_WEAK = "pan"
"""Names an architecture, but beside another one it is short for the decoder (`dbnet-resnet50-pan`)."""
_FIELD_OF = {name: field for field, names in KNOWN_NAMES.items() for name in names}
_ALTERNATIVES = "|".join(re.escape(name) for name in sorted(_FIELD_OF, key=len, reverse=True))
_NAMES = re.compile(rf"(?<![a-z0-9])(?:{_ALTERNATIVES})(?![a-z0-9+])")
_BEFORE = r"(?<![a-z0-9])(?<!max_)(?<!max-)(?<!num_)(?<!total_)"
_AFTER = r"(?![a-z0-9]|\.\d)"
_EPOCH = re.compile(rf"{_BEFORE}epoch[=_-](\d{{1,9}}){_AFTER}", re.IGNORECASE | re.ASCII)
_STEP = re.compile(rf"{_BEFORE}(?:global_step[=_-]?|step[=_-]|iter[=_-])(\d{{1,15}}){_AFTER}", re.IGNORECASE | re.ASCII)
_STEP_DIRECTORY = re.compile(rb"checkpoint-(\d{1,15})")
_METRIC = re.compile(
    r"([a-z][a-z0-9_/.@()]*)=(-?\d{1,15}(?:\.\d{1,20})?(?:e[-+]?\d{1,2})?)(?![a-z0-9.])", re.IGNORECASE | re.ASCII
)
_COUNTED = re.compile(r"(?:\w+_)?(?:model|checkpoint|ckpt|epoch|step|iter)_\d+_(?=[a-z])", re.IGNORECASE | re.ASCII)
"""What stands before the name of a metric in `best_model_3_val_acc=0.75.pt`, as ignite writes it."""
_LAST = re.compile(r"last(?:-v\d+)?", re.ASCII)
_ROLES = {"backbone": "encoder", "decoder": "decoder", "head": "head"}


def find_path_facts(path: bytes) -> Finding | None:
    """Return what a checkpoint's path relative to its root says; None when it says nothing."""
    run, (*made, name) = split_path(path)
    base = display(stem(name))
    template = "/".join((*(display(part) for part in made), base))
    said = {
        "epoch": _last_number(_EPOCH, template),
        "global_step": _step(made, name, template),
        "saved_as": "last" if _LAST.fullmatch(base) else None,
    }
    facts: dict[str, Any] = {field: value for field, value in said.items() if value is not None}  # JSON scalars
    names = model_names("/".join((*(display(part) for part in run), template)))
    metrics = _metrics(template)
    if not (facts or names or metrics):
        return None
    components = [Component(role, names[field], {}) for field, role in _ROLES.items() if field in names]
    return Finding("names", display(path), facts={**facts, **names}, metrics=metrics, components=components)


def model_names(text: str) -> dict[str, str]:
    """Return row field -> the one known name for it among the tokens of a path; two different ones are none."""
    found: dict[str, set[str]] = {}
    for match in _NAMES.findall(text.lower()):
        found.setdefault(_FIELD_OF[match], set()).add(_SAME.get(match, match))
    architectures = found.get("architecture", set())
    if len(architectures) > 1:
        architectures.discard(_WEAK)
    return {field: names.pop() for field, names in found.items() if len(names) == 1}


def _step(made: list[bytes], name: bytes, template: str) -> int | None:
    """Return the step. The number of a `checkpoint-N` directory is one; that of such a file may as well be an epoch."""
    step = _last_number(_STEP, template)
    directories = made if checkpoint_suffix(name) is not None else [name]
    found = _STEP_DIRECTORY.fullmatch(directories[-1]) if step is None and directories else None
    return int(found[1]) if found is not None else step


def _last_number(pattern: re.Pattern[str], text: str) -> int | None:
    """Return the last number of that kind; None when there is none."""
    found = pattern.findall(text)
    return int(found[-1]) if found else None


def _metrics(template: str) -> dict[str, Metric]:
    """Return the metric values of a name; one that occurs with two values is none."""
    found: dict[str, set[float]] = {}
    for written, value in _METRIC.findall(template):
        name = _COUNTED.sub("", written, count=1) if _COUNTED.match(written) else written
        if direction(name) is not None:
            found.setdefault(name, set()).add(float(value))
    return {name: Metric(values.pop()) for name, values in found.items() if len(values) == 1}
