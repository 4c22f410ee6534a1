"""What `torch.distributed.checkpoint` (and Lightning's FSDP strategy) writes: `.metadata`, shards, perhaps `meta.pt`.

`.metadata` is a bare pickle of names, shapes and places (https://github.com/pytorch/pytorch/blob/v2.6.0/torch/
distributed/checkpoint/metadata.py); `meta.pt` is what a Lightning checkpoint holds beside its weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.readers import pickles
from ckpt_indexer.readers.contents import Contents, note
from ckpt_indexer.readers.detect import DCP_METADATA, DCP_SHARD
from ckpt_indexer.readers.nodes import Opaque, Tensor

if TYPE_CHECKING:
    from ckpt_indexer.readers.directories.members import Members
    from ckpt_indexer.readers.nodes import Plain

META = "meta.pt"
MAX_METADATA_BYTES = 64 << 20
_OPTIMIZER = ("optimizer", "optim", "optimizers")
_MODEL = ("model", "state_dict", "module")
"""First parts of names in use for the model; what comes after them are its own names."""


def read(members: Members) -> Contents:
    """Return names and shapes of the model, and what `meta.pt` holds; complete when every named shard is there."""
    members.header.complete = True
    metadata = _metadata(members)
    tensors = _tensors(metadata)
    root: dict[str, Plain] = {}
    if META in members.names and (meta := members.checkpoint(META)) is not None and isinstance(meta.root, dict):
        root.update(meta.root)
    model = _of_model(tensors)
    if model:
        root["state_dict"] = model
    _check_shards(members, metadata)
    contents = Contents(members.header, root or None)
    if any(name.partition(".")[0].rstrip("_0123456789") in _OPTIMIZER for name in tensors):
        contents.weights_only = False
    return contents


def _metadata(members: Members) -> dict[str, Plain]:
    """Return the attributes of the metadata object; empty, and a problem, when they cannot be read."""
    file = members.open(DCP_METADATA)
    if file is None:
        return {}
    with file:
        whole = file.size <= MAX_METADATA_BYTES
        if not whole:
            note(members.header, "limit", f"its {DCP_METADATA} has {file.size} bytes; only the first are read")
        data = file.read(0, MAX_METADATA_BYTES if whole else pickles.FIRST_PART_BYTES)
    pickled = (pickles.run if whole else pickles.run_first_part)(data, pickles.Budget())
    value = _attributes(pickles.plain(pickled, members.header))
    if whole and not pickled.stopped:
        members.header.complete = False
    if not isinstance(value.get("state_dict_metadata"), dict):
        members.header.complete = False
        note(members.header, "corrupt", f"its {DCP_METADATA} holds no metadata of a checkpoint")
        return {}
    return value


def _attributes(node: Plain) -> dict[str, Plain]:
    """Return the attributes of an object, whether it came as a mapping or inert."""
    if isinstance(node, Opaque):
        node = node.state
    return node if isinstance(node, dict) else {}


def _tensors(metadata: dict[str, Plain]) -> dict[str, Tensor]:
    """Return the tensors the checkpoint was made of: full name -> tensor; each has its storage to itself."""
    found: dict[str, Tensor] = {}
    for name, described in metadata.get("state_dict_metadata", {}).items():
        parts = _attributes(described)
        size = parts.get("size")
        if isinstance(name, str) and isinstance(size, list) and all(type(one) is int and one >= 0 for one in size):
            found[name] = Tensor(_dtype(parts.get("properties")), tuple(size), storage=name)
    return found


def _dtype(properties: Plain) -> str:
    """Return the dtype among a tensor's properties; '' when it is not there. They are pickled as a tuple."""
    state = properties.state if isinstance(properties, Opaque) else properties
    value = state.get("dtype") if isinstance(state, dict) else state[0] if isinstance(state, list) and state else None
    if isinstance(value, Opaque):
        return value.name if value.module == "torch" else ""
    return value.removeprefix("torch.") if isinstance(value, str) else ""


def _of_model(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the model's tensors under its own names: those below `model`, else all that are no optimizer's."""
    for prefix in _MODEL:
        own = {name[len(prefix) + 1 :]: one for name, one in tensors.items() if name.startswith(prefix + ".")}
        if own:
            return own
    return {name: one for name, one in tensors.items() if not name.startswith(_OPTIMIZER)}


def _check_shards(members: Members, metadata: dict[str, Plain]) -> None:
    places = metadata.get("storage_data")
    places = places.values() if isinstance(places, dict) else places if isinstance(places, list) else ()
    ends: dict[str, int] = {}
    for place in map(_attributes, places):
        name, offset, length = place.get("relative_path"), place.get("offset"), place.get("length")
        if isinstance(name, str) and type(offset) is int and type(length) is int:
            ends[name] = max(ends.get(name, 0), offset + length)
    for name, end in sorted(ends.items()):
        size = members.directory.find_size(name) if "/" not in name else None
        if size is None:
            members.missing(f"{name[:100]!r} is missing")
        elif size < end:
            members.header.complete = False
            note(members.header, "truncated", f"{name[:100]!r} has {size} bytes, not {end}")
    if not members.having(suffix=DCP_SHARD):
        members.missing("no shard of the weights")
