"""Which history row of a W&B run was measured at a checkpoint's step. Pure.

A row counts when it holds a validation value. The first of these keys that any such row of the run has decides how the
run counts its steps, and no other is tried, because a number of another counter would be a coincidence:

- `trainer/global_step` (Lightning's WandbLogger): the row of the checkpoint has its global step minus one;
- `train/global_step` (transformers' Trainer), `global_step`, `step`: the row has the checkpoint's global step;
- none of them, but `epoch`: the row has the checkpoint's epoch, the number the loop stored and logged;
- not even that: W&B's own `_step` is the checkpoint's global step (loops that call `log(..., step=step)`).

Where a step fits and both sides know the epoch, it must agree as well; a checkpoint saved after training, or by a loop
that stores `epoch + 1`, counts one epoch more than its last validation.
Of several rows that fit, names with one value are kept, names with two are nobody's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.metadata.metrics import HEADLINES
from ckpt_indexer.metadata.record import Metric, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, float | None]  # logged name -> number; None for NaN and the infinities


class Progress(NamedTuple):
    """How far a checkpoint says it is; None: it does not say."""

    epoch: int | None = None
    global_step: int | None = None


class Match(NamedTuple):
    """What the history says of one checkpoint."""

    metrics: dict[str, Metric]
    """Of the rows that were measured at its step; empty when there is none."""
    epoch: int | None
    """What those rows say the epoch is; None when they do not, or not as a whole number."""
    problems: list[Problem]


class StepKey(NamedTuple):
    """A counter that rows may carry."""

    name: str
    behind: int
    """How much less it shows than the checkpoint's global step."""
    epoch_key: str | None


STEP_KEYS = (
    StepKey("trainer/global_step", 1, "epoch"),
    StepKey("train/global_step", 0, None),  # its epochs are fractions that end where the next one begins
    StepKey("global_step", 0, "epoch"),
    StepKey("step", 0, "epoch"),
)
OWN_STEP = "_step"
"""Counts the calls of `wandb.log`, unless the loop gave it a step of its own."""
EPOCH = "epoch"
_MAX_METRICS = 2_000
"""Names of one checkpoint that are kept."""
_BOOKKEEPING = frozenset({EPOCH, "train/epoch", "eval/epoch", *(key.name for key in STEP_KEYS)})
_VALIDATION = frozenset({"val", "valid", "validate", "validation", "eval", "evaluation", "dev", "cleval"})
_OTHER = frozenset({"train", "training", "test", "testing"})
_HEADLINES = frozenset(alias for headline in HEADLINES for alias in headline.aliases)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.ASCII)
_STEMS = ("val", "dev")
"""One of them is part of each word for validation."""
HINTS = tuple(
    spelling.encode("ascii")
    for word in (*_STEMS, *sorted(alias for alias in _HEADLINES if not any(stem in alias for stem in _STEMS)))
    for spelling in dict.fromkeys((word, word.title(), word.upper()) if word in _STEMS else (word,))
    if "/" not in spelling and "_" not in spelling
)
"""One of these is in the bytes of every record that names a validation value, and in some others: they decide what is
decoded at all."""


def is_validation(name: str, monitor: str | None = None) -> bool:
    """Tell whether a logged name is that of a value measured on validation data: it says so, is a headline metric, or
    is what the checkpoints were chosen by."""
    if name == monitor or name in _HEADLINES:
        return True
    if name.startswith("_") or name in _BOOKKEEPING:
        return False
    words = {word.lower() for word in _WORDS.findall(name)}
    return not words.isdisjoint(_VALIDATION) and words.isdisjoint(_OTHER)


def is_metric(name: str) -> bool:
    """Tell whether a logged name is that of a measured value: no counter, no clock, nothing of W&B's own."""
    return not name.startswith("_") and name not in _BOOKKEEPING


def is_counter(name: str) -> bool:
    """Tell whether a logged name says where in training a row was logged."""
    return name in _BOOKKEEPING or name == OWN_STEP


