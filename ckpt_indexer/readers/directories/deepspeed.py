"""What DeepSpeed writes: a text file `latest` that names a directory, model and optimizer states per rank in it.

The first rank's model states are an ordinary torch file with everything but the optimizer
(https://github.com/microsoft/DeepSpeed/blob/v0.15.0/deepspeed/runtime/engine.py#L3223).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ckpt_indexer.readers.contents import Contents
from ckpt_indexer.readers.detect import LATEST

if TYPE_CHECKING:
    from ckpt_indexer.readers.directories.members import Members
    from ckpt_indexer.readers.nodes import Plain

MAX_TAG_BYTES = 255
_MODEL = re.compile(r"(?:zero_pp_rank_(?P<dp>\d+)_)?mp_rank_(?P<mp>\d+)_model_states\.pt")
_OPTIMIZER = re.compile(r"(?:\w+_)?zero_pp_rank_(?P<dp>\d+)_mp_rank_(?P<mp>\d+)_optim_states\.pt")


def read(members: Members) -> Contents:
    """Return the state of the first rank; complete when every rank's files are there."""
    members.header.complete = True
    contents = Contents(members.header, weights_only=False)
    tag = (members.text(LATEST, MAX_TAG_BYTES) or "").strip()
    below = members.directory.find_directory(tag) if tag else None
    if below is None:
        members.missing(f"the directory that {LATEST!r} names, {tag[:100]!r}")
        return contents
    with below:
        inner = members.inside(below)
        models = [match for name in inner.names if (match := _MODEL.fullmatch(name)) is not None]
        if not models:
            members.missing("no model states of any rank")
            return contents
        first = min(models, key=lambda match: (int(match["mp"]), int(match["dp"] or -1), match.string))
        read = inner.checkpoint(first.string)
        if read is not None:
            contents.root = _renamed(read.root)
            contents.mark = read.mark
        _check_ranks(inner, models, contents.root)
    return contents


def _renamed(root: Plain) -> Plain:
    """Return the state under the names other trainers use, where those are not taken."""
    if not isinstance(root, dict):
        return root
    renamed = dict(root)
    for own, usual in (("module", "state_dict"), ("global_steps", "global_step")):
        if own in renamed and usual not in renamed:
            renamed[usual] = renamed.pop(own)
    return renamed


def _check_ranks(members: Members, models: list[re.Match[str]], root: Plain) -> None:
    """Every rank up to the highest, and up to the number the state gives, must have its files."""
    optimizers = [match for name in members.names if (match := _OPTIMIZER.fullmatch(name)) is not None]
    mp = max(_size(root, "mp_world_size"), 1 + max(int(match["mp"]) for match in models + optimizers))
    dp = max(_size(root, "dp_world_size"), 1 + max(int(match["dp"] or 0) for match in models + optimizers))
    for what, found in (("model", models), ("optimizer", optimizers)):
        spread = bool(found) and found[0]["dp"] is not None
        wanted = (mp * dp if spread else mp) if found else 0
        there = len({(int(match["mp"]), int(match["dp"] or 0)) for match in found})
        if there < wanted:
            members.missing(f"{wanted - there} of {wanted} files of {what} states")


def _size(root: Plain, name: str) -> int:
    value = root.get(name) if isinstance(root, dict) else None
    return value if type(value) is int and 0 < value <= 1_000_000 else 1
