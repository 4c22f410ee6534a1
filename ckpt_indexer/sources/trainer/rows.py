"""What the logs of trainers have in common: rows of measurements, which names are evaluations, how rows join. Pure.

A row belongs to a checkpoint only when step or epoch say so. What two rows of one moment say differently is unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isclose, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ckpt_indexer.metadata.fields import INT_LIMIT, is_clean
from ckpt_indexer.metadata.metrics import HEADLINES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_CELLS = 50_000
"""Values kept of one log; beyond that the older rows are let go."""
MAX_NAME = 256
"""Characters of a metric's name."""
MAX_METRICS = 1_000
"""Metrics of one moment."""
AMBIGUOUS = "trainer_ambiguous"
"""Kind of the problem: logs say different things of one checkpoint."""
LIMITED = "trainer_limit"
"""Kind of the problem: a log was read in part."""
UNREADABLE = "trainer_unreadable"
"""Kind of the problem: a log lies there and cannot be read."""

_WORDS = re.compile(r"[a-z]+")
_EVALUATIONS = frozenset({"val", "valid", "validation", "eval", "dev", "cleval"})
_OTHERS = frozenset({"train", "training", "trn", "test"})
_ALIASES = frozenset(alias for wanted in HEADLINES for alias in wanted.aliases)
_DIGITS = 19
"""As many digits may overflow 64 bits."""
_SAME = 1e-6
"""Relative difference up to which two logs say the same: TensorBoard keeps single precision."""

Metrics = dict[str, "float | None"]
"""Name -> value; None for NaN and infinity."""


class Row(NamedTuple):
    """What was measured at one moment."""

    step: int | None
    epoch: int | None
    metrics: Metrics


class Wanted(NamedTuple):
    """The checkpoint whose row is looked for, as far as it is known."""

    epoch: int | None = None
    global_step: int | None = None
    monitor: str | None = None
    name: str = ""
    """Of the checkpoint, without its suffix."""
    metrics: Mapping[str, float] = {}
    """What the checkpoint itself holds as its metrics."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the wish a parent sent to its child."""
        return cls(**value)


@dataclass(slots=True)
class History:
    """One log: the evaluations in it, and how far it reaches."""

    rows: list[Row] = field(default_factory=list)
    first: int | None = None
    """The first step (epoch, where the log counts in epochs) of any row, training rows included."""
    last: int | None = None
    complete: bool = True
    """False: only a part of the log was read."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(kind, message)."""

    def reach(self, place: int) -> None:
        """Note that the log has a row at this step or epoch."""
        self.first = place if self.first is None else min(self.first, place)
        self.last = place if self.last is None else max(self.last, place)


@dataclass(slots=True)
class Answer:
    """What one log says of one checkpoint. JSON values throughout."""

    metrics: Metrics = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    components: list[dict[str, Any]] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    denies: bool = False
    """The log covers the checkpoint's step and holds no evaluation there."""


def is_evaluation(name: str, monitor: str | None) -> bool:
    """Tell whether a metric of this name was measured to judge the weights: by a word in it, as a headline metric, or
    because a callback decides by it. One value per batch (`val_loss_step`) is none: its step counts batches."""
    if name == monitor:
        return True
    words = frozenset(_WORDS.findall(name.lower()))
    if words & _OTHERS or name.endswith("_step"):
        return False
    return bool(words & _EVALUATIONS) or name in _ALIASES


def is_training(name: str) -> bool:
    """Tell whether a metric of this name belongs to the training, or to its test."""
    words = _WORDS.findall(name.lower())
    return bool(_OTHERS.intersection(words)) or name in {"loss", "lr"} or words[:1] == ["lr"] or name.endswith("_step")


def is_name(name: object) -> bool:
    """Tell whether a metric can be stored under this name."""
    return isinstance(name, str) and 0 < len(name) <= MAX_NAME and is_clean(name)


def whole(value: object) -> int | None:
    """Return a whole number of at least 0, given as one or as text (`99`, `99.0`); None otherwise."""
    if isinstance(value, str):
        if value.isdigit() and value.isascii() and len(value) < _DIGITS:
            return int(value)
        value = number(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < INT_LIMIT else None


def number(text: str) -> float | None:
    """Return the number a table cell holds; None when it holds none. NaN and infinity are floats."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def measured(value: object) -> tuple[bool, float | None]:
    """Return (whether a JSON value is a measurement, its value); None for NaN and infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False, None
    if isinstance(value, int):
        return -INT_LIMIT <= value < INT_LIMIT, float(value) if -INT_LIMIT <= value < INT_LIMIT else None
    return True, value if isfinite(value) else None


def joined(rows: Iterable[Row]) -> tuple[Metrics, list[str]]:
    """Return the metrics of rows of one moment, and the names on which they differ; those are left out."""
    metrics: Metrics = {}
    differing: set[str] = set()
    for row in rows:
        for name, value in row.metrics.items():
            if name not in metrics:
                if len(metrics) < MAX_METRICS:
                    metrics[name] = value
            elif not same(metrics[name], value):
                differing.add(name)
    return {name: value for name, value in metrics.items() if name not in differing}, sorted(differing)


def same(one: float | None, other: float | None) -> bool:
    """Tell whether two logs mean the same value."""
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=_SAME, abs_tol=1e-12)


def answer_of(rows: list[Row]) -> Answer:
    """Return what rows of one moment say; what they disagree on is a problem instead."""
    metrics, differing = joined(rows)
    answer = Answer(metrics=metrics)
    if differing:
        names = ", ".join(differing[:5]) + (", ..." if len(differing) > 5 else "")
        answer.problems.append((AMBIGUOUS, f"two rows of the same moment differ in {names}; neither is used"))
    return answer


def covers(history: History, place: int) -> bool:
    """Tell whether a log that has no evaluation at this step (or epoch) proves that there was none: it was read whole,
    it has evaluations elsewhere, and it goes on behind that place."""
    if not history.complete or not history.rows or history.first is None or history.last is None:
        return False
    return history.first <= place < history.last
