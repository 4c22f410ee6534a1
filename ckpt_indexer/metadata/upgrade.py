"""Documents of any version as documents of a newer one: one pure dict -> dict step per version, chained. Pure.

Every step keeps what it does not know in place and loses nothing. Words that old writers put where they knew nothing,
and flags they filled in by default, are no facts in 2.0: they move to `upgraded_from.original`. A document from the
future is refused, never touched.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import SchemaFromFuture, SidecarInvalid
from ckpt_indexer.metadata.fields import ABSENT_WORDS, is_mapping, moment, moment_text, shown
from ckpt_indexer.metadata.schema import BLOCK_KEYS, LATEST, NAME_KEYS, V1_KEYS, V2_ONLY_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    Document = dict[str, Any]  # a document as the loader gave it: any key, any value

_NUMBERS = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,3}", re.ASCII)
_KNOWN = {(): "0", (1,): "1.0", (2,): "2.0"}


class Identified(NamedTuple):
    """Which version a document is of."""

    version: str
    """`0`, `1.0`, `2.0`, or the text of a version from the future."""
    from_future: bool = False
    fault: str | None = None
    """What is wrong with how the document names its version; `version` is then the nearest one it looks like."""


def identify(raw: Mapping[str, Any]) -> Identified:
    """Return the version of a document, by its own word, else by its shape.

    Raises:
        SidecarInvalid: it names no version and holds no key of any.
    """
    named = raw.get("schema_version")
    numbers = _numbers(named)
    if numbers is None:
        version = _by_shape(raw)
        if named is None:
            missing = "schema_version is missing" if version == LATEST else None
            return Identified(version, fault=missing)
        return Identified(version, fault=f"schema_version: expected a version like 1.0, found {shown(named)}")
    if numbers > (2,):
        return Identified(str(named).strip(), from_future=True)
    known = _KNOWN.get(numbers)
    if known is not None:
        return Identified(known)
    nearest = "1.0" if numbers > (1,) else "0"
    return Identified(nearest, fault=f"schema_version: there is no version {shown(named)}; it is read as {nearest}")


def version_of(raw: Mapping[str, Any]) -> str:
    """Return the version of a document: `0`, `1.0`, `2.0`, or its own text for one from the future.

    Raises:
        SidecarInvalid: it names a version that never was, or none and its shape is unknown.
    """
    found = identify(raw)
    if found.fault is not None and raw.get("schema_version") is not None:
        raise SidecarInvalid(found.fault)
    return found.version


def upgrade(raw: Mapping[str, Any], *, to: str = LATEST, zone: tzinfo | None = None) -> Document:
    """Return the document in version `to` (`1.0` or `2.0`); one that is there already, or newer, is returned as it is.

    `zone` is where an old document's clock stood; None is the zone this machine is set to.

    Raises:
        SchemaFromFuture: it names a version newer than ours.
        SidecarInvalid: its version cannot be told.
    """
    if to not in _TARGETS:
        raise ValueError(f"no version to upgrade to: {to!r}")
    found = identify(raw)
    if found.from_future:
        raise SchemaFromFuture(
            f"the document names schema version {found.version}, newer than {LATEST}; a newer release can read it",
            version=found.version,
        )
    version, document = version_of(raw), dict(raw)
    while version != to and version in _STEPS:
        version, step = _STEPS[version]
        document = step(document, zone)
    return document


def from_0_to_1(raw: Mapping[str, Any]) -> Document:
    """Return a version 0 document in the shape of 1.0: metrics under their logged names are additional ones,
    `config` says what `checkpointing` says, the encoder is a block."""
    document: Document = {"schema_version": "1.0", **{k: v for k, v in raw.items() if k != "schema_version"}}
    metrics = raw.get("metrics")
    if is_mapping(metrics) and metrics and not is_mapping(metrics.get("additional_metrics")):
        document["metrics"] = {"additional_metrics": dict(metrics)}
    model = raw.get("model")
    if is_mapping(model):
        document["model"] = _model_of_0(model)
    config = raw.get("config")
    if is_mapping(config):
        checkpointing = raw.get("checkpointing")
        if checkpointing is None or is_mapping(checkpointing):
            rest = dict(config)
            known = dict(checkpointing or {})
            for key in ("monitor", "mode", "save_top_k", "save_last"):
                if key in rest and key not in known:
                    known[key] = rest.pop(key)
            document["checkpointing"] = known
            document["config"] = rest
            if not rest:
                del document["config"]
    return document


def from_1_to_2(raw: Mapping[str, Any], zone: tzinfo | None = None) -> Document:
    """Return a 1.0 document as 2.0: what was no fact moves to `upgraded_from.original`, the time becomes UTC."""
    document: Document = {"schema_version": LATEST, **{k: v for k, v in raw.items() if k != "schema_version"}}
    original: Document = {}
    for path in _ABSENT_PATHS:
        value = _look(document, path)
        if isinstance(value, str) and value.strip().lower() in ABSENT_WORDS:
            _move(document, original, path)
    if "monitor" in original.get("checkpointing", {}):
        _move(document, original, ("checkpointing", "mode"))
    for path in _DEFAULT_PATHS:
        _move(document, original, path)
    found = moment(raw.get("created_at"), zone)
    if found is not None:
        _move(document, original, ("created_at",))
        document["created_at"] = moment_text(found[0])
        if document["created_at"] == original["created_at"]:
            del original["created_at"]
    if "upgraded_from" in raw:
        _move(document, original, ("upgraded_from",))
    before: Document = {"schema_version": raw.get("schema_version", "1.0")}
    document["upgraded_from"] = {**before, "original": original} if original else before
    return document


_ABSENT_PATHS = (
    ("exp_name",), ("checkpoint_path",), ("hydra_config_path",), ("wandb_run_id",), ("training", "training_phase"),
    ("model", "architecture"), *(("model", role, key) for role, key in NAME_KEYS.items()), ("checkpointing", "monitor"),
)  # fmt: skip
_DEFAULT_PATHS = (("model", "encoder", "pretrained"), ("model", "encoder", "frozen"))
_TARGETS = ("1.0", "2.0")
_STEPS: dict[str, tuple[str, Callable[[Mapping[str, Any], tzinfo | None], Document]]] = {
    "0": ("1.0", lambda raw, _zone: from_0_to_1(raw)),
    "1.0": ("2.0", from_1_to_2),
}


def _numbers(named: object) -> tuple[int, ...] | None:
    """Return a version as numbers without trailing zeros; None when it is no version."""
    if isinstance(named, bool) or not isinstance(named, str | int | float):
        return None
    if not isinstance(named, str):
        named = shown(named)
    if _NUMBERS.fullmatch(named.strip()) is None:
        return None
    numbers = [int(part) for part in named.strip().split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _by_shape(raw: Mapping[str, Any]) -> str:
    """Return the version a document without a usable one looks like."""
    keys = raw.keys()
    if not V2_ONLY_KEYS.isdisjoint(keys):
        return LATEST
    metrics = raw.get("metrics")
    logged_names_only = is_mapping(metrics) and bool(metrics) and BLOCK_KEYS["metrics"].isdisjoint(metrics)
    has_old_part = "config" in keys or isinstance(_look(raw, ("model", "encoder")), str)
    if has_old_part or (logged_names_only and "training" in keys):
        return "0"
    if V1_KEYS.isdisjoint(keys):
        raise SidecarInvalid("the document names no schema_version and none of its keys is known")
    return "1.0"


def _model_of_0(model: Mapping[str, Any]) -> Document:
    """Return the model block with the encoder as a block and the components as a list."""
    block = dict(model)
    if isinstance(block.get("encoder"), str):
        block["encoder"] = {"model_name": block["encoder"]}
    parts = block.get("components")
    if is_mapping(parts):
        block["components"] = [_component_of_0(role, part) for role, part in parts.items()]
    return block


def _component_of_0(role: object, part: object) -> Document:
    """Return one entry of the open list."""
    if not is_mapping(part):
        return {"role": role, "name": part}
    return {"role": role, "params": part} if "role" in part else {"role": role, **part}


def _look(document: Mapping[str, Any], path: tuple[str, ...]) -> object:
    """Return the value at a key path; None when there is no such place."""
    here: object = document
    for key in path:
        if not is_mapping(here):
            return None
        here = here.get(key)
    return here


def _move(document: Document, original: Document, path: tuple[str, ...]) -> None:
    """Take the value at a key path out of the document, whose blocks are copied on the way, and into `original`."""
    here, there = document, original
    if path[-1] not in _block_at(document, path[:-1]):
        return
    for key in path[:-1]:
        copied = dict(here[key])
        here[key] = copied
        here, there = copied, there.setdefault(key, {})
    there[path[-1]] = here.pop(path[-1])


def _block_at(document: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the block at a key path; an empty one when there is none."""
    found = _look(document, path)
    return found if is_mapping(found) else {}
