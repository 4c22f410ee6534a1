"""Which callback a checkpoint was saved by, and why. Reads public attributes of ModelCheckpoint, which it sets before
it saves; EarlyStopping and others that merely watch a metric are never asked.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from ckpt_indexer.metadata.schema import MODES
from ckpt_indexer.metadata.writable import Block, block, name, whole


@dataclass(frozen=True, slots=True)
class Owner:
    """Who saved a checkpoint."""

    callback: Any  # a ModelCheckpoint, or None
    """None for a save that no ModelCheckpoint asked for."""
    saved_as: str
    """One word: top_k, last, step, time, epoch, exception, manual."""

    @property
    def monitor(self) -> str | None:
        """The metric that decides which checkpoints are kept."""
        return name(getattr(self.callback, "monitor", None))

    def checkpointing(self) -> Block:
        """Return the block of that name; empty without a callback."""
        if self.callback is None:
            return {}
        monitor, mode = self.monitor, getattr(self.callback, "mode", None)
        return block(
            monitor=monitor,
            mode=mode if monitor is not None and mode in MODES else None,
            save_top_k=whole(getattr(self.callback, "save_top_k", None), low=-1),
            save_last=bool(getattr(self.callback, "save_last", None)),
        )


def owner_of(path: str, trainer: Any) -> Owner:  # noqa: ANN401  # a trainer
    """Return who is saving a checkpoint at this absolute path right now."""
    failing = trainer.interrupted and sys.exc_info()[0] is not None
    callbacks = model_checkpoints(trainer)
    for callback in callbacks:
        reason = _reason(path, callback)
        if reason is not None:
            return Owner(callback, "exception" if failing else reason)
    if not failing:
        return Owner(None, "manual")
    rescuers = [callback for callback in callbacks if _rescues_into(os.path.dirname(path), callback)]
    return Owner(rescuers[0] if len(rescuers) == 1 else None, "exception")


def directions_of(trainer: Any) -> dict[str, str]:  # noqa: ANN401  # a trainer
    """Return metric -> min or max as the ModelCheckpoints declare it; one they disagree on is left out."""
    declared: dict[str, set[str]] = {}
    for callback in model_checkpoints(trainer):
        monitor = name(getattr(callback, "monitor", None))
        if monitor is not None:
            declared.setdefault(monitor, set()).add(callback.mode)
    return {monitor: modes.pop() for monitor, modes in declared.items() if len(modes) == 1 and modes <= set(MODES)}


def model_checkpoints(trainer: Any) -> list[Any]:  # noqa: ANN401  # a trainer; its callbacks
    """Return the callbacks that keep the best checkpoints, whichever package they come from."""
    return [callback for callback in trainer.checkpoint_callbacks if hasattr(callback, "best_k_models")]


def _reason(path: str, callback: Any) -> str | None:  # noqa: ANN401  # a ModelCheckpoint
    """Return why this callback saves a checkpoint at the path; None when it does not."""
    if any(_same(path, kept) for kept in callback.best_k_models):
        return "top_k"
    if _same(path, callback.last_model_path):
        return "last"
    if callback.monitor is not None or not _same(path, callback.best_model_path):
        return None
    if getattr(callback, "_every_n_train_steps", 0):
        return "step"
    return "time" if getattr(callback, "_train_time_interval", None) is not None else "epoch"


def _rescues_into(directory: str, callback: Any) -> bool:  # noqa: ANN401  # a ModelCheckpoint
    wanted = getattr(callback, "dirpath", None)
    return bool(getattr(callback, "save_on_exception", False)) and wanted is not None and _same(directory, wanted)


def _same(path: str, other: str | os.PathLike[str]) -> bool:
    """Tell whether two paths are one; `path` is absolute."""
    return bool(other) and path == os.path.abspath(other)