def match(rows: Sequence[Row], progress: Progress) -> Match:
    """Return what the validation rows of a run say of a checkpoint. `rows` hold validation values, in logged order."""
    found = _rows_at(rows, progress)
    metrics: dict[str, Metric] = {}
    torn: set[str] = set()
    for row in found:
        for name, value in row.items():
            if not is_metric(name) or len(metrics) >= _MAX_METRICS:
                continue
            kept = metrics.setdefault(name, Metric(value if value is None else float(value)))
            if kept.value != value:
                torn.add(name)
    problems = []
    if torn:
        some = ", ".join(sorted(torn)[:5])
        told = f"the W&B history has several values at this step for {some}; none of them is used"
        problems.append(Problem("wandb_ambiguous", told))
    epochs = {_whole(row.get(EPOCH)) for row in found}
    epoch = epochs.pop() if len(epochs) == 1 else None
    return Match({name: metric for name, metric in metrics.items() if name not in torn}, epoch, problems)


def history_denies(rows: Sequence[Row], progress: Progress, *, ended: bool) -> bool:
    """Tell whether the history proves that no validation ran at a checkpoint's step, so that the metrics inside the
    file were measured earlier and are stale.

    It does when validation rows carry a step, reach as far as the checkpoint (or the run has `ended`), begin before it,
    and none has its step. Only for a history that was read whole; evidence against a file's own metrics, never against
    a sidecar that agrees with its file.
    """
    key = step_key(rows)
    if key is None or progress.global_step is None:
        return False
    wanted = progress.global_step - key.behind
    steps = [step for row in rows if (step := row.get(key.name)) is not None]
    inside = min(steps) <= wanted and (ended or wanted <= max(steps))
    return inside and wanted not in steps


def ends_at(rows: Sequence[Row], progress: Progress) -> bool:
    """Tell whether the last validation row of a run was measured at a checkpoint's step."""
    found = _rows_at(rows, progress)
    return bool(found) and found[-1] is rows[-1]


def last_values_fit(summary: Row, progress: Progress) -> bool | None:
    """Tell whether the last values of a run were logged at a checkpoint's step; None when its counters do not tell.

    Epochs alone only tell that they were not: a loop that stores `epoch + 1` has two checkpoints that fit.
    """
    key, step, epoch = step_key([summary]), progress.global_step, summary.get(EPOCH)
    if key is not None and step is not None:
        same = summary[key.name] == step - key.behind
        return same and (key.epoch_key is None or bool(_of_epoch([summary], progress.epoch)))
    if key is not None or epoch is None or progress.epoch is None:
        return None
    return None if epoch in {progress.epoch, progress.epoch - 1} else False


def step_key(rows: Sequence[Row]) -> StepKey | None:
    """Return the counter by which a run logged its steps; None when it logged none."""
    for key in STEP_KEYS:
        if any(row.get(key.name) is not None for row in rows):
            return key
    return None


def _rows_at(rows: Sequence[Row], progress: Progress) -> list[Row]:
    key = step_key(rows)
    step, epoch = progress.global_step, progress.epoch
    if key is not None and (step is not None or key.behind or key.epoch_key is None):
        if step is None:
            return []
        at = [row for row in rows if row.get(key.name) == step - key.behind]
        return at if key.epoch_key is None else _of_epoch(at, epoch)
    if any(row.get(EPOCH) is not None for row in rows):
        return [] if epoch is None else [row for row in rows if row.get(EPOCH) == epoch]
    return [] if step is None else [row for row in rows if row.get(OWN_STEP) == step]


def _of_epoch(rows: list[Row], epoch: int | None) -> list[Row]:
    """Return the rows that do not contradict the epoch; where none agrees the checkpoint may count one more."""
    if epoch is None:
        return rows
    same = [row for row in rows if row.get(EPOCH) in {None, epoch}]
    return same or [row for row in rows if row.get(EPOCH) == epoch - 1]


def _whole(value: float | None) -> int | None:
    return int(value) if value is not None and value >= 0 and float(value).is_integer() else None
