"""Who is trusted for what: field groups, and the order of the sources in each. Tables only; merging is elsewhere. Pure.

A source that speaks with two voices has two names: `header:monitor` is the score that the saving callback kept,
`wandb:summary` the last values of a whole run, which need not be this checkpoint's.
"""

from __future__ import annotations

from typing import Literal

Group = Literal["progress", "metrics", "model", "rest"]

SOURCES = ("sidecar", "wandb", "header", "trainer", "config", "names")
"""Every source, in the order in which the row's `source` names them."""
FIELDS: dict[str, Group] = {
    "epoch": "progress",
    "global_step": "progress",
    "monitor": "progress",
    "monitor_mode": "progress",
    "max_epochs": "progress",
    "training_phase": "progress",
    "saved_as": "progress",
    "metrics_step": "metrics",
    "architecture": "model",
    "backbone": "model",
    "decoder": "model",
    "head": "model",
    "loss": "model",
    "num_parameters": "model",
    "created_at": "rest",
    "experiment": "rest",
    "run_id": "rest",
    "run_dir": "rest",
    "dataset": "rest",
    "split": "rest",
    "wandb_run_id": "rest",
    "config_path": "rest",
    "schema_version": "rest",
    "format": "rest",
    "content_id": "rest",
    "weights_id": "rest",
    "notes": "rest",
}
"""Scalar fields of the row that a source can know -> the group that decides who is trusted for them."""
_NESTED: dict[str, Group] = {"params": "progress", "metrics": "metrics", "components": "model", "tags": "rest"}
_ORDER: dict[Group, tuple[str, ...]] = {
    "progress": ("header", "sidecar", "wandb", "trainer", "config", "names", "header:monitor", "wandb:summary"),
    "metrics": ("sidecar", "wandb", "header", "trainer", "header:monitor", "names", "config", "wandb:summary"),
    "model": ("sidecar", "wandb", "config", "header", "trainer", "names", "header:monitor", "wandb:summary"),
    "rest": ("sidecar", "config", "wandb", "header", "trainer", "names", "header:monitor", "wandb:summary"),
}
_RANKS = {(group, source): place for group, order in _ORDER.items() for place, source in enumerate(order)}
_LAST = max(len(order) for order in _ORDER.values())


def group_of(field: str) -> Group:
    """Return the group of a field: a scalar of the row, or one of metrics, params, components, tags and what is below
    them (`metrics.val/hmean`).

    Raises:
        KeyError: no row has such a field.
    """
    scalar = FIELDS.get(field)
    return scalar if scalar is not None else _NESTED[field.partition(".")[0]]


def rank(group: Group, source: str, *, contradicted: bool = False) -> int:
    """Return how far a source is trusted for a group: 0 is the most trusted, equal ranks do not occur.

    `contradicted`: the source is a sidecar that disagrees with its file; for progress and metrics it then comes last.

    Raises:
        KeyError: there is no such source.
    """
    place = _RANKS[group, source]
    return _LAST + place if contradicted and group in {"progress", "metrics"} else place


def first_source(sources: set[str]) -> str | None:
    """Return the one of these that the row's `source` names: the first in `SOURCES`; None for none."""
    return next((source for source in SOURCES if source in sources), None)
