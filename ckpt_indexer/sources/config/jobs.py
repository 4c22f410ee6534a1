"""Reading the configuration of a run in a limited child: the job the child runs. Everything in these files is hostile.

What one configuration says is kept for the checkpoints that share it, by path and stamp.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ckpt_indexer.errors import LimitExceeded, ReaderError, SourceRejected
from ckpt_indexer.sources.around_bytes import read_small
from ckpt_indexer.sources.config.documents import MAX_BYTES, parse_config
from ckpt_indexer.sources.config.facts import ConfigAnswer, describe_config, fill_gaps
from ckpt_indexer.sources.config.overrides import parse_overrides

_REMEMBERED = 32
_HYDRA_MARK = b"${hydra"

Stamped = tuple[str, int, int]
"""Path relative to the root, size, mtime in ns."""


def read_configs(root: str, beside: list[list[Any]], runs: list[list[list[Any]]]) -> dict[str, Any]:  # JSON values
    """Return what the configuration of a checkpoint says. Runs in the child.

    `beside` are the configs beside the checkpoint, `runs` those of its run, each as the files that make it up: the
    configuration, then `hydra.yaml` and `overrides.yaml` where they are. A file is path, size and mtime in ns. Of each
    kind the first that says anything counts; the one beside wins. The answer holds `config` (a `ConfigAnswer`), or
    null; `used`, the paths of the configurations that counted; and `problems`, [path, message] of what cannot be read.
    """
    answers: list[ConfigAnswer] = []
    used: list[str] = []
    problems: list[list[str]] = []
    for choices in ([[one] for one in beside], runs):
        for files in choices:
            said, unread = _read(root, tuple((path, size, mtime_ns) for path, size, mtime_ns in files))
            problems += [list(problem) for problem in unread]
            if said is not None:
                answers.append(said)
                used.append(files[0][0])
                break
    config = fill_gaps(answers).to_json() if answers else None
    return {"config": config, "used": used, "problems": problems}


@lru_cache(maxsize=_REMEMBERED)
def _read(root: str, files: tuple[Stamped, ...]) -> tuple[ConfigAnswer | None, tuple[tuple[str, str], ...]]:
    """Return what one configuration says, None when nothing or when it cannot be read; and (path, message) of what is
    wrong. The stamps are what makes a changed file another one."""
    problems: list[tuple[str, str]] = []
    (path, *_), *others = files
    config, data = _parsed(root, path, problems)
    if not isinstance(config, dict) or not config:
        if isinstance(config, list):
            problems.append((path, "a list; a configuration is a mapping"))
        return None, tuple(problems)
    hydra, overrides = None, {}
    for other, *_ in others:
        if other.endswith("hydra.yaml") and _HYDRA_MARK in data:
            parsed, _ = _parsed(root, other, problems)
            hydra = parsed.get("hydra") if isinstance(parsed, dict) else None
        elif other.endswith("overrides.yaml"):
            overrides = _overrides(root, other, problems)
    answer = describe_config(config, hydra=hydra if isinstance(hydra, dict) else None, overrides=overrides)
    return answer, tuple(problems)


def _parsed(root: str, path: str, problems: list[tuple[str, str]]) -> tuple[Any, bytes]:  # JSON-like values
    try:
        data = read_small(root, path, MAX_BYTES)
        return parse_config(data, json_only=path.endswith(".json")), data
    except (ReaderError, LimitExceeded, SourceRejected) as exc:
        problems.append((path, exc.message))
        return None, b""


def _overrides(root: str, path: str, problems: list[tuple[str, str]]) -> dict[str, Any]:  # JSON values
    try:
        return parse_overrides(read_small(root, path, MAX_BYTES))
    except (ReaderError, LimitExceeded, SourceRejected) as exc:
        problems.append((path, exc.message))
        return {}
