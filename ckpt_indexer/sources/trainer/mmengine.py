"""MMEngine: `<time>/vis_data/scalars.json`, one JSON object per line. Pure.

Lines of training hold `iter` (and `epoch` where the run counts in epochs); those of a validation only `step`, which is
the epoch, counted from 1 as in `epoch_N.pth`, or the iteration in runs that count iterations.
https://github.com/open-mmlab/mmengine/blob/v0.10.5/mmengine/hooks/logger_hook.py
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ckpt_indexer.sources.trainer.rows import (
    LIMITED,
    MAX_CELLS,
    UNREADABLE,
    Answer,
    History,
    Row,
    answer_of,
    covers,
    is_name,
    measured,
    whole,
)

if TYPE_CHECKING:
    from ckpt_indexer.sources.around_bytes import Lines
    from ckpt_indexer.sources.trainer.rows import Metrics, Wanted

_TRAINING = ("iter", "epoch")
_NO_METRICS = frozenset({"step", "time", "data_time", "memory", "val/time", "val/data_time"})
_MAX_LINE = 1 << 20


class _Reach:
    """How far training got, to tell epochs from iterations."""

    def __init__(self) -> None:
        self.epoch = -1

    def see(self, line: dict[str, Any]) -> None:  # JSON values
        epoch = whole(line.get("epoch"))
        if epoch is not None:
            self.epoch = max(self.epoch, epoch)


def read_scalars_json(lines: Lines) -> History:
    """Return the validations in a `scalars.json`, each with its epoch, or with its step in a run of iterations."""
    history = History(complete=lines.complete)
    reach = _Reach()
    found: list[tuple[int, Metrics]] = []
    cells = 0
    for text in lines.data.split(b"\n"):
        line = _parsed(text, history)
        if line is None:
            continue
        if any(key in line for key in _TRAINING):
            reach.see(line)
            continue
        step, metrics = whole(line.get("step")), _metrics(line)
        cells += len(metrics)
        if step is None or not metrics:
            continue
        if cells > MAX_CELLS:
            history.complete = False
            history.problems.append((LIMITED, "too many validations; only the first ones are kept"))
            break
        found.append((step, metrics))
    by_epoch = bool(found) and max(step for step, _ in found) <= reach.epoch
    for step, metrics in found:
        history.reach(step)
        history.rows.append(Row(None, step, metrics) if by_epoch else Row(step, None, metrics))
    if not lines.complete:
        history.problems.append((LIMITED, "the log is too large; only its last lines are read"))
    return history


def answer_by_count(history: History, wanted: Wanted) -> Answer:
    """Return the validation of a checkpoint's epoch, or of its iteration."""
    by_epoch = any(row.epoch is not None for row in history.rows)
    count = wanted.epoch if by_epoch else wanted.global_step
    if count is None:
        return Answer()
    answer = answer_of([row for row in history.rows if (row.epoch if by_epoch else row.step) == count])
    answer.denies = not answer.metrics and not answer.problems and covers(history, count)
    if answer.metrics and wanted.global_step is not None:
        answer.facts["metrics_step"] = wanted.global_step
    return answer


def _parsed(text: bytes, history: History) -> dict[str, Any] | None:  # JSON values
    if not text.strip() or len(text) > _MAX_LINE:
        return None
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        if not history.problems:
            history.problems.append((UNREADABLE, "a line that is no JSON is passed over"))
        return None
    return line if isinstance(line, dict) else None


def _metrics(line: dict[str, Any]) -> Metrics:  # JSON values
    metrics: Metrics = {}
    for name, value in line.items():
        is_number, shown = measured(value)
        if is_number and name not in _NO_METRICS and is_name(name):
            metrics[name] = shown
    return metrics
