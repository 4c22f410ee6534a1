"""What trainers log beside their checkpoints, as a source: metrics of exactly this checkpoint, arguments of its run.

Hugging Face (`trainer_state.json`), Lightning (`metrics.csv`, TensorBoard events), timm (`summary.csv`), Ultralytics
(`results.csv`), MMEngine (`scalars.json`), and the `args.yaml` of the last three. A value is given only when step or
epoch say that it is this checkpoint's; of logs that contradict each other none is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import Kind
from ckpt_indexer.metadata.naming import display, stem
from ckpt_indexer.metadata.path_facts import find_path_facts
from ckpt_indexer.metadata.record import Component, Finding, Metric, Problem
from ckpt_indexer.sources.around import Around
from ckpt_indexer.sources.around_bytes import MAX_LINES_BYTES
from ckpt_indexer.sources.asking import Asking, inputs_of, shown_path, stamped
from ckpt_indexer.sources.base import Cost
from ckpt_indexer.sources.trainer.places import Log, logs_of, state_within
from ckpt_indexer.sources.trainer.rows import AMBIGUOUS, LIMITED, UNREADABLE, Row, Wanted, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckpt_indexer.candidate import Candidate, FileStamp
    from ckpt_indexer.sandbox.pool import Pool
    from ckpt_indexer.sources.base import Said

_JOB = "ckpt_indexer.sources.trainer.jobs:read_logs"
_OWN_METRICS = 200
"""Metrics of the file itself that are sent along, to recognise its row."""
MAX_BYTES = 64 << 20
"""Of all logs that are read for one checkpoint."""
_FINAL = frozenset({"model", "pytorch_model", "adapter_model"})
"""What the Hugging Face Trainer calls the weights it saves beside its state."""


class TrainerSource:
    """Reads the logs around a checkpoint. Without a pool it only tells whether there is something to read."""

    name = "trainer"
    cost = Cost.CHILD

    def __init__(self, *, pool: Pool | None, around: Around | None = None) -> None:
        self._asking = Asking(pool, _JOB)
        self._around = around or Around()

    def find(self, candidate: Candidate, said: Said) -> Finding | None:
        """Return what the logs say; None when there are none. Unreadable ones are a finding with problems.

        Raises:
            NeedsChild: there are logs and no pool.
        """
        logs = self._logs(candidate)
        if not logs:
            return None
        finding = Finding(self.name, "", inputs=inputs_of(self.name, [log.place for log in logs]))
        chosen = _affordable(logs)
        if len(chosen) < len(logs):
            left = ", ".join(display(log.place[0]) for log in logs if log not in chosen)
            finding.problems.append(Problem(LIMITED, f"the logs of this run are too large together; left out: {left}"))
        places = [log.place for log in chosen]
        answer = self._asking.ask(
            candidate.root,
            places,
            logs=[[log.kind, log.level, *place] for log, place in zip(chosen, stamped(places), strict=True)],
            wanted=_wanted(candidate, said)._asdict(),
        )
        if isinstance(answer, str):
            finding.problems.append(Problem(UNREADABLE, answer))
        else:
            _take(finding, answer["answers"])
        return finding

    def surroundings(self, root: bytes, directory: bytes) -> list[tuple[bytes, FileStamp]]:
        """Return the logs that checkpoints in this directory would be described by, with their stamps. What lies inside
        a directory checkpoint is part of it."""
        return sorted(log.place for log in logs_of(self._around, root, directory))

    def _logs(self, candidate: Candidate) -> list[Log]:
        logs = logs_of(self._around, candidate.root, candidate.directory)
        directory = candidate.kind is Kind.DIRECTORY
        if directory or display(stem(candidate.name)) not in _FINAL:
            logs = [log for log in logs if log.kind != "hf_beside"]
        within = state_within(candidate.root, candidate.path) if directory else None
        return logs if within is None else [within, *logs]


def _affordable(logs: Sequence[Log]) -> list[Log]:
    """Return the logs that one job can read in its time, the nearest first; the first one always."""
    chosen: list[Log] = []
    left = MAX_BYTES
    for log in logs:
        left -= min(log.place[1].size_bytes, MAX_LINES_BYTES)
        if left >= 0 or not chosen:
            chosen.append(log)
    return chosen


def _wanted(candidate: Candidate, said: Said) -> Wanted:
    """Return what is known of the checkpoint; its name's numbers count only where nothing else is known."""
    epoch, step = said.fact("epoch"), said.fact("global_step")
    if epoch is None and step is None:
        named = find_path_facts(candidate.path)
        facts = {} if named is None else named.facts
        epoch, step = facts.get("epoch"), facts.get("global_step")
    own = [finding.metrics for finding in said.findings if finding.source == "header"]
    metrics = {name: metric.value for part in own for name, metric in part.items() if metric.value is not None}
    few = dict(list(metrics.items())[:_OWN_METRICS])
    return Wanted(epoch, step, said.fact("monitor"), display(stem(candidate.name)), few)


def _take(finding: Finding, answers: list[list[Any]]) -> None:
    """Join the answers of the logs into the finding."""
    telling = [(shown_path(path), answer) for path, answer in answers if answer["metrics"]]
    finding.denies = not telling and any(answer["denies"] for _, answer in answers)
    for path, answer in answers:
        shown = shown_path(path)
        finding.problems += [Problem(kind, f"{shown}: {message}") for kind, message in answer["problems"]]
        for key, value in answer["params"].items():
            finding.params.setdefault(key, value)
        roles = {component.role for component in finding.components}
        finding.components += [Component(**one) for one in answer["components"] if one["role"] not in roles]
    rows = [Row(None, None, answer["metrics"]) for _, answer in telling]
    metrics, differing = joined(rows)
    names = ", ".join(path for path, _ in telling)
    if differing or not _overlap(rows):
        finding.problems.append(Problem(AMBIGUOUS, f"{names} say different things of this checkpoint; none is used"))
        answers = [[path, answer] for path, answer in answers if not answer["metrics"]]
    else:
        finding.metrics = {name: Metric(value) for name, value in metrics.items()}
        unusable = [name for name, value in metrics.items() if value is None]
        finding.problems += [Problem("not_finite", f"{names}: {name} is not a finite number") for name in unusable]
    finding.facts = _agreed([answer["facts"] for _, answer in answers])
    finding.detail = names or ", ".join(shown_path(path) for path, _ in answers)


def _overlap(rows: Sequence[Row]) -> bool:
    """Tell whether each log shares a metric with the first: those of one run do."""
    return all(rows[0].metrics.keys() & row.metrics.keys() for row in rows[1:])


def _agreed(facts: Iterable[dict[str, Any]]) -> dict[str, Any]:  # JSON values
    """Return the facts on which all agree that know them."""
    said: dict[str, list[Any]] = {}
    for one in facts:
        for field, value in one.items():
            said.setdefault(field, []).append(value)
    return {field: values[0] for field, values in said.items() if all(value == values[0] for value in values)}
