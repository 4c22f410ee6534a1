"""Names of models and their parts as configurations write them, made comparable. Pure.

A configuration says the same thing as `resnet50`, `ResNet50`, `resnet50.a1_in1k` or `torchvision.models.resnet50`, and
`pan_decoder` as `ocr.models.decoder.PANDecoder`. A known name is given back in its known spelling, any other text as
it stands, any other class name in snake case. A class that wraps any model (`TimmBackbone`, `OCRModel`) names none.
"""

from __future__ import annotations

import re

from ckpt_indexer.metadata.fields import ABSENT_WORDS, is_clean
from ckpt_indexer.metadata.path_facts import KNOWN_NAMES, model_names

MAX_NAME = 200
"""Characters; longer text is no name."""
_MARKS = re.compile(r"[^a-z0-9]+")
_ABSENT = ABSENT_WORDS | {"none", "null", "???"}
_HUB = re.compile(r"^(?:hf[-_]hub:|local-dir:)?(?:timm/)?")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_BORDERS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GLUED = re.compile(r"(?<=[a-z])Net|UNet(?![a-z])")
_NO_NAME = frozenset({"auto", "default", "custom"})
_FILE = re.compile(r"(?:.*/)?([^/]+)\.(?:pt|pth|ckpt|safetensors|ya?ml|json|py)")
_FAMILY = re.compile(
    r"(?:tf_|legacy_|gluon_)?(?:res(?:net|next|nest)|res2net|wide_resnet|seresne|ecaresnet|regnet|mobilenet|mobilevit|"
    r"mnasnet|ghostnet|shufflenet|squeezenet|efficientnet|convnext|swin|vit_|deit|beit|eva0|cait|pvt|maxvit|coatnet|vgg|"
    r"densenet|inception|xception|hrnet|dla\d|darknet|cspresne|cspdarknet|dpn\d|nfnet|alexnet)"
)
"""How the name of a network that classifies images, or extracts their features, begins."""
_SUFFIXES = {"architecture": ("architecture", "model")}
"""Words at the end of a class name that say what it is, not which one."""
_WRAPPERS = frozenset(
    {
        "architecture", "backbone", "base", "build", "builder", "create", "criterion", "custom", "decoder", "detector",
        "encoder", "extractor", "factory", "feature", "features", "from", "generic", "get", "head", "hf", "huggingface",
        "lightning", "lit", "load", "loss", "make", "model", "module", "my", "neck", "net", "network", "ocr", "pl",
        "pretrained", "recognizer", "smp", "system", "task", "timm", "torch", "torchvision", "transformers", "wrapper",
    }
)  # fmt: skip
"""A class whose name is made of these alone holds whatever it was given."""


def _squash(text: str) -> str:
    """Return a name without case, marks and plus signs: `DBNet++` and `dbnet_pp` are one."""
    return _MARKS.sub("", text.lower().replace("+", "p"))


_SQUASHED: dict[str, dict[str, str]] = {}
for _field, _names in KNOWN_NAMES.items():
    _SQUASHED[_field] = {_squash(_name): _name for _name in reversed(_names) if "+" not in _name}


def plain_text(value: object) -> str | None:
    """Return text without surrounding blanks; None when it is none, too long for a name, empty, a place holder
    (`???`, `unknown`) or still to be interpolated."""
    if not isinstance(value, str) or len(value) > MAX_NAME or not is_clean(value) or "${" in value:
        return None
    text = value.strip()
    return None if text.lower() in _ABSENT else text


def name_in_text(field: str, value: object) -> str | None:
    """Return the name that a text value gives for a part of a model (`backbone`, `decoder`... as the row calls it);
    None when it gives none, or the name of a wrapper. Of a path the name of the file counts."""
    text = plain_text(value)
    if text is None or text.lower() in _NO_NAME:
        return None
    file = _FILE.fullmatch(text)
    text = file[1] if file is not None else text.rpartition("/")[2] if text[0] in "/.~" else text
    for spelling in (text, _HUB.sub("", text).partition(".")[0], text.rpartition(".")[2]):
        known = known_name(field, spelling)
        if known is not None:
            return known
    return None if _is_wrapper(text) else text


def name_of_class(field: str, value: object) -> str | None:
    """Return the name that the path of a class or function (`_target_`, `class_path`) gives for a field of the row."""
    if not isinstance(value, str) or len(value) > MAX_NAME:
        return None
    last = re.split(r"[.:]", value)[-1].strip()
    if _IDENTIFIER.fullmatch(last) is None:
        return None
    for suffix in _SUFFIXES.get(field, ()):
        cut = last[: -len(suffix)].rstrip("_") if last.lower().endswith(suffix) else ""
        known = known_name(field, cut)
        if known is not None:
            return known
    snake = _snake(last)
    known = known_name(field, last) or model_names(snake).get(field)
    if known is not None:
        return known
    return None if _is_wrapper(snake) else snake


def encoder_in_text(value: object) -> str | None:
    """Return the name of the encoder where a text names a whole model that is one; None when it is not known to be."""
    name = name_in_text("backbone", value)
    if name is None or known_name("backbone", name) is not None:
        return name
    bare = _HUB.sub("", name)
    return bare if _FAMILY.match(bare) else None


def known_name(field: str, text: str) -> str | None:
    """Return the known spelling of a name; None when it is not known for this field."""
    lower = text.strip().lower()
    known = KNOWN_NAMES.get(field, ())
    return lower if lower in known and "+" not in lower else _SQUASHED.get(field, {}).get(_squash(lower))


def _snake(name: str) -> str:
    """Return a class name in snake case: `CrossEntropyLoss` is `cross_entropy_loss`, `DBUNet` is `db_unet`."""
    glued = _GLUED.sub(lambda found: found[0][:-3] + "net", name)
    return _BORDERS.sub("_", glued).lower()


def _is_wrapper(name: str) -> bool:
    words = {word for word in re.split(r"[^a-z0-9]+", _snake(name)) if word}
    return not words or words <= _WRAPPERS
