"""Whether two names mean one structure: `tf_efficientnet_b0` and `efficientnet_b0`, `swin_t` and
`swin_tiny_patch4_window7_224`, `UNet` and `unet_decoder`. Pure.

Only names whose structure the tables know can disagree with one. A name nobody here knows says nothing against a
structure, and the other way round.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from ckpt_indexer.metadata.model_names import known_name
from ckpt_indexer.readers.signatures.parts import PART_NAMES
from ckpt_indexer.readers.signatures.rows import ROWS
from ckpt_indexer.readers.signatures.rows_numbered import NUMBERED_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable

_HUB = re.compile(r"^(?:hf[-_]hub:)?(?:timm/)?(?:tf_|tv_|gluon_)?")
_SIZES = {"t": "tiny", "s": "small", "b": "base", "l": "large", "h": "huge"}
_SIZE = re.compile(r"^(vit|deit|swin|swinv2)_([tsblh])(?=_|$)")
_VERSION = re.compile(r"_v(?=\d)")
_PATCH = re.compile(r"_patch(?=\d)")
_IMAGE = re.compile(r"_(?:window\d+(?:to\d+)?|192to(?:256|384)|192|224|256|384|448|512)(?=_|$)")
_FIELDS = {"decoder": "decoder", "head": "head"}
_SAME_PART = {"unet_decoder": "unet", "pan": "pan_decoder", "fpn": "fpn_decoder", "dbpp": "dbpp_decoder"}


def disagree(role: str, configured: str, fitting: Iterable[str]) -> bool:
    """Tell whether a configured name is known to have another structure than every name that fits the one at hand."""
    own = _plain(role, configured)
    return own in _known(role) and own not in {_plain(role, name) for name in fitting}


def _plain(role: str, name: str) -> str:
    """Return what of a name its structure depends on: no recipe, tag, image size, window; one library's spelling."""
    if role != "encoder":
        lower = name.strip().lower()
        known = known_name(_FIELDS.get(role, role), lower) or lower
        return _SAME_PART.get(known, known)
    plain = _HUB.sub("", name.strip().lower().replace("-", "_")).partition(".")[0]
    plain = _VERSION.sub("v", plain)
    plain = _SIZE.sub(lambda found: f"{found[1]}_{_SIZES[found[2]]}", plain)
    plain = re.sub(r"^deit_", "vit_", plain)
    if plain.startswith(("swin", "vit")):
        plain = _IMAGE.sub("", _PATCH.sub("_", plain))
        return plain.removesuffix("_4") if plain.startswith("swin") else plain
    return plain.removesuffix("_100") if plain.startswith("mobilenet") else plain.removesuffix("_bn")


@cache
def _known(role: str) -> frozenset[str]:
    """Return the plain names of all structures that can be recognised for a role."""
    if role != "encoder":
        return frozenset(_plain(role, name) for name in PART_NAMES.get(role, ()))
    rows = (
        line.partition(" = ")[0]
        for table in (ROWS, NUMBERED_ROWS)
        for text in table.values()
        for line in text.split("\n")
    )
    return frozenset(_plain(role, name) for names in rows if not names.startswith(" ") for name in names.split())
