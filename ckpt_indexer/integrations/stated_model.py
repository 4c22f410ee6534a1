"""A model as the caller of `record` gives it (a name, a mapping, the module) as the `model` block of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.integrations.foreign import Asking, ask, whole
from ckpt_indexer.integrations.model_facts import model_block as block_of_module
from ckpt_indexer.metadata.fields import is_mapping, key_text, refuse, word
from ckpt_indexer.metadata.params import flatten
from ckpt_indexer.metadata.record import Problem
from ckpt_indexer.metadata.schema import BLOCK_KEYS, NAME_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Given = Mapping[Any, Any]  # any key, any value

Block = dict[str, Any]  # JSON values

_WRAPPERS = {
    "DistributedDataParallel": "module",
    "DataParallel": "module",
    "FullyShardedDataParallel": "module",
    "DeepSpeedEngine": "module",
    "AveragedModel": "module",
    "OptimizedModule": "_orig_mod",
}
"""Class of a wrapper -> attribute that holds the model itself."""
_SHARDING = frozenset({"FullyShardedDataParallel"})
"""Their parameters are one rank's share: the count would be wrong."""
_SYNONYMS = {"backbone": "encoder"}
_FLAGS = frozenset({"pretrained", "frozen"})


def model_block(model: object, problems: list[Problem]) -> Block:
    """Return what is known of a model.

    Text is its architecture. A mapping has the keys of the document's `model` block, where a part may be given by its
    name alone. Anything else is asked for its attributes: its parts as far as it names them, else its class; how many
    parameters it has.
    """
    if model is None:
        return {}
    if isinstance(model, str):
        return _named("architecture", model, "model.", problems)
    if is_mapping(model):
        return _of_mapping(model, problems)
    if not isinstance(model, type) and type(model).__module__ == "builtins":  # a number, a list, a function
        refuse(problems, "model", "a module, a name or a mapping", model)
        return {}
    return _of_object(model, problems)


def _of_object(model: object, problems: list[Problem]) -> Block:
    if isinstance(model, type):
        return _named("architecture", model.__name__, "model.", problems)
    inner, is_sharded = ask("model", lambda: unwrapped(model), problems) or (model, True)
    block = {"architecture": type(inner).__name__, **block_of_module(inner, {}, Asking(problems))}
    count = None if is_sharded else ask("model.num_parameters", lambda: _count(inner), problems)
    return block if count is None else {**block, "num_parameters": count}


def unwrapped(model: object) -> tuple[object, bool]:
    """Return the model inside its wrappers, and whether one of them shards the parameters."""
    is_sharded = False
    while (attribute := _WRAPPERS.get(type(model).__name__)) is not None:
        is_sharded = is_sharded or type(model).__name__ in _SHARDING
        inner = getattr(model, attribute, None)
        if inner is None or inner is model:
            break
        model = inner
    return model, is_sharded


def _count(model: object) -> int | None:
    """Return how many parameters a model has; None when it does not say, or when some are not made yet."""
    parameters = getattr(model, "parameters", None)
    if not callable(parameters):
        count = getattr(model, "count_params", None)  # Keras
        return int(count()) if callable(count) else None
    found: Iterable[Any] = parameters()  # tensors
    total = 0
    for parameter in found:
        if type(parameter).__name__.startswith("Uninitialized"):
            return None
        size = getattr(parameter, "ds_numel", None)  # DeepSpeed ZeRO 3 leaves an empty tensor, and the true size
        total += int(parameter.numel() if size is None else size)
    return total


def _of_mapping(model: Given, problems: list[Problem]) -> Block:
    block: Block = {}
    for key, value in model.items():
        role = _SYNONYMS.get(key, key) if isinstance(key, str) else key
        if value is None:
            continue
        if role == "architecture":
            block |= _named("architecture", value, "model.", problems)
        elif role == "num_parameters":
            block |= _counted("num_parameters", value, "model.", problems, low=0)
        elif role == "components":
            block["components"] = _components(value, problems)
        elif role in NAME_KEYS:
            block[role] = _part(role, value, problems)
        else:
            _unknown("model", key, problems)
    return {key: value for key, value in block.items() if value not in ({}, [])}


