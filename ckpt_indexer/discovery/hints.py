"""From one file system event to hints. Pure: names and flags in, hints out.

Events only say where to look. A path of no interest makes no hint; a directory event makes one for the whole tree
below, so the single events watchdog derives from it add nothing.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.discovery import rules
from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.discovery.rules import Role

if TYPE_CHECKING:
    from ckpt_indexer.discovery.options import Options


class Change(Enum):
    """What an event says happened to an entry."""

    CREATED = auto()
    MODIFIED = auto()
    CLOSED = auto()
    """A writer let go of it, or it was moved into place: its content is complete."""
    DELETED = auto()
    """It went, or was moved away."""


class Happening(NamedTuple):
    """One event on one entry."""

    change: Change
    path: bytes
    """Relative to the root; empty for the root itself."""
    is_directory: bool = False


def hints_for(root: bytes, happening: Happening, options: Options) -> list[Hint]:
    """Return where to look because of one event, narrowest first."""
    directory, _, name = happening.path.rpartition(b"/")
    if not rules.is_walked(directory, options):
        return _for_input(root, happening, options)
    if happening.is_directory:
        return _for_directory(root, happening, name, options)
    if rules.excluded(happening.path, options):
        return []
    return _for_file(root, happening, directory, name, options)


def _for_directory(root: bytes, happening: Happening, name: bytes, options: Options) -> list[Hint]:
    path, gone = happening.path, happening.change is Change.DELETED
    if not path:
        return [Hint(HintKind.ROOT, root, b"", gone=gone)]
    if rules.excluded(path, options):
        return []
    if rules.is_ignored_directory(name):  # one that came or went whole tells of no file in it
        return [] if happening.change is Change.MODIFIED else _for_inputs_in(root, path, options)
    hints = [Hint(HintKind.TREE, root, path, gone=gone)]
    enclosing = _trainer_directory_above(path)
    return hints if enclosing is None else [Hint(HintKind.PATH, root, enclosing), *hints]


def _for_input(root: bytes, happening: Happening, options: Options) -> list[Hint]:
    """Return a hint for a file that rows may be derived from, wherever it lies."""
    if happening.is_directory or options.is_input is None or options.is_input(happening.path) is None:
        return []
    gone = happening.change is Change.DELETED
    return [Hint(HintKind.PATH, root, happening.path, happening.change is Change.CLOSED, gone)]


def _for_inputs_in(root: bytes, directory: bytes, options: Options) -> list[Hint]:
    """Return a hint for what may lie in a directory that is never walked: a config saved beside a training."""
    path = directory + b"/config.yaml"
    known = options.is_input is not None and options.is_input(path) is not None
    return [Hint(HintKind.PATH, root, path)] if known else []


def _for_file(root: bytes, happening: Happening, directory: bytes, name: bytes, options: Options) -> list[Hint]:
    role = rules.role(name, options)
    hints = _for_input(root, happening, options) if role in {Role.OTHER, Role.MARKER} else []
    if role in {Role.CHECKPOINT, Role.METADATA}:
        finished, gone = happening.change is Change.CLOSED, happening.change is Change.DELETED
        hints.append(Hint(HintKind.PATH, root, happening.path, finished, gone))
    if rules.is_marker(name):
        hints += _for_marker(root, happening.change, directory, name)
    elif rules.is_member(name) and directory:
        hints.append(Hint(HintKind.PATH, root, directory))
    enclosing = _trainer_directory_above(happening.path)
    if enclosing is not None and role is not Role.IGNORED and all(hint.path != enclosing for hint in hints):
        hints.append(Hint(HintKind.PATH, root, enclosing))
    return hints


def _for_marker(root: bytes, change: Change, directory: bytes, name: bytes) -> list[Hint]:
    """A marker that comes or goes turns a directory into one checkpoint or back: look at it and all below it."""
    if name.startswith(rules.RANK_PREFIX):
        directory = directory.rpartition(b"/")[0]
    if not directory:
        return []
    hints = [Hint(HintKind.PATH, root, directory)]
    return hints if change is Change.MODIFIED else [*hints, Hint(HintKind.TREE, root, directory)]


def _trainer_directory_above(path: bytes) -> bytes | None:
    """Return the nearest `checkpoint-N` directory a path lies in."""
    above = path.rpartition(b"/")[0]
    while above:
        parent, _, name = above.rpartition(b"/")
        if rules.is_trainer_directory(name):
            return above
        above = parent
    return None
