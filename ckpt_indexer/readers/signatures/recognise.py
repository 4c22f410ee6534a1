"""Which encoder, decoder and head a state dict belongs to, by names and shapes alone. Pure, table-driven.

An encoder is told by its blocks: how many each stage has and how wide they are, never by its stem, which everybody
changes. A name is given only when the table has no other that fits; several that fit are candidates; a structure with
a part that no known model has is not recognised. A network cut for its features may lack its last stage.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.readers.signatures.blocks import Description, Family, Stage, describe, text_of
from ckpt_indexer.readers.signatures.families import FAMILIES
from ckpt_indexer.readers.signatures.parts import find_parts
from ckpt_indexer.readers.signatures.rows import ROWS
from ckpt_indexer.readers.signatures.rows_numbered import NUMBERED_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_TENSORS = 100_000
"""Names beyond are not looked at: no known model has so many."""


class Recognised(NamedTuple):
    """What a state dict is made of, as far as its structure tells."""

    names: dict[str, list[str]]
    """Role (encoder, decoder, head) -> names it fits: one is an answer, several are candidates."""
    params: dict[str, dict[str, Any]]
    """Role -> what the shapes tell of it: in_channels, inner_channels, output_channels; JSON values."""


class _Row(NamedTuple):
    names: tuple[str, ...]
    beside: dict[str, int]
    stages: tuple[Stage, ...]


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, list[str]]:
    """Return role -> names that the structure fits: one name is an answer, several are candidates, an absent role is
    one that was not recognised. `shapes`: tensor name -> shape, under any prefix."""
    return recognise_parts(shapes).names


def recognise_parts(shapes: Mapping[str, tuple[int, ...]]) -> Recognised:
    """Return the same, and beside each role what the shapes tell of its channels."""
    if len(shapes) > MAX_TENSORS:
        return Recognised({}, {})
    text = text_of(shapes)
    if text.count("\n") != len(shapes):  # no layer has a line end in its name
        return Recognised({}, {})
    names: dict[str, list[str]] = {}
    families = [family for family in FAMILIES if any(hint in text for hint in family.hint.split("|"))]
    encoders = list(dict.fromkeys(name for family in families for name in _members(family, shapes, text)))
    if encoders:
        names["encoder"] = encoders
    params: dict[str, dict[str, Any]] = {}
    for part in find_parts(shapes, text):
        known = names.setdefault(part.role, [])
        if part.name not in known:
            known.append(part.name)
            params[part.role] = part.params
    return Recognised(names, {role: own for role, own in params.items() if own and len(names[role]) == 1})


def _members(family: Family, shapes: Mapping[str, tuple[int, ...]], text: str) -> Iterator[str]:
    for description in describe(family, shapes, text):
        for row in _rows(family.name):
            if _fits(row, description, family):
                yield from _by_size(row, description)


def _fits(row: _Row, found: Description, family: Family) -> bool:
    lacking = len(row.stages) - len(found.stages)
    if not 0 <= lacking <= family.spare or not _agree(row.beside, dict(found.beside), family.optional):
        return False
    last = len(found.stages) - 1
    for position, (known, own) in enumerate(zip(row.stages, found.stages, strict=False)):
        cut = lacking > 0 and position == last
        if known.number != own.number or not (known.blocks == own.blocks or (cut and known.blocks > own.blocks)):
            return False
        if not _agree(dict(known.sizes), dict(own.sizes), family.optional):
            return False
    return True


def _agree(known: Mapping[str, int], own: Mapping[str, int], optional: frozenset[str]) -> bool:
    """Tell whether sizes agree: each of both sides, but for optional ones that one side lacks."""
    if not own.keys() - optional <= known.keys():
        return False
    return all(own[label] == size if label in own else label in optional for label, size in known.items())


def _by_size(row: _Row, found: Description) -> tuple[str, ...]:
    """Return the names of a row that are of the size the tensors tell, where they tell it: of the image, by the number
    of its patches, or of the window, by the table of its offsets."""
    endings = []
    patch = dict(found.beside).get("p")
    if patch is not None and found.tokens is not None:
        endings.append(f"_{math.isqrt(max(found.tokens - 1, 0)) * patch}")
    offsets = dict(found.stages[0].sizes).get("t")
    if offsets is not None:
        window = (offsets + 1) // 2
        endings += [f"_window{window}_{size}" for size in (192, 256, 384)]
    told = tuple(name for name in row.names if name.endswith(tuple(endings))) if endings else ()
    return told or row.names


@cache
def _rows(family: str) -> tuple[_Row, ...]:
    lines = (ROWS.get(family, "") + NUMBERED_ROWS.get(family, "")).replace("\n ", " ").split("\n")
    return tuple(_row(*line.split(" = ")) for line in lines if line)


def _row(names: str, text: str) -> _Row:
    """Return a row of the table as values: `s32 | 1:3 a64 b64 | 2:4 a128 b128`."""
    parts = [part.split() for part in text.split("|")]
    beside = dict(map(_size, parts.pop(0))) if ":" not in parts[0][0] else {}
    stages = []
    for head, *sizes in parts:
        number, _, blocks = head.partition(":")
        stages.append(Stage(int(number), int(blocks), tuple(map(_size, sizes))))
    return _Row(tuple(names.split()), beside, tuple(stages))


def _size(text: str) -> tuple[str, int]:
    return text[0], int(text[1:])
