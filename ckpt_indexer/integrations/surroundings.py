"""What a training runs in: versions of its frameworks, its program, the commit it was started from. Asked once."""

from __future__ import annotations

import os
import platform
import re
import sys
from typing import Any

from ckpt_indexer.metadata.writable import Block, block, name, text

FRAMEWORKS = (
    "ckpt_indexer",
    "torch",
    "lightning",
    "pytorch_lightning",
    "torchvision",
    "timm",
    "transformers",
    "numpy",
    "deepspeed",
)
"""Reported when the training has loaded them; nothing is imported for it."""
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def environment() -> Block:
    """Return versions, program and git commit, as far as they are known without running anything."""
    versions = {module: getattr(sys.modules.get(module), "__version__", None) for module in FRAMEWORKS}
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    start = os.path.dirname(os.path.abspath(script)) if isinstance(script, str) else None
    commit = next((found for place in (start, os.getcwd()) if place and (found := find_commit(place))), None)
    return block(
        python=platform.python_version(),
        **{module: text(str(version)) for module, version in versions.items() if version is not None},
        program=text(_program(script)),
        git_commit=commit,
    )


def find_commit(directory: str) -> str | None:
    """Return the commit that is checked out in the git work tree around a directory; None when there is none."""
    while True:
        entry = os.path.join(directory, ".git")
        if os.path.exists(entry):
            return _head(entry)
        above = os.path.dirname(directory)
        if above == directory:
            return None
        directory = above


def wandb_run(loggers: Any) -> Block:  # noqa: ANN401  # the trainer's loggers, whatever they are
    """Return `id`, `name`, `project` and `entity` of the W&B run, from its logger or the run that is going on. W&B is
    never imported and no run is started for it."""
    run = getattr(sys.modules.get("wandb"), "run", None)
    said: Block = {key: name(getattr(run, key, None)) for key in ("id", "name", "project", "entity")}
    for logger in loggers:
        if any(base.__name__ == "WandbLogger" for base in type(logger).__mro__):
            logged = name(logger.version)
            if logged is not None and logged != said["id"]:
                said = {"id": logged, "project": name(logger.name)}
            break
    return block(**said) if said.get("id") is not None else {}


def logged_run_id(loggers: Any) -> str | None:  # noqa: ANN401  # likewise
    """Return the run id of a logger that has one (MLflow)."""
    return next((found for logger in loggers if (found := name(getattr(logger, "run_id", None)))), None)


def _program(script: object) -> str | None:
    """Return how the program was started: a module, or a script without the directories of this machine."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:
        return f"-m {spec.name.removesuffix('.__main__')}"
    return os.path.basename(script) if isinstance(script, str) else None


def _head(entry: str) -> str | None:
    """Return the commit of a `.git` directory, or of the file that stands for one in a linked work tree.

    https://git-scm.com/docs/gitrepository-layout
    """
    if os.path.isfile(entry):
        pointer = _line(entry).removeprefix("gitdir:").strip()
        entry = os.path.join(os.path.dirname(entry), pointer)
    head = _line(os.path.join(entry, "HEAD"))
    if not head.startswith("ref:"):
        return head if _COMMIT.fullmatch(head) else None
    reference = head.removeprefix("ref:").strip()
    common = os.path.join(entry, _line(os.path.join(entry, "commondir")))
    for place in (entry, common):
        commit = _line(os.path.join(place, reference))
        if _COMMIT.fullmatch(commit):
            return commit
    return _packed(os.path.join(common, "packed-refs"), reference)


def _packed(path: str, reference: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                commit, _, packed = line.strip().partition(" ")
                if packed == reference and _COMMIT.fullmatch(commit):
                    return commit
    except OSError:
        return None
    return None


def _line(path: str) -> str:
    """Return the first line of a small file; empty when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline(4_096).strip()
    except OSError:
        return ""
