"""Lightning's CSVLogger: `metrics.csv`, and the rule by which its rows (and TensorBoard's) belong to checkpoints. Pure.

The logged step of a validation is the checkpoint's global step minus one: loggers count batches that stepped from zero,
the checkpoint counts steps done
(https://github.com/Lightning-AI/pytorch-lightning/blob/2.4.0/src/lightning/pytorch/loops/training_epoch_loop.py).
With several optimizers the global step grows faster than the logged one; then rows of a later epoch would match, which
the epoch refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.sources.trainer.rows import Answer, answer_of, covers, is_evaluation, is_training
from ckpt_indexer.sources.trainer.tables import Layout, read_table

if TYPE_CHECKING:
    from ckpt_indexer.sources.around_bytes import Lines
    from ckpt_indexer.sources.trainer.rows import History, Row, Wanted


def read_metrics_csv(lines: Lines, monitor: str | None) -> History:
    """Return the evaluations in a `metrics.csv`; one without the columns `step` and `epoch` is not Lightning's."""
    return read_table(
        lines,
        Layout(
            step="step",
            epoch="epoch",
            picks=lambda name: is_evaluation(name, monitor),
            companions=lambda name: not is_training(name),
            spoils=is_training,
        ),
    )


def answer_by_step(history: History, wanted: Wanted) -> Answer:
    """Return what a log says of a checkpoint by the rule of the step, else by an epoch with a single evaluation."""
    if wanted.global_step is None:
        return _answer_by_epoch(history, wanted.epoch)
    step = wanted.global_step - 1
    at_step = [row for row in history.rows if row.step == step]
    rows = [row for row in at_step if _may_be(row.epoch, wanted.epoch)]
    answer = answer_of(rows)
    answer.denies = not at_step and covers(history, step)
    if answer.metrics:
        answer.facts["metrics_step"] = wanted.global_step
        _add_epoch(answer, rows, wanted.epoch)
    return answer


def _answer_by_epoch(history: History, epoch: int | None) -> Answer:
    rows = [row for row in history.rows if row.epoch == epoch] if epoch is not None else []
    return answer_of(rows) if len({row.step for row in rows}) == 1 else Answer()


def _may_be(logged: int | None, epoch: int | None) -> bool:
    """Tell whether a row of this epoch can be a checkpoint's. One saved after the last epoch counts one more."""
    return logged is None or epoch is None or logged in {epoch, epoch - 1}


def _add_epoch(answer: Answer, rows: list[Row], epoch: int | None) -> None:
    logged = {row.epoch for row in rows if row.epoch is not None}
    if epoch is None and len(logged) == 1:
        answer.facts["epoch"] = logged.pop()
