"""Metrics that a checkpoint only carries on from an earlier one of its run. Pure.

Training code keeps the values of its last validation and puts them into every file it writes, whether one was measured
for that file or not. Two files of one run that were saved at different steps and hold exactly the same values were not
both measured: the values belong to the earlier one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Evaluation = tuple[tuple[str, float], ...]
"""(logged name, value) sorted by name."""

_WORDS = re.compile(r"[a-z]+")
_TRAINING = frozenset({"train", "training", "trn", "lr"})
_BARE = frozenset({"loss"})
"""Names that mean the training's where they stand alone."""
_ROUND = frozenset({0.0, 1.0})
"""Values that come twice by themselves: before anything was learned, and when all is right."""


class Moment(NamedTuple):
    """When a checkpoint was saved, as far as it says."""

    epoch: int | None
    global_step: int | None


def evaluation(metrics: Mapping[str, float | None]) -> Evaluation:
    """Return the values that tell one evaluation from another; empty where they are no evidence."""
    found = tuple(sorted((name, value) for name, value in metrics.items() if value is not None and _is_own(name)))
    return found if any(value not in _ROUND for _, value in found) else ()


def evaluation_of(metrics: Mapping[str, float | None], provenance: Mapping[str, str]) -> Evaluation:
    """Return the same of a merged record, where the file itself is the first to speak of its metrics; of those the ones
    that are its own word."""
    if provenance.get("metrics") != "header":
        return ()
    return evaluation({name: value for name, value in metrics.items() if f"metrics.{name}" not in provenance})


def carried_on(moments: Sequence[Moment]) -> list[bool]:
    """Tell of checkpoints of one run with the same evaluation, one by one, whether another was saved earlier. Steps
    are compared with steps, and epochs among those that say no step: one training writes all of its files alike."""
    first_step = min((step for _, step in moments if step is not None), default=None)
    first_epoch = min((epoch for epoch, step in moments if epoch is not None and step is None), default=None)
    return [
        _is_after(step, first_step) if step is not None else _is_after(epoch, first_epoch) for epoch, step in moments
    ]


def _is_after(own: int | None, first: int | None) -> bool:
    return own is not None and first is not None and first < own


def _is_own(name: str) -> bool:
    return name not in _BARE and _TRAINING.isdisjoint(_WORDS.findall(name.lower()))