def _part(role: str, part: object, problems: list[Problem]) -> Block:
    """Return one of the four blocks, from the part's name or a mapping with the block's keys."""
    prefix, name_key = f"model.{role}.", NAME_KEYS[role]
    if isinstance(part, str):
        return _named(name_key, part, prefix, problems)
    if not is_mapping(part):
        refuse(problems, prefix[:-1], "a name or a mapping", part)
        return {}
    block: Block = {}
    for key, value in part.items():
        at = name_key if key in ("name", "model_name") else key
        if at not in BLOCK_KEYS[f"model.{role}"]:
            _unknown(prefix[:-1], key, problems)
        elif value is None:
            continue
        elif at == name_key:
            block |= _named(at, value, prefix, problems)
        elif at in _FLAGS:
            block |= _flag(at, value, prefix, problems)
        elif at == "params":
            block |= _params_of(role, value, problems)
        elif role == "decoder" and at == "in_channels":
            block |= _channels(value, prefix + at, problems)
        else:
            block |= _counted(at, value, prefix, problems, low=1)
    return block


def _params_of(role: str, params: object, problems: list[Problem]) -> Block:
    """Return a part's own parameters: numbers, of decoder and head also text and truth values."""
    path = f"model.{role}.params"
    if not is_mapping(params):
        refuse(problems, path, "a mapping", params)
        return {}
    found: Block = {}
    for key, value in flatten(params, f"{path}.", problems).items():
        if role != "loss" and not isinstance(value, list):
            found[key] = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[key] = float(value)
        else:
            refuse(problems, f"{path}.{key}", "a number" if role == "loss" else "a number or text", value)
    return {"params": found} if found else {}


def _channels(value: object, path: str, problems: list[Problem]) -> Block:
    """Return the channels a decoder takes in, one count per level."""
    if not isinstance(value, list | tuple):
        refuse(problems, path, "a list of whole numbers", value)
        return {}
    counts = [whole(item, path, problems, low=1) for item in value]
    return {"in_channels": counts} if counts and None not in counts else {}


def _components(value: object, problems: list[Problem]) -> list[Block]:
    """Return the open list of parts: each names its role; further keys describe it."""
    if not isinstance(value, list | tuple):
        refuse(problems, "model.components", "a list of mappings", value)
        return []
    found = []
    for place, entry in enumerate(value):
        prefix = f"model.components.{place}."
        role = _named("role", entry.get("role"), prefix, problems) if is_mapping(entry) else {}
        if not is_mapping(entry) or not role:
            refuse(problems, prefix[:-1], "a mapping that names its role", entry)
            continue
        own = entry.get("params")
        more = {key: one for key, one in entry.items() if key not in ("role", "name", "params")}
        params = flatten({**more, **own} if is_mapping(own) else more, prefix, problems)
        found.append({**role, **_named("name", entry.get("name"), prefix, problems), "params": params})
    return [{key: one for key, one in entry.items() if one} for entry in found]


def _named(key: str, value: object, prefix: str, problems: list[Problem]) -> Block:
    name = word({key: value}, key, prefix, problems, legacy=True)  # "unknown" and "" are no names, and no faults
    return {} if name is None else {key: str(name)}


def _counted(key: str, value: object, prefix: str, problems: list[Problem], *, low: int) -> Block:
    number = whole(value, prefix + key, problems, low=low)
    return {} if number is None else {key: number}


def _flag(key: str, value: object, prefix: str, problems: list[Problem]) -> Block:
    if isinstance(value, bool):
        return {key: value}
    refuse(problems, prefix + key, "true or false", value)
    return {}


def _unknown(where: str, key: object, problems: list[Problem]) -> None:
    known = ", ".join(sorted(BLOCK_KEYS[where]))
    problems.append(Problem("field", f"{where}.{key_text(key)[:60]}: no such key; known are {known}"))
