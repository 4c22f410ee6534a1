"""Directory checkpoints: which layout, what is in it, what is missing. One directory is one checkpoint.

By layout the work is that of `trainer_directory`, `dcp`, `deepspeed` or `shards`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.readers import identity
from ckpt_indexer.readers.contents import Contents, note
from ckpt_indexer.readers.detect import Layout, layout
from ckpt_indexer.readers.directories import dcp, deepspeed, shards
from ckpt_indexer.readers.directories import trainer as trainer_directory
from ckpt_indexer.readers.directories.members import Members
from ckpt_indexer.readers.header import Header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.readers.opening import OpenDirectory

_READERS = {
    Layout.HF_TRAINER: trainer_directory.read,
    Layout.DCP: dcp.read,
    Layout.DEEPSPEED: deepspeed.read,
    Layout.SHARDED_SAFETENSORS: shards.read,
}
MAX_SAMPLED_FILES = 2_000
_SIDECAR_SUFFIXES = (".metadata.yaml", ".metadata.json")


def read(directory: OpenDirectory, *, full: bool) -> Contents:
    """Return what a directory checkpoint holds; whatever is wrong with it is a problem in the header."""
    header = Header("unknown")
    members = Members(directory, header, full=full)
    found = layout(directory.name, members.names, lambda: _inner(directory, members.names))
    if found is None:
        note(header, "unknown_format", "no layout that is read here; its marker file is missing")
        return Contents(header)
    header.format = found.value
    contents = _READERS[found](members)
    header.inputs = members.inputs
    if full and header.complete:
        header.content_id = identity.content_id(found.value, _parts(directory))
    return contents


def _inner(directory: OpenDirectory, names: list[str]) -> Iterator[str]:
    """Yield the names in the directories directly below."""
    for name in names:
        if directory.find_size(name) is None and (below := directory.find_directory(name)) is not None:
            with below:
                yield from below.names()


def _parts(directory: OpenDirectory) -> list[bytes] | None:
    """Return names, sizes and samples of all files, of those in the directories directly below too; sidecars do not
    count. None when there are too many."""
    names = list(_files(directory))
    if len(names) > MAX_SAMPLED_FILES:
        return None
    each = max(4, identity.SAMPLES // 8 // max(1, len(names)))
    parts: list[bytes] = []
    for below, name in names:
        samples = _samples(directory, below, name, each)
        if samples is None:
            return None
        parts += (below.encode("utf-8", "surrogateescape"), name.encode("utf-8", "surrogateescape"), *samples)
    return parts


def _files(directory: OpenDirectory) -> Iterator[tuple[str, str]]:
    """Yield (directory below or empty, name) of the files that make the checkpoint."""
    for name in directory.names():
        if directory.find_size(name) is not None:
            if not name.endswith(_SIDECAR_SUFFIXES):
                yield "", name
        elif (below := directory.find_directory(name)) is not None:
            with below:
                yield from ((name, inner) for inner in below.names() if below.find_size(inner) is not None)


def _samples(directory: OpenDirectory, below: str, name: str, count: int) -> list[bytes] | None:
    holder = directory.find_directory(below) if below else directory
    file = None if holder is None else holder.find_file(name)
    if holder is not None and holder is not directory:
        holder.close()
    if file is None:
        return None
    with file:
        return identity.whole(file, samples=count)
