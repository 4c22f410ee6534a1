"""The configuration a checkpoint was trained with: where it lies, and what it holds."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import LimitExceeded, ReaderError, ResourceShortage, SourceRejected
from ckpt_indexer.metadata.naming import stem
from ckpt_indexer.metadata.runs import split_path
from ckpt_indexer.sources.around_bytes import read_small
from ckpt_indexer.sources.config.documents import MAX_BYTES, parse_config
from ckpt_indexer.sources.input_names import CONFIG_SUFFIXES, HYDRA, HYDRA_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGER = logging.getLogger(__name__)
CONFIG_FILENAMES = ("config.yaml", "hparams.yaml")
_NOTHING = 8
"""Bytes of a file that may hold nothing: Lightning writes `{}` when no hyper-parameters were saved."""


def resolve_config_path(
    checkpoint_path: str | os.PathLike[str], config_filenames: tuple[str, ...] = CONFIG_FILENAMES
) -> Path | None:
    """Return the configuration of a checkpoint; None when there is none. The checkpoint itself need not exist.

    Asked in this order: `<stem>.config.yaml|yml|json` and `<stem>.resolved.config.json` beside the checkpoint; the
    nearest `.hydra/config.yaml` at or above it, up to the directory of its run and at least two levels up; then a file
    of one of these names in the checkpoint's directory or the one above. Empty ones do not count.
    """
    path = os.fsencode(checkpoint_path)
    directory, name = os.path.split(path)  # bytes, which pathlib refuses
    own = (os.path.join(directory, stem(name) + suffix) for suffix in CONFIG_SUFFIXES)  # bytes
    hydra = (os.path.join(level, HYDRA, HYDRA_NAMES[0]) for level in _levels(path))  # bytes
    plain = (
        os.path.join(level, os.fsencode(filename))  # bytes
        for level in (directory, _above(directory))
        for filename in config_filenames
    )
    found = next((place for places in (own, hydra, plain) for place in places if _says_something(place)), None)
    return None if found is None else Path(os.fsdecode(found))


def load_config(config_path: str | os.PathLike[str] | None) -> dict[str, Any] | None:  # YAML values
    """Return what a YAML or JSON configuration holds; None when there is none, or it is no mapping that can be read.

    Interpolations (`${a.b}`) stay as text, and so do tags: nothing is constructed by name.
    """
    if config_path is None or not os.path.isfile(config_path):
        return None
    directory, name = os.path.split(os.path.realpath(config_path))
    try:
        value = parse_config(read_small(directory, name, MAX_BYTES), json_only=name.endswith(".json"))
    except (ReaderError, LimitExceeded, ResourceShortage, SourceRejected) as error:
        LOGGER.warning("a configuration cannot be read: %s: %s", config_path, error)
        return None
    return value if isinstance(value, dict) else None


def _levels(path: bytes) -> Iterator[bytes]:
    """Yield the directories from the checkpoint's up to that of its run, and at least two above the first."""
    parts = [part for part in path.split(b"/")[:-1] if part]
    run = len(split_path(b"/".join([*parts, os.path.basename(path)])).run)  # bytes
    level = os.path.dirname(path)  # bytes
    for _ in range(max(3, len(parts) - run + 1)):
        yield level
        level = _above(level)


def _above(directory: bytes) -> bytes:
    """Return the directory above; of a relative path's first part the working directory, and from there `..`."""
    if directory in {b"", b"."}:
        return b".."
    head, last = os.path.split(directory)  # bytes
    return os.path.join(directory, b"..") if last in {b"..", b""} and directory != b"/" else head  # bytes


def _says_something(place: bytes) -> bool:
    """Tell whether a file is there and not empty."""
    try:
        if not os.path.isfile(place):  # bytes
            return False
        if os.path.getsize(place) > _NOTHING:  # bytes
            return True
        with open(place, "rb") as file:
            return file.read(_NOTHING).strip() not in {b"", b"{}", b"null", b"---"}
    except OSError:
        return False
