"""Where a checkpoint lies, in the words of a document: paths below the outputs root, the experiment, Hydra's files."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache

from ckpt_indexer.metadata.fields import is_clean, is_relative
from ckpt_indexer.metadata.naming import raw
from ckpt_indexer.metadata.runs import place_of

HYDRA_CONFIG = ".hydra/config.yaml"
_MAX_CONFIG_BYTES = 1 << 20
_EXPERIMENT = re.compile(r"^exp_name:[ \t]*(['\"]?)([^'\"#\n{}\[\]$&*!|>%@`]+?)\1[ \t]*(?:#.*)?$", re.MULTILINE)
"""A literal `exp_name` at the top level of a Hydra configuration."""


@dataclass(frozen=True, slots=True)
class Root:
    """The directory that paths are relative to."""

    path: str
    """Absolute."""
    given: bool
    """The user named it. Else it is where this training works, and need not be the root that a catalog watches."""

    @property
    def name(self) -> str:
        """Last part of the path."""
        return os.path.basename(self.path)

    def relative(self, path: str) -> str | None:
        """Return an absolute path relative to this root, POSIX; None when it does not lie below."""
        for base, inner in ((self.path, path), (os.path.realpath(self.path), os.path.realpath(path))):
            found = os.path.relpath(inner, base)
            if is_relative(found) and found != "." and is_clean(found):
                return found
        return None


def absolute(path: str | os.PathLike[str]) -> str | None:
    """Return the absolute local path; None for one on another machine (`s3://...`)."""
    text = os.fspath(path)
    text = text.removeprefix("file://")
    return None if "://" in text else os.path.abspath(text)


def root_of(path: str, outputs_dir: str | None, working: str | None) -> Root | None:
    """Return the root for a checkpoint: the outputs directory if given, else the nearest of the trainer's own directory
    and the current one that the checkpoint lies in; None when it lies in none of them."""
    if outputs_dir is not None:
        return Root(outputs_dir, given=True)
    for directory in (working, os.getcwd()):
        root = Root(os.path.abspath(directory), given=False) if directory else None
        if root is not None and root.relative(path) is not None:
            return root
    return None


def experiment_of(path: str, root: Root | None) -> str | None:
    """Return the name of the experiment by where the checkpoint lies, as the catalog itself would; without a root only
    the two directories above the checkpoint count."""
    relative = root.relative(path) if root is not None else None
    if relative is not None and root is not None:
        return place_of(raw(relative), root.name).experiment or None
    return place_of(raw("/".join(path.split(os.sep)[-3:])), "").experiment or None


def run_directory(path: str, root: Root | None) -> str | None:
    """Return the run's directory below a root the user named; below any other it could differ from the catalog's."""
    relative = root.relative(path) if root is not None and root.given else None
    return None if relative is None or root is None else place_of(raw(relative), root.name).run_dir


def hydra_config(path: str, root: Root | None) -> str | None:
    """Return the absolute path of the run's Hydra configuration: the nearest at or above the checkpoint's directory and
    not above the root, else the one of the Hydra application that is running."""
    top = root.path if root is not None else None
    return _nearest(os.path.dirname(path), top) or _of_this_process()


@lru_cache(maxsize=64)
def experiment_in(config: str) -> str | None:
    """Return the `exp_name` that a Hydra configuration states literally; None when it does not."""
    try:
        with open(config, encoding="utf-8", errors="replace") as file:
            found = _EXPERIMENT.search(file.read(_MAX_CONFIG_BYTES))
    except OSError:
        return None
    return found[2].strip() if found is not None else None


@lru_cache(maxsize=256)
def _nearest(directory: str, top: str | None) -> str | None:
    while True:
        candidate = os.path.join(directory, HYDRA_CONFIG)
        if os.path.isfile(candidate):
            return candidate
        above = os.path.dirname(directory)
        if directory in (top, above) or (top is None and directory == os.getcwd()):
            return None
        directory = above


def _of_this_process() -> str | None:
    """Return the configuration of the running Hydra application; Hydra is asked only if it is loaded already."""
    module = sys.modules.get("hydra.core.hydra_config")
    holder = getattr(module, "HydraConfig", None)
    if holder is None or not holder.initialized():
        return None
    directory = holder.get().runtime.output_dir
    candidate = os.path.join(directory, HYDRA_CONFIG) if isinstance(directory, str) else ""
    return candidate if os.path.isfile(candidate) else None
