"""The job a limited child does for the W&B source: what the directories of one run say of one checkpoint."""

from __future__ import annotations

from typing import Any

from ckpt_indexer.metadata.naming import raw
from ckpt_indexer.metadata.record import Component, Finding, Metric, Problem
from ckpt_indexer.sources.wandb.directory import read_directory
from ckpt_indexer.sources.wandb.match import Progress
from ckpt_indexer.sources.wandb.run import RunAnswer, RunSaid, speak

READ_RUN = f"{__name__}:read_run"
"""What to call in the child."""
_MAX_DIRECTORIES = 16
"""Directories read of one run that was resumed often: the newest."""


def read_run(**asked: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON values
    """Return what a run says of a checkpoint, as `said_of` understands it. Runs in the child.

    Asked with: `root` and `directories` (relative to it, oldest first) as text with surrogate escapes, `run_id`,
    `detail`, `monitor`, `alone`, and the checkpoint's `epoch` and `global_step`.
    """
    root, run_id = raw(asked["root"]), raw(asked["run_id"])
    directories = [raw(path) for path in asked["directories"][-_MAX_DIRECTORIES:]]
    parts = [read_directory(root, path, run_id, asked["monitor"]) for path in directories]
    progress = Progress(asked["epoch"], asked["global_step"])
    said = speak(merged(asked["run_id"], parts), progress, detail=asked["detail"], alone=asked["alone"])
    return {"findings": [_to_json(finding) for finding in said.findings], "denies": said.denies}


def said_of(answer: dict[str, Any]) -> RunAnswer:  # JSON values
    """Return what `read_run` answered."""
    return RunAnswer([_from_json(finding) for finding in answer["findings"]], answer["denies"])


def merged(run_id: str, parts: list[RunSaid]) -> RunSaid:
    """Return one run from what its directories say, oldest first: the newest wins, rows keep the order they were
    logged in."""
    whole = RunSaid(run_id)
    for part in parts:
        for name in ("entity", "project", "program", "git_commit", "state"):
            setattr(whole, name, getattr(part, name) or getattr(whole, name))
        if part.params:
            whole.facts, whole.components, whole.params = part.facts, part.components, part.params
        whole.summary.update(part.summary)
        whole.rows += part.rows
        whole.whole = whole.whole and part.whole
        whole.problems += part.problems
    return whole


def _to_json(finding: Finding) -> dict[str, Any]:  # JSON values
    return {
        "source": finding.source,
        "detail": finding.detail,
        "facts": finding.facts,
        "metrics": finding.metrics,
        "components": finding.components,
        "params": finding.params,
        "problems": finding.problems,
    }


def _from_json(value: dict[str, Any]) -> Finding:  # JSON values
    finding = Finding(value["source"], value["detail"], facts=value["facts"], params=value["params"])
    finding.metrics = {name: Metric(number, stale) for name, (number, stale) in value["metrics"].items()}
    finding.components = [Component(role, name, params) for role, name, params in value["components"]]
    finding.problems = [Problem(kind, message) for kind, message in value["problems"]]
    return finding
