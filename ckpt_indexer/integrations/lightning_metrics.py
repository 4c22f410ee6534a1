"""The trainer's metrics as numbers, and which of them training logged in this very step.

Reads what Lightning keeps in `trainer.callback_metrics`, public, and, to tell a fresh training value from an old one,
its table of logged results, which is not: without it no training value counts as fresh.
https://github.com/Lightning-AI/pytorch-lightning/blob/2.5.0/src/lightning/pytorch/trainer/connectors/logger_connector/result.py
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from ckpt_indexer.metadata.fields import is_clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_METRICS = 2_000


def shown_metrics(trainer: Any) -> dict[str, Any]:  # noqa: ANN401  # a trainer; tensors
    """Return what the trainer shows now. It may compute an epoch's value across processes: call it on every rank.

    Nothing is asked of a training in several processes that is failing: the others may never answer.
    """
    if trainer.interrupted and trainer.world_size > 1:
        return {}
    return dict(trainer.callback_metrics)


def numbers(shown: Mapping[str, Any]) -> dict[str, float | None]:  # tensors
    """Return each metric as a float, None where it is NaN or infinite. What is no single number is left out.

    Tensors on another device are fetched together, one wait for each device and type.
    """
    values: dict[str, float | None] = {}
    far: dict[object, list[tuple[str, Any]]] = {}
    for name, value in list(shown.items())[:MAX_METRICS]:
        if not isinstance(name, str) or not name or not is_clean(name):
            continue
        device = getattr(value, "device", None)  # of a numpy value: text
        if getattr(device, "type", "cpu") == "cpu":
            _keep(values, name, value)
        else:
            values[name] = None  # keeps the order in which they were logged
            far.setdefault((device, value.dtype), []).append((name, value))
    for waiting in far.values():
        _fetch(values, waiting)
    return values


def logged_by_training(trainer: Any, *, epoch_ended: bool) -> set[str]:  # noqa: ANN401  # a trainer
    """Return the names that training logged in the step that ended last, or for the epoch that ended with it."""
    loop = trainer.fit_loop.epoch_loop
    batches = loop.batch_progress.current.ready
    names: set[str] = set()
    for item in _results(loop):
        if item.has_reset:
            continue
        meta = item.meta
        if meta.on_step and item._update_count == batches:  # noqa: SLF001  # logged with each batch, this one too
            names.update({meta.name, meta.forked_name(on_step=True)})
        if epoch_ended and meta.on_epoch:
            names.update({meta.name, meta.forked_name(on_step=False)})
    return names


def _results(loop: Any) -> Iterator[Any]:  # noqa: ANN401  # a training loop; results
    found = getattr(loop, "_results", None)
    return iter(list(found.values()) if isinstance(found, dict) else [])


def _fetch(values: dict[str, float | None], waiting: list[tuple[str, Any]]) -> None:  # tensors
    """Move tensors of one device and type here at once."""
    single = [(name, value) for name, value in waiting if value.numel() == 1]
    if not single:
        return
    first = single[0][1].detach().reshape(1)
    together = first.new_empty(len(single))
    for position, (_, value) in enumerate(single):
        together[position] = value.detach().reshape(())
    for (name, _), number in zip(single, together.tolist(), strict=True):
        _keep(values, name, number)


def _keep(values: dict[str, float | None], name: str, value: Any) -> None:  # noqa: ANN401  # a tensor or number
    item = getattr(value, "item", None)
    try:
        number = float(item() if callable(item) else value)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # text, a tensor of several values, 10**400
        values.pop(name, None)
        return
    values[name] = number if isfinite(number) else None
