"""timm's training script: `summary.csv`, one line per epoch, counted from 0 as in its checkpoints. Pure.

https://github.com/huggingface/pytorch-image-models/blob/v1.0.11/timm/utils/summary.py
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ckpt_indexer.sources.trainer.rows import Answer, answer_of, covers
from ckpt_indexer.sources.trainer.tables import Layout, read_table

if TYPE_CHECKING:
    from ckpt_indexer.sources.around_bytes import Lines
    from ckpt_indexer.sources.trainer.rows import History, Wanted

_NUMBERED = re.compile(r"checkpoint-(\d{1,9})", re.ASCII)


def read_summary_csv(lines: Lines) -> History:
    """Return the evaluations in a `summary.csv`: its `eval_*` columns."""
    return read_table(
        lines,
        Layout(
            step=None,
            epoch="epoch",
            picks=lambda name: name.startswith("eval_"),
            companions=lambda _: False,
            spoils=lambda _: False,
        ),
    )


def answer_by_epoch(history: History, wanted: Wanted) -> Answer:
    """Return the line of a checkpoint's epoch. Where the file does not tell it, the number in its name is the epoch."""
    numbered = _NUMBERED.fullmatch(wanted.name)
    epoch = wanted.epoch if wanted.epoch is not None else int(numbered[1]) if numbered else None
    if epoch is None:
        return Answer()
    answer = answer_of([row for row in history.rows if row.epoch == epoch])
    if wanted.epoch is None and answer.metrics:
        answer.facts["epoch"] = epoch
    answer.denies = not answer.metrics and not answer.problems and covers(history, epoch)
    return answer
