"""The parts of a model as documents describe them: the four blocks of 1.0 and the open list of 2.0. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ckpt_indexer.metadata.fields import INT_LIMIT, integer, is_mapping, key_text, metric, refuse, word
from ckpt_indexer.metadata.params import keep
from ckpt_indexer.metadata.record import Component, Problem
from ckpt_indexer.metadata.schema import NAME_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

ROW_FIELDS = {"encoder": "backbone", "backbone": "backbone", "decoder": "decoder", "head": "head", "loss": "loss"}
"""Role in a document -> field of the row that names it."""
_FLAGS = ("pretrained", "frozen")
_CHANNELS = {"decoder": ("inner_channels", "output_channels"), "head": ("in_channels",)}
_MOST_KNOWN = 256
_ENTRY_KEYS = frozenset({"role", "name", "params"})


class ReadPart(Protocol):
    """Reads one block of a model; see `read_part`."""

    def __call__(
        self, role: str, block: Mapping[str, Any], problems: list[Problem], *, legacy: bool
    ) -> Component | None:
        """Return what one block says."""


class Parts:
    """Reads blocks as `read_part` does; of a block that it was given before, the same object, it knows what it says.

    For documents of one run, whose parser gives equal models as one object that nobody changes. So is what comes out.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, str, bool], tuple[Mapping[str, Any], Component | None, list[Problem]]] = {}
        """By the identity of a block, which is kept so that no other can have it."""

    def __call__(
        self, role: str, block: Mapping[str, Any], problems: list[Problem], *, legacy: bool
    ) -> Component | None:
        """Return what one block says; what is wrong with it is added to `problems`."""
        known = self._known.get((id(block), role, legacy))
        if known is None:
            own: list[Problem] = []
            known = (block, read_part(role, block, own, legacy=legacy), own)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[id(block), role, legacy] = known
        problems += known[2]
        return known[1]


def read_part(role: str, block: Mapping[str, Any], problems: list[Problem], *, legacy: bool) -> Component | None:
    """Return what one block says; None when it neither names the part nor knows anything about it.

    The flags of a legacy encoder were filled in by its writer: they alone describe nothing.
    """
    prefix = f"model.{role}."
    name = word(block, NAME_KEYS[role], prefix, problems, legacy=legacy)
    params: dict[str, Any] = {}  # JSON values
    if role == "encoder":
        _read_flags(block, params, prefix, problems)
        known = not legacy and bool(params)
    else:
        _read_channels(role, block, params, prefix, problems)
        if block.get("params"):
            _read_params(block["params"], params, prefix, problems, numbers=role == "loss")
        known = bool(params)
    return Component(role, name, params) if known or name is not None else None


def read_list(value: object, problems: list[Problem], *, legacy: bool) -> list[Component]:
    """Return the entries of `model.components`; keys beside role, name and params count as params."""
    if not isinstance(value, list):
        refuse(problems, "model.components", "a list", value)
        return []
    found = []
    for position, entry in enumerate(value):
        prefix = f"model.components.{position}."
        role = word(entry, "role", prefix, problems, legacy=True) if is_mapping(entry) else None
        if role is None:
            refuse(problems, prefix[:-1], "a mapping that names its role", entry)
            continue
        params: dict[str, Any] = {}  # JSON values
        for key, own in entry.items():
            if key not in _ENTRY_KEYS:
                keep(params, key_text(key), own, prefix, problems)
        if entry.get("params"):
            _read_params(entry["params"], params, prefix, problems)
        found.append(Component(role, word(entry, "name", prefix, problems, legacy=legacy), params))
    return found


def default_flags(component: Component) -> frozenset[str]:
    """Return the flags of an encoder from a legacy document as field names: its writer filled them in."""
    return frozenset(f"components.encoder.{flag}" for flag in _FLAGS if flag in component.params)


def _read_flags(block: Mapping[str, Any], params: dict[str, Any], prefix: str, problems: list[Problem]) -> None:
    for flag in _FLAGS:
        value = block.get(flag)
        if isinstance(value, bool):
            params[flag] = value
        elif value is not None:
            refuse(problems, prefix + flag, "true or false", value)


def _read_channels(
    role: str, block: Mapping[str, Any], params: dict[str, Any], prefix: str, problems: list[Problem]
) -> None:
    """Collect channel counts: a decoder takes a list of them and has two of its own, a head takes one."""
    if role == "decoder":
        channels = block.get("in_channels")
        if isinstance(channels, list) and all(type(n) is int and abs(n) < INT_LIMIT for n in channels):
            if channels:
                params["in_channels"] = channels
        elif channels is not None:
            refuse(problems, prefix + "in_channels", "a list of whole numbers", channels)
    for key in _CHANNELS.get(role, ()):
        count = integer(block, key, prefix, problems, low=1)
        if count is not None:
            params[key] = count


def _read_params(
    given: object, params: dict[str, Any], prefix: str, problems: list[Problem], *, numbers: bool = False
) -> None:
    """Add a block's own params: a key that the block states itself wins. `numbers`: nothing but numbers are allowed."""
    if not is_mapping(given):
        refuse(problems, prefix + "params", "a mapping", given)
        return
    prefix += "params."
    for key, value in given.items():
        label = key_text(key)
        if label in params or value is None:
            continue
        if not numbers:
            keep(params, label, value, prefix, problems)
            continue
        measured = metric(value, prefix + label, problems)
        if measured is not None and measured.value is not None:
            params[label] = measured.value
