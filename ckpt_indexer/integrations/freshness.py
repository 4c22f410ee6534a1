"""Which measured values belong to the weights of which step. Pure: knows names, values and steps, no trainer.

A trainer shows the last value of every metric, however old. A value belongs to a checkpoint when it was measured on
its weights, that is, at its global step: weights do not change between two steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, slots=True)
class Measured:
    """The metrics of one checkpoint."""

    values: Mapping[str, float | None]
    """Every logged name. None: not finite, or measured at another step."""
    step: int | None
    """Global step the values were measured at; of another step than the checkpoint's when all of them are None.
    None when nothing was ever measured."""


class Freshness:
    """Remembers what the last evaluation returned and when, and what training itself logged at the current step."""

    def __init__(self) -> None:
        self._before: dict[str, object] = {}
        self._evaluated: dict[str, float | None] = {}
        self._evaluated_at: int | None = None
        self._trained: dict[str, float | None] = {}
        self._trained_at: int | None = None
        self.epoch_ended_at: int | None = None
        """Global step at which an epoch of training ended last."""

    def evaluation_began(self, shown: Mapping[str, object]) -> None:
        """Remember what the trainer shows before an evaluation: whatever is another object afterwards is its result."""
        self._before = dict(shown)

    def evaluation_ended(self, step: int, shown: Mapping[str, object], values: Mapping[str, float | None]) -> None:
        """Take the results of an evaluation. `shown` are the trainer's objects, `values` the same as numbers."""
        before, self._before = self._before, {}
        missing = object()
        results = {name: values[name] for name in values if shown[name] is not before.get(name, missing)}
        self._evaluated = {**self._evaluated, **results} if self._evaluated_at == step else results
        self._evaluated_at = step

    def measured(
        self, step: int, values: Mapping[str, float | None], trained: Collection[str], *, decides: str | None
    ) -> Measured:
        """Return what belongs to a checkpoint of this step.

        `values` are the metrics as the trainer shows them now, `trained` the names that training logged at this very
        step, `decides` the metric the checkpoint is kept by. Where the evaluation is older than the checkpoint, values
        of training count only when one of them decides: else the document is about that evaluation, and null.
        """
        if self._trained_at != step:
            self._trained, self._trained_at = {}, step
        self._trained.update((name, values[name]) for name in trained if name in values)
        unknown = dict.fromkeys((*values, *self._evaluated))
        if self._evaluated_at in {None, step}:
            own = {**self._trained, **self._evaluated}
            return Measured({**unknown, **own}, step if own else None)
        if decides in self._trained:
            return Measured({**unknown, **self._trained}, step)
        return Measured(unknown, self._evaluated_at)
