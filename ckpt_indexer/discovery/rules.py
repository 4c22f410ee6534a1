"""Which names are checkpoints, documents, markers of directory checkpoints, or nothing of ours. Pure.

Knows names only: whether a path exists and what kind of entry it is belongs to the scanner, what is in it to readers.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from ckpt_indexer.metadata.naming import INSIDE_SIDECAR, checkpoint_suffix, is_sidecar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ckpt_indexer.discovery.options import Options

IGNORED_SUFFIXES = (b".tmp", b".partial", b".part", b"~")
"""Names of files still being written or left over by editors."""
IGNORED_DIRECTORIES = frozenset({b"wandb", b"__pycache__", b".git"})
"""Never walked; neither is any directory whose name begins with a dot."""
TRAINER_STATE = b"trainer_state.json"
LATEST = b"latest"
DCP_METADATA = b".metadata"
DCP_SHARD = b".distcp"
SHARD_INDEX = b".safetensors.index.json"
RANK_PREFIX = b"mp_rank_"
MAX_SHARDED_NAMES = 2_000
"""A directory with more names than this is a store of files, not one sharded checkpoint or DeepSpeed directory. The
bound lets one path be judged without listing a huge directory."""

_TRAINER_DIRECTORY = re.compile(rb"checkpoint-\d+")
_MEMBER = re.compile(
    rb".*-\d+-of-\d+\.safetensors|(?:optimizer|scheduler)\.pt|rng_state(?:_\d+)?\.pth|.*_(?:model|optim)_states\.pt",
    re.DOTALL,
)


class Role(StrEnum):
    """What a file's name promises."""

    CHECKPOINT = "checkpoint"
    METADATA = "metadata"
    """A document beside checkpoints."""
    MARKER = "marker"
    """It may make its directory a checkpoint."""
    OTHER = "other"
    IGNORED = "ignored"


class DirectoryFormat(StrEnum):
    """What makes a directory one checkpoint."""

    HF_TRAINER = "hf_trainer"
    DEEPSPEED = "deepspeed"
    DCP = "dcp"
    SHARDED_SAFETENSORS = "sharded_safetensors"


def role(name: bytes, options: Options) -> Role:
    """Return what a file of this name is to us."""
    if _is_excluded_name(name, options):
        return Role.IGNORED
    if is_marker(name) and checkpoint_suffix(name) is None:
        return Role.MARKER
    if is_ignored(name):
        return Role.IGNORED
    if checkpoint_suffix(name) is not None:
        return Role.CHECKPOINT
    return Role.METADATA if is_sidecar(name) else Role.OTHER


def is_ignored(name: bytes) -> bool:
    """Tell whether a file of this name is hidden, temporary or a leftover."""
    return name.startswith(b".") or name.endswith(IGNORED_SUFFIXES)


def is_ignored_directory(name: bytes) -> bool:
    """Tell whether a directory of this name is never walked."""
    return name.startswith(b".") or name in IGNORED_DIRECTORIES


def is_marker(name: bytes) -> bool:
    """Tell whether a file of this name can make its directory (for a rank file: the one above) a checkpoint."""
    if name in {TRAINER_STATE, LATEST, DCP_METADATA} or name.startswith(RANK_PREFIX):
        return True
    return name.endswith((DCP_SHARD, SHARD_INDEX))


def is_member(name: bytes) -> bool:
    """Tell whether files of this name usually are parts of a directory checkpoint."""
    return name == INSIDE_SIDECAR or _MEMBER.fullmatch(name) is not None


def is_trainer_directory(name: bytes) -> bool:
    """Tell whether a directory is named as the Hugging Face Trainer names its checkpoints."""
    return _TRAINER_DIRECTORY.fullmatch(name) is not None


def excluded(path: bytes, options: Options) -> bool:
    """Tell whether an entry at this relative path is left out by the user's globs; its parents are not considered."""
    if options.path_pattern is not None and options.path_pattern.fullmatch(_text(path)) is not None:
        return True
    return _is_excluded_name(path.rpartition(b"/")[2], options)


def is_walked(directory: bytes, options: Options) -> bool:
    """Tell whether a walk from the root ever enters this relative directory, as far as names say. The root: True."""
    path = b""
    for name in directory.split(b"/") if directory else ():
        path = path + b"/" + name if path else name
        if is_ignored_directory(name) or excluded(path, options):
            return False
    return True


def directory_format(
    name: bytes, names: Collection[bytes], inner: Callable[[], Iterable[bytes]]
) -> DirectoryFormat | None:
    """Return what makes a directory one checkpoint, None when it is walked like any other.

    `names` are all entries directly in it; `inner` gives those of its subdirectories and is called only when a
    `latest` file asks for it. A `trainer_state.json` counts only in a directory named `checkpoint-N`.
    """
    if TRAINER_STATE in names and is_trainer_directory(name):
        return DirectoryFormat.HF_TRAINER
    if DCP_METADATA in names and any(entry.endswith(DCP_SHARD) for entry in names):
        return DirectoryFormat.DCP
    if len(names) > MAX_SHARDED_NAMES:
        return None
    if LATEST in names and any(entry.startswith(RANK_PREFIX) for entry in inner()):
        return DirectoryFormat.DEEPSPEED
    if any(entry.endswith(SHARD_INDEX) for entry in names):
        return DirectoryFormat.SHARDED_SAFETENSORS
    return None


def is_entered(within: DirectoryFormat, name: bytes) -> bool:
    """Tell whether the walk goes on into this subdirectory of a directory checkpoint.

    Only where a Trainer saved its sharded final model beside its own `checkpoint-N` directories: those are checkpoints
    of their own and would be lost otherwise.
    """
    return within is DirectoryFormat.SHARDED_SAFETENSORS and is_trainer_directory(name)


def _is_excluded_name(name: bytes, options: Options) -> bool:
    return options.name_pattern is not None and options.name_pattern.fullmatch(_text(name)) is not None


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
