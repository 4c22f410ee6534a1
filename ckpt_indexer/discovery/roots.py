"""Watched directories: is one still the directory it was, and do any overlap?

Looks at the roots themselves only; what follows from it is the daemon's decision.
"""

from __future__ import annotations

import os
import stat as stat_module
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable


class RootIdentity(NamedTuple):
    """What tells a root from another directory at the same path."""

    device: int
    inode: int


class RootState(StrEnum):
    """How a root compares with what it was."""

    PRESENT = "present"
    """There, and the same directory (or never seen before)."""
    CHANGED = "changed"
    """Another directory lies at that path, with something in it."""
    EMPTY = "empty"
    """Another directory lies at that path and nothing is in it: what a mount leaves behind when it goes."""
    GONE = "gone"
    """No directory there, or it cannot be listed."""


@dataclass(frozen=True, slots=True)
class RootSight:
    """A root as seen now."""

    state: RootState
    identity: RootIdentity | None = None
    """None when gone."""
    reason: str = ""
    """Why it is gone: the text of the error."""
    moved_device: bool = False
    """The path now lies on another device than before: something was mounted or unmounted."""

    @property
    def is_unreachable(self) -> bool:
        """Tell whether its rows can say nothing about the disk now: gone, or an empty stand-in on another device."""
        return self.state is RootState.GONE or (self.state is RootState.EMPTY and self.moved_device)


def real_path(path: str | bytes) -> bytes:
    """Return the absolute real path of a directory someone named.

    Raises:
        SettingsError: there is no directory at that path.
    """
    raw = os.fsencode(path)
    try:
        real = os.path.realpath(raw, strict=True)
        is_directory = stat_module.S_ISDIR(os.lstat(real).st_mode)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(f"cannot watch {os.fsdecode(raw)}: {reason}", path=os.fsdecode(raw)) from error
    if not is_directory:
        raise SettingsError(f"cannot watch {os.fsdecode(raw)}: not a directory", path=os.fsdecode(raw))
    return real


def inspect_root(path: bytes, known: RootIdentity | None = None) -> RootSight:
    """Return how the directory at an absolute path compares with the identity it had."""
    try:
        stat = os.lstat(path)
        if not stat_module.S_ISDIR(stat.st_mode):
            return RootSight(RootState.GONE, reason="not a directory")
        with os.scandir(path) as entries:
            is_empty = next(entries, None) is None
    except OSError as error:
        return RootSight(RootState.GONE, reason=error.strerror or str(error))
    identity = RootIdentity(stat.st_dev, stat.st_ino)
    if known is None or identity == known:
        return RootSight(RootState.PRESENT, identity)
    state = RootState.EMPTY if is_empty else RootState.CHANGED
    return RootSight(state, identity, moved_device=identity.device != known.device)


def contains(parent: bytes, child: bytes) -> bool:
    """Tell whether `child` is `parent` or lies below it; both absolute real paths."""
    return child == parent or child.startswith(parent if parent.endswith(b"/") else parent + b"/")


def check_roots(existing: Iterable[bytes], new: bytes) -> None:
    """Accept a new root beside existing ones (absolute real paths); one that exists already is accepted.

    Raises:
        SettingsError: one contains the other, so every file in the inner one would be indexed twice.
    """
    for root in existing:
        if root == new:
            continue
        inner, outer = (new, root) if contains(root, new) else (root, new)
        if contains(outer, inner):
            raise SettingsError(
                f"root {os.fsdecode(inner)} lies inside root {os.fsdecode(outer)}: name only one of them",
                path=os.fsdecode(new),
                other=os.fsdecode(root),
            )
