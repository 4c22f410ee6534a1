"""Families of models that an inference program can load, and which one a checkpoint belongs to. Pure.

A `compatibility.yaml` lists combinations of encoder, decoder and head. A checkpoint belongs to the family that lists
its encoder and whose channels contradict its own the least; what still contradicts is an issue. What is not known on
one of the two sides contradicts nothing, and classes are not compared: programs name them differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import MetadataError
from ckpt_indexer.metadata.fields import INT_LIMIT, is_mapping, shown
from ckpt_indexer.metadata.record import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ckpt_indexer.metadata.record import Component

LIST_KEY = "model_families"
"""Key of the document that holds the list."""


class Channels(NamedTuple):
    """What of decoder and head is compared; None for what is not known."""

    output_channels: int | None = None
    inner_channels: int | None = None
    head_in_channels: int | None = None
    in_channels: tuple[int, ...] | None = None


_WORDS = ("decoder.output_channels", "decoder.inner_channels", "head.in_channels", "decoder.in_channels")
"""What the four are called in a document."""


class Family(NamedTuple):
    """One combination that can be loaded."""

    id: str
    description: str | None
    encoders: tuple[str, ...]
    channels: Channels
    decoder_class: str | None = None
    head_class: str | None = None


class Families(NamedTuple):
    """A whole document."""

    families: tuple[Family, ...]
    problems: tuple[Problem, ...]
    """Entries, or values in them, that were passed over; `kind` is `field`."""


class Match(NamedTuple):
    """What came out for one checkpoint."""

    family_id: str | None
    """None: no family lists its encoder."""
    issues: tuple[str, ...]
    """One sentence per contradiction, in a fixed order."""

    @property
    def valid(self) -> bool:
        """Tell whether the checkpoint fits its family as far as is known."""
        return not self.issues


def read_families(document: object) -> Families:
    """Return the families of a parsed document. An entry without an id or encoders is a problem and is left out, and so
    is one whose id was given before.

    Raises:
        MetadataError: it is no mapping with a list of `model_families`.
    """
    entries = document.get(LIST_KEY) if is_mapping(document) else None
    if not isinstance(entries, list):
        raise MetadataError(f"a compatibility document is a mapping with a list of {LIST_KEY}")
    problems: list[Problem] = []
    families: dict[str, Family] = {}
    for place, entry in enumerate(entries):
        family = _family(entry, f"{LIST_KEY}.{place}", problems)
        if family is None:
            continue
        if family.id in families:
            problems.append(Problem("field", f"{LIST_KEY}.{place}.id: {shown(family.id)} is there already"))
            continue
        families[family.id] = family
    return Families(tuple(families.values()), tuple(problems))


def match_family(encoder: str | None, own: Channels, families: Iterable[Family]) -> Match:
    """Return the family that lists the encoder and contradicts the fewest channels; of several the one with the fewest
    output channels, then the first id."""
    if encoder is None:
        return Match(None, ("the encoder is not known",))
    names = _names(encoder)
    found = [
        (len(issues), _last(family.channels.output_channels), family.id, issues)
        for family in families
        if not names.isdisjoint(name.lower() for name in family.encoders)
        for issues in [_contradictions(own, family)]
    ]
    if not found:
        return Match(None, (f"no family lists the encoder {encoder}",))
    _, _, family_id, issues = min(found)
    return Match(family_id, issues)


def channels_of(components: Iterable[Component | Mapping[str, Any]]) -> Channels:  # JSON values
    """Return the channels that the components of a record, or of a row, say."""
    params: dict[str, Mapping[str, Any]] = {}
    for component in components:
        role, own = _part(component)
        params.setdefault(role, own)
    decoder, head = params.get("decoder", {}), params.get("head", {})
    return Channels(
        _count(decoder.get("output_channels")),
        _count(decoder.get("inner_channels")),
        _count(head.get("in_channels")),
        _counts(decoder.get("in_channels")),
    )


def _part(component: Component | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:  # JSON values
    if isinstance(component, tuple):
        return component.role, component.params
    return component["role"], component["params"]


def _family(entry: object, path: str, problems: list[Problem]) -> Family | None:
    if not is_mapping(entry):
        problems.append(Problem("field", f"{path}: expected a mapping, found {shown(entry)}"))
        return None
    blocks = {role: _block(entry, role, path, problems) for role in ("encoder", "decoder", "head")}
    names = blocks["encoder"].get("model_names")
    encoders = [name.strip() for name in names if _is_word(name)] if isinstance(names, list) else []
    for key, good in (("id", _is_word(entry.get("id"))), ("encoder.model_names", bool(encoders))):
        if not good:
            problems.append(Problem("field", f"{path}.{key}: missing, a family cannot be told without it"))
            return None
    decoder, head = blocks["decoder"], blocks["head"]
    found = Channels(
        _given(decoder, "output_channels", f"{path}.decoder", problems),
        _given(decoder, "inner_channels", f"{path}.decoder", problems),
        _given(head, "in_channels", f"{path}.head", problems),
        _given_list(decoder, "in_channels", f"{path}.decoder", problems),
    )
    return Family(
        entry["id"].strip(), _word(entry, "description"), tuple(encoders), found, _word(decoder, "class"),
        _word(head, "class"),
    )  # fmt: skip


def _block(entry: Mapping[Any, Any], role: str, path: str, problems: list[Problem]) -> Mapping[Any, Any]:
    block = entry.get(role)
    if block is None:
        return {}
    if not is_mapping(block):
        problems.append(Problem("field", f"{path}.{role}: expected a mapping, found {shown(block)}"))
        return {}
    return block


def _given(block: Mapping[Any, Any], key: str, path: str, problems: list[Problem]) -> int | None:
    value = block.get(key)
    count = _count(value)
    if count is None and value is not None:
        problems.append(Problem("field", f"{path}.{key}: expected a number of channels, found {shown(value)}"))
    return count


def _given_list(block: Mapping[Any, Any], key: str, path: str, problems: list[Problem]) -> tuple[int, ...] | None:
    value = block.get(key)
    counts = _counts(value)
    if counts is None and value not in (None, []):
        problems.append(Problem("field", f"{path}.{key}: expected a list of channels, found {shown(value)}"))
    return counts


def _contradictions(own: Channels, family: Family) -> tuple[str, ...]:
    return tuple(
        f"{word}: {_text(mine)} here, {_text(wanted)} in {family.id}"
        for word, mine, wanted in zip(_WORDS, own, family.channels, strict=True)
        if mine is not None and wanted is not None and mine != wanted
    )


def _names(encoder: str) -> frozenset[str]:
    """Return the spellings under which a family may list an encoder: with and without the tag of its weights
    (`resnet18.a1_in1k`)."""
    lower = encoder.strip().lower()
    return frozenset((lower, lower.partition(".")[0]))


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 < value < INT_LIMIT else None


def _counts(value: object) -> tuple[int, ...] | None:
    """Return a list of channels; None when it is none, empty, or one of them is not known."""
    if not isinstance(value, list | tuple) or not value:
        return None
    counts = [_count(item) for item in value]
    return None if None in counts else tuple(count for count in counts if count is not None)


def _text(value: int | Sequence[int]) -> str:
    return str(value) if isinstance(value, int) else ", ".join(map(str, value))


def _last(count: int | None) -> int:
    """Return what sorts families without a number after all others."""
    return INT_LIMIT if count is None else count


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _word(block: Mapping[Any, Any], key: str) -> str | None:
    value = block.get(key)
    return value.strip() if isinstance(value, str) and value.strip() else None
