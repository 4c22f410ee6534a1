"""Where the logs of a run lie, seen from a directory of its checkpoints. Names and stats only.

Looked at are the checkpoint's directory and those above it up to its run's, the nearest first; in each the logs
themselves, then those on a logger's shelf (`lightning_logs/version_3`, `tensorboard`), which belong to the run around
it. A run that itself is `lightning_logs/version_3` has its like-numbered siblings on the other shelves too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.sources.around import join, place_of, run_levels
from ckpt_indexer.sources.input_names import (
    ARGUMENTS,
    EVENTS,
    METRICS_CSV,
    RESULTS_CSV,
    SCALARS,
    SHELVES,
    SUMMARY_CSV,
    TRAINER_STATE,
    VIS_DATA,
    is_time,
    is_version,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.sources.around import Around, Place

MAX_LOGS = 16
"""Logs of one checkpoint; the nearest and newest are read."""
_STEP_DIRECTORY = re.compile(rb"checkpoint-\d+")
_SHELF_DEPTH = 2
_KINDS = {
    METRICS_CSV: "lightning",
    SUMMARY_CSV: "timm",
    RESULTS_CSV: "ultralytics",
    TRAINER_STATE: "hf_beside",
    ARGUMENTS: "arguments",
}
_ON_SHELVES = frozenset({"lightning", "tensorboard"})


class Log(NamedTuple):
    """One file that may tell of a checkpoint."""

    kind: str
    """lightning | tensorboard | timm | ultralytics | mmengine | hf | hf_beside | arguments."""
    level: int
    """How far away it is: 0 is the checkpoint's own directory."""
    place: Place


def logs_of(around: Around, root: bytes, directory: bytes) -> list[Log]:
    """Return the logs for checkpoints in a directory (relative to the root), the nearest first."""
    levels = run_levels(directory)
    logs: list[Log] = []
    for number, level in enumerate(levels):
        for log in _at(around, root, level, number):
            logs.append(log)
            if len(logs) == MAX_LOGS:
                return logs
    logs += _beside_version(around, root, levels[-1], len(levels) - 1)
    return logs[:MAX_LOGS]


def state_within(root: bytes, path: bytes) -> Log | None:
    """Return the state inside a directory checkpoint; None when there is none. Only in `checkpoint-N` it is the
    checkpoint's own; in the directory of a whole run (of its sharded weights) it tells of the run's end."""
    place = place_of(root, join(path, TRAINER_STATE))
    own = _STEP_DIRECTORY.fullmatch(path.rpartition(b"/")[2]) is not None
    return None if place is None else Log("hf" if own else "hf_beside", -1, place)


def _at(around: Around, root: bytes, directory: bytes, level: int) -> Iterator[Log]:
    """Yield the logs in one directory, those of MMEngine's starts, then those on the shelves in it."""
    yield from _files(around, root, directory, level)
    for name in around.listed(root, directory).directories:
        if is_time(name):
            place = place_of(root, join(directory, name) + b"/" + VIS_DATA + b"/" + SCALARS)
            if place is not None:
                yield Log("mmengine", level, place)
    yield from _shelves(around, root, directory, level, _SHELF_DEPTH)


def _files(around: Around, root: bytes, directory: bytes, level: int) -> Iterator[Log]:
    for name in sorted(around.listed(root, directory).files, key=_order):
        kind = _kind(name)
        place = None if kind is None else place_of(root, join(directory, name))
        if kind is not None and place is not None:
            yield Log(kind, level, place)


def _shelves(around: Around, root: bytes, directory: bytes, level: int, depth: int) -> Iterator[Log]:
    for name in around.listed(root, directory).directories:
        if name in SHELVES:
            yield from _shelf(around, root, join(directory, name), level, depth)


def _shelf(around: Around, root: bytes, shelf: bytes, level: int, depth: int) -> Iterator[Log]:
    below = [join(shelf, name) for name in around.listed(root, shelf).directories if is_version(name)]
    for directory in (shelf, *below):
        yield from (log for log in _files(around, root, directory, level) if log.kind in _ON_SHELVES)
    if depth > 1:
        yield from _shelves(around, root, shelf, level, depth - 1)


def _beside_version(around: Around, root: bytes, run: bytes, level: int) -> Iterator[Log]:
    """Yield the logs of the same version on the other shelves."""
    shelf, _, version = run.rpartition(b"/")
    above, _, own = shelf.rpartition(b"/")
    if not is_version(version) or own not in SHELVES:
        return
    for name in around.listed(root, above).directories:
        if name in SHELVES and name != own:
            directory = join(above, name) + b"/" + version
            yield from (log for log in _files(around, root, directory, level) if log.kind in _ON_SHELVES)


def _kind(name: bytes) -> str | None:
    return "tensorboard" if name.startswith(EVENTS) else _KINDS.get(name)


def _order(name: bytes) -> tuple[bool, bytes]:
    """Sort tables before event files."""
    return name.startswith(EVENTS), name
