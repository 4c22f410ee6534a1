"""Ultralytics: `results.csv`, one line per epoch. Pure.

Checkpoints count epochs from 0, the table from 0 in old releases and from 1 since; its first line tells which. A
finished run's files have lost their epoch (`epoch` is -1), but hold their own metrics: the one line with the same
values is theirs. https://github.com/ultralytics/ultralytics/blob/v8.3.0/ultralytics/engine/trainer.py
"""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING

from ckpt_indexer.sources.trainer.rows import AMBIGUOUS, Answer, Row, answer_of
from ckpt_indexer.sources.trainer.tables import Layout, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.sources.around_bytes import Lines
    from ckpt_indexer.sources.trainer.rows import History, Wanted

_ROUNDED = 1e-3
"""Relative difference of a value and its five digits in the table, with room for a smaller unit."""
_ENOUGH = 2
"""Values that must agree to recognise a line."""


def read_results_csv(lines: Lines) -> History:
    """Return the evaluations in a `results.csv`, epochs counted from 0; none where its first line leaves that open."""
    history = read_table(
        lines,
        Layout(
            step=None,
            epoch="epoch",
            picks=lambda name: name.startswith(("metrics/", "val/")),
            companions=lambda _: False,
            spoils=lambda _: False,
        ),
    )
    base = history.first
    if base not in {0, 1} or not history.complete:
        history.rows = []
    elif base == 1:
        history.rows = [Row(None, None if row.epoch is None else row.epoch - 1, row.metrics) for row in history.rows]
    return history


def answer_by_values(history: History, wanted: Wanted) -> Answer:
    """Return the line of a checkpoint: of its epoch, or the only one whose values are the checkpoint's own.

    When the line of its epoch has other values than the checkpoint, neither is believed.
    """
    alike = [row for row in history.rows if _agrees(row.metrics, wanted.metrics)]
    if wanted.epoch is None:
        epochs = {row.epoch for row in alike}
        if len(epochs) != 1:
            return Answer()
        answer = answer_of(alike)
        answer.facts["epoch"] = alike[0].epoch
        return answer
    rows = [row for row in history.rows if row.epoch == wanted.epoch]
    if any(_contradicts(row.metrics, wanted.metrics) for row in rows):
        return Answer(problems=[(AMBIGUOUS, f"the line of epoch {wanted.epoch} is not what the checkpoint holds")])
    return answer_of(rows)


def _agrees(row: Mapping[str, float | None], own: Mapping[str, float]) -> bool:
    shared = [name for name in own if row.get(name) is not None]
    return len(shared) >= _ENOUGH and not _contradicts(row, own)


def _contradicts(row: Mapping[str, float | None], own: Mapping[str, float]) -> bool:
    pairs = ((row.get(name), value) for name, value in own.items())
    return any(mine is not None and not isclose(mine, value, rel_tol=_ROUNDED, abs_tol=1e-5) for mine, value in pairs)
