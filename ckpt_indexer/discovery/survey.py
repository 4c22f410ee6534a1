"""How many directories a root has, and which of its subtrees are worth watching when it has too many.

watchdog watches every directory below a watched one, hidden and excluded ones too, so all of them count.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

MAX_SURVEYED = 200_000
"""Directories looked at when choosing; in a larger tree the rest is found by scans alone."""


class Subtree(NamedTuple):
    """One thing to watch."""

    path: bytes
    """Absolute."""
    is_recursive: bool
    """False: only what happens directly in it."""
    directories: int
    """How many watches it takes."""


class _Node(NamedTuple):
    path: bytes
    parent: int
    mtime_ns: int


def count_directories(root: bytes, limit: int) -> int:
    """Return how many directories a tree has, itself included; stops counting just above `limit`."""
    count, pending = 1, [root]
    while pending and count <= limit:
        below = _subdirectories(pending.pop())
        count += len(below)
        pending += below
    return count


def choose_subtrees(root: bytes, *, max_directories: int, max_watches: int) -> tuple[int, list[Subtree]]:
    """Return how many directories a tree has, and what to watch of it when that is too many: the root's own level, then
    the most recently changed parts, newest first.

    A part is a whole subtree small enough for its share of `max_directories`, or one level of a larger one. A new
    directory changes the mtime of the level it appears in, so levels where runs begin are recent.
    """
    nodes = _survey(root)
    sizes, newest = [1] * len(nodes), [node.mtime_ns for node in nodes]
    for index in range(len(nodes) - 1, 0, -1):
        parent = nodes[index].parent
        sizes[parent] += sizes[index]
        newest[parent] = max(newest[parent], newest[index])
    share = max(1, max_directories // max(1, max_watches))
    parts: list[tuple[int, Subtree]] = []
    for index, node in enumerate(nodes):
        if index and sizes[node.parent] <= share:
            continue
        whole = sizes[index] <= share
        recency = newest[index] if whole else node.mtime_ns
        parts.append((recency, Subtree(node.path, whole, sizes[index] if whole else 1)))
    own_level, rest = parts[:1], parts[1:]
    rest.sort(key=lambda part: (-part[0], part[1].path))
    return len(nodes), [subtree for _, subtree in (own_level + rest)[:max_watches]]


def _survey(root: bytes) -> list[_Node]:
    """Return the directories of a tree, parents before children."""
    nodes = [_Node(root, 0, _mtime_ns(root))]
    at = 0
    while at < len(nodes) < MAX_SURVEYED:
        nodes += [_Node(path, at, _mtime_ns(path)) for path in _subdirectories(nodes[at].path)]
        at += 1
    return nodes


def _subdirectories(path: bytes) -> list[bytes]:
    """Return the real subdirectories of a directory; none when it cannot be read."""
    prefix = path if path.endswith(b"/") else path + b"/"
    found: list[bytes] = []
    with suppress(OSError), os.scandir(path) as entries:
        found += [prefix + entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return found


def _mtime_ns(path: bytes) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0
