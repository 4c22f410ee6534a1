"""Weights spread over several files by an index: `*.safetensors.index.json`, or `*.bin.index.json` of older writers.

The index names the file of every tensor (https://huggingface.co/docs/safetensors/index#sharded). Complete means that
every file is there in full and holds what the index says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import ReaderError
from ckpt_indexer.readers import identity
from ckpt_indexer.readers.contents import Contents, add_text, note, note_error
from ckpt_indexer.readers.directories.model_config import read_config
from ckpt_indexer.readers.formats import safetensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.readers.directories.members import Members
    from ckpt_indexer.readers.nodes import Plain

INDEX = ".safetensors.index.json"
TORCH_INDEX = ".bin.index.json"
MAX_SHARDS = 2_000
MAX_TORCH_SHARDS = 64
"""Each is a pickle to run."""
_PREFERRED = ("model.safetensors.index.json", "diffusion_pytorch_model.safetensors.index.json")


def read(members: Members) -> Contents:
    """Return the weights of a directory whose marker is an index of safetensors files."""
    members.header.complete = True
    indexes = members.having(suffix=INDEX)
    chosen = next((name for name in _PREFERRED if name in indexes), indexes[0])
    for name in indexes:
        if name != chosen:
            _check_present(members, name)
    contents = read_index(members, chosen)
    read_config(members)
    contents.weights_only = not members.having(prefix="optimizer")
    return contents


def read_index(members: Members, index: str) -> Contents:
    """Return the weights that one index of safetensors files leads to."""
    contents = Contents(members.header)
    placed = _placed(members, index)
    if placed is None:
        return contents
    root: dict[str, Plain] = {}
    marks: dict[str, bytes] = {}
    for shard in sorted(placed)[:MAX_SHARDS]:
        found = _read_shard(members, shard, len(placed))
        if found is None:
            continue
        parsed, taken = found
        absent = placed[shard] - parsed.tensors.keys()
        if absent:
            members.missing(f"{shard}: {len(absent)} of its tensors, such as {min(absent)[:100]!r}")
        twice = root.keys() & parsed.tensors.keys()
        if twice:
            note(members.header, "duplicate_entry", f"{shard}: {min(twice)[:100]!r} is in an earlier file too")
        root = {**parsed.tensors, **root}
        marks = {**taken, **marks}
    contents.root = root
    contents.mark = marks.get if marks else None
    return contents


def read_torch_index(members: Members, index: str) -> Contents:
    """Return the weights that one index of torch files leads to."""
    contents = Contents(members.header)
    placed = _placed(members, index)
    if placed is None:
        return contents
    root: dict[str, Plain] = {}
    lookups: list[Callable[[str], bytes | None] | None] = []
    for shard in sorted(placed):
        if len(lookups) >= MAX_TORCH_SHARDS:
            note(members.header, "limit", f"{len(placed)} files of weights; not all are read")
            break
        inner = members.checkpoint(shard)
        if inner is None or not isinstance(inner.root, dict):
            continue
        absent = placed[shard] - inner.root.keys()
        if absent:
            members.missing(f"{shard}: {len(absent)} of its tensors, such as {min(absent)[:100]!r}")
        root = {**inner.root, **root}
        lookups.append(inner.mark)
    known = [lookup for lookup in lookups if lookup is not None]
    contents.root = root
    contents.mark = lambda key: next((mark for lookup in known if (mark := lookup(key)) is not None), None)
    return contents


def _read_shard(members: Members, shard: str, count: int) -> tuple[safetensors.Parsed, dict[str, bytes]] | None:
    file = members.open(shard)
    if file is None:
        return None
    header = members.header
    with file:
        try:
            parsed = safetensors.parse(file, header)
        except ReaderError as error:
            note_error(header, error)
            return None
        if not members.full or parsed.truncated:
            return parsed, {}
        samples = max(16, identity.SAMPLES // count)
        return parsed, safetensors.Marks(file, parsed, samples=samples).by_name


def _placed(members: Members, index: str) -> dict[str, set[str]] | None:
    """Return file -> names of the tensors in it, as an index says; None, and a problem, when it says nothing."""
    document = members.document(index)
    placed = None if document is None else document.get("weight_map")
    if not isinstance(placed, dict):
        if document is not None:
            members.header.complete = False
            note(members.header, "corrupt", f"{index!r} has no weight_map")
        return None
    _keep_metadata(members, document)
    by_file: dict[str, set[str]] = {}
    for name, shard in placed.items():
        if isinstance(shard, str) and "/" not in shard and shard not in {"", ".", ".."}:
            by_file.setdefault(shard, set()).add(name)
        else:
            note(members.header, "suspicious", f"{index!r} names a file that is not beside it")
            members.header.complete = False
    if len(by_file) > MAX_SHARDS:
        note(members.header, "limit", f"{len(by_file)} files of weights; not all are read")
    return by_file


def _keep_metadata(members: Members, document: dict[str, Any] | None) -> None:  # JSON values
    metadata = None if document is None else document.get("metadata")
    if isinstance(metadata, dict):
        for key, value in metadata.items():
            if isinstance(value, str):  # the numbers are sums over the files
                add_text(members.header, key, value)


def _check_present(members: Members, index: str) -> None:
    """Note the files of a further index that are missing; their contents are another variant of the same weights."""
    for shard in sorted(_placed(members, index) or ()):
        if not members.is_file(shard):
            members.missing(f"{shard!r} is missing")
