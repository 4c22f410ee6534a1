"""What the Hugging Face Trainer writes as `checkpoint-N/`: weights under one of many names, `config.json`, its state.

Of `trainer_state.json`, the last file that the Trainer writes, only the counters are taken: they are the directory's
own word on its progress. Its history of metrics is read elsewhere (`sources`). `training_args.bin` is a pickle of
classes and tells nothing that is not elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.readers.contents import Contents
from ckpt_indexer.readers.detect import DCP_METADATA, LATEST, TRAINER_STATE
from ckpt_indexer.readers.directories import dcp, deepspeed, shards
from ckpt_indexer.readers.directories.members import MAX_JSON_BYTES
from ckpt_indexer.readers.directories.model_config import read_config
from ckpt_indexer.readers.facts.values import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.readers.directories.members import Members

_FILES = ("model.safetensors", "adapter_model.safetensors", "pytorch_model.bin", "adapter_model.bin")
"""Where weights lie that one file holds, the preferred first."""
_UNREAD = ("tf_model.h5", "flax_model.msgpack", "pytorch_model_fsdp.bin")
"""Weights in formats that are not read; they only have to be there."""
_RESUMED_FROM = ("optimizer", "global_step", "pytorch_model_fsdp")


def read(members: Members) -> Contents:
    """Return the weights, how far training was, and what the configuration says of the model."""
    header = members.header
    header.complete = True
    contents = _weights(members)
    _read_state(members)
    read_config(members)
    contents.weights_only = not any(name.startswith(_RESUMED_FROM) for name in members.names)
    return contents


def _read_state(members: Members) -> None:
    """Keep the counters of the state. Its epoch is a fraction within one; only whole ones count."""
    size = members.directory.find_size(TRAINER_STATE)
    if not size:
        members.missing(f"{TRAINER_STATE} is missing or empty")
        return
    state = members.document(TRAINER_STATE) if size <= MAX_JSON_BYTES else None
    for field in ("epoch", "global_step"):
        found = None if state is None else count(state.get(field))
        if found is not None:
            members.header.facts.setdefault(field, found)


def _weights(members: Members) -> Contents:
    """Return the weights by the first of the ways in which they may be there."""
    single = next((name for name in _FILES if members.is_file(name)), None)
    ways: list[tuple[list[str], Callable[[str], Contents | None]]] = [
        (members.having(suffix=shards.INDEX), lambda name: shards.read_index(members, name)),
        ([] if single is None else [single], members.checkpoint),
        (members.having(suffix=shards.TORCH_INDEX), lambda name: shards.read_torch_index(members, name)),
        (members.having(suffix=".safetensors"), members.checkpoint),
        (members.having(prefix="pytorch_model_fsdp_"), lambda name: _read_fsdp(members, name)),
        (members.having(prefix=LATEST, suffix=LATEST), lambda _: deepspeed.read(members)),
    ]
    for names, reader in ways:
        contents = reader(names[0]) if names else None
        if contents is not None:
            return Contents(members.header, contents.root, contents.mark)
    if not any(name in members.names for name in _UNREAD):
        members.missing("no weights of a model")
    return Contents(members.header)


def _read_fsdp(members: Members, name: str) -> Contents | None:
    below = members.directory.find_directory(name)
    if below is None:
        return None
    with below:
        inner = members.inside(below)
        return dcp.read(inner) if DCP_METADATA in inner.names else None
