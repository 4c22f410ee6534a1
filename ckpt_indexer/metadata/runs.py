"""Which run and experiment a checkpoint belongs to, by where it lies. Pure.

The run directory is what a training wrote into: the directory above `checkpoints` (or the like), else the checkpoint's
own directory, without parts that a file name template made. It is always the whole path relative to the root, so that
two `version_0`, or two multirun `0`, are two runs. A run id is never made up from it: None until a source knows one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ckpt_indexer.metadata.naming import checkpoint_suffix, display, raw

CONTAINERS = frozenset({b"checkpoints", b"checkpoint", b"ckpts", b"ckpt", b"weights"})
"""Directories that hold the checkpoints of one run and say nothing about it."""
_SHELVES = frozenset(
    {b"lightning_logs", b"tb_logs", b"csv_logs", b"tensorboard", b"logs", b"outputs", b"output", b"multirun", b"runs"}
)
"""Directories that hold many runs and are called the same everywhere."""
_TEMPLATE = re.compile(rb"^(?:[^,=]*[-_])?(?<!max[-_])(?:epoch|step)=\d[^,]*$", re.IGNORECASE)
"""A directory named for its epoch or step. One with commas lists the overrides of a multirun job."""
_VALUE = re.compile(rb"\w+=-?\d", re.ASCII)
_STEP = re.compile(rb"(?:checkpoint|global_step|step|epoch|iter)[-_=]?\d+", re.IGNORECASE)
_DATE = re.compile(rb"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(rb"\d{2}-\d{2}-\d{2}")
_VERSION = re.compile(rb"version_\d+")
_NUMBER = re.compile(rb"\d+")
_ANY = "x.ckpt"
"""Stands for a checkpoint in a directory."""


class Place(NamedTuple):
    """Where a checkpoint lies, in words of training."""

    run_dir: str
    """Directory of the run relative to the root; `.` is the root itself."""
    experiment: str
    """A name that a person recognises."""


class Split(NamedTuple):
    """The parts of a checkpoint's path."""

    run: tuple[bytes, ...]
    """The run directory; empty for the root."""
    template: tuple[bytes, ...]
    """What a name template or a step made: directories as `epoch=3-val` or `checkpoint-500`, and the name at last."""


def split_path(path: bytes) -> Split:
    """Return run directory and templated parts of a checkpoint's path relative to its root.

    A container counts when it holds the checkpoint itself, or when a name stands above it: `checkpoints/a/x.ckpt` and
    `checkpoints/b/x.ckpt` are two runs, `a/checkpoints/fold1/x.ckpt` is one of `a`.
    """
    *parents, name = path.split(b"/")
    start = _template_start(parents, name)
    template = (*parents[start:], name)
    containers = [place for place in range(start) if parents[place].lower() in CONTAINERS]
    run = start
    if containers and (containers[-1] == start - 1 or any(_is_name(part) for part in parents[: containers[-1]])):
        run = containers[-1]
        while run and parents[run - 1].lower() in CONTAINERS:
            run -= 1
    return Split(tuple(parents[:run]), template)


def place_of(path: bytes, root_name: str) -> Place:
    """Return run directory and default experiment of a checkpoint, given its path relative to the root of that name."""
    run = split_path(path).run
    return Place(display(b"/".join(run)) or ".", _experiment(run) or root_name)


def rebased(run_dir: str, said_path: str, path: str) -> str | None:
    """Return the run directory a document gives, relative to the root of `path` instead of its own.

    `said_path` is the checkpoint's path as the document has it. Where one of the two paths is the end of the other, the
    directory that the training called its outputs lies below or above the root, and their difference says by how much.
    None when the run directory lies above the root. Of unrelated paths nothing can be told: it stays.
    """
    if path.endswith("/" + said_path):
        above = path.removesuffix("/" + said_path)
        return place_of(raw(f"{above}/{_ANY}"), "").run_dir if run_dir == "." else f"{above}/{run_dir}"
    if said_path.endswith("/" + path):
        above = said_path.removesuffix("/" + path)
        if run_dir == above:
            return "."
        return run_dir.removeprefix(above + "/") if run_dir.startswith(above + "/") else None
    return run_dir


def _template_start(parents: list[bytes], name: bytes) -> int:
    """Return how many directories come before the ones that a template or a step made."""
    start = next((place for place, part in enumerate(parents) if _TEMPLATE.search(part)), len(parents))
    if start == len(parents) and start and checkpoint_suffix(name) is not None:
        made_by_step = _STEP.fullmatch(parents[start - 1])
        in_container = start > 1 and parents[start - 2].lower() in CONTAINERS
        made_by_metric = in_container and _VALUE.match(name) and parents[start - 1].lower() not in CONTAINERS
        if made_by_step or made_by_metric:
            start -= 1
    return start


def _is_name(part: bytes) -> bool:
    """Tell whether a person would call a run so: no shelf, container or counter."""
    return part.lower() not in _SHELVES | CONTAINERS and not (_VERSION.fullmatch(part) or _NUMBER.fullmatch(part))


def _experiment(run: tuple[bytes, ...]) -> str | None:
    """Return the nearest part that is a name; a Hydra date goes with its time, a bare number is a name only when there
    is no better one. None when no part is a name."""
    number: bytes | None = None
    for place in range(len(run) - 1, -1, -1):
        part = run[place]
        if place and _TIME.fullmatch(part) and _DATE.fullmatch(run[place - 1]):
            return display(run[place - 1] + b"/" + part)
        if _is_name(part):
            return display(part)
        if number is None and _NUMBER.fullmatch(part):
            number = part
    return None if number is None else display(number)
