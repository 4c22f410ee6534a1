"""Which end of a metric is better: fixed for headline metrics, declared by documents, else known by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.errors import InvalidFilter

if TYPE_CHECKING:
    from ckpt_indexer.store.read_rows import Look

SAMPLE = 500
"""Documents asked at either end of the metric's values. Together they are all, where there are not more than that."""

_DECLARED = """
SELECT DISTINCT json_extract(c.nested, '$.directions'), CASE WHEN c.monitor = :name THEN c.monitor_mode END
FROM (SELECT * FROM (SELECT m.checkpoint_id FROM metrics m INDEXED BY ix_metrics_name_value
                     WHERE m.name = :name ORDER BY m.value ASC LIMIT :sample)
      UNION
      SELECT * FROM (SELECT m.checkpoint_id FROM metrics m INDEXED BY ix_metrics_name_value
                     WHERE m.name = :name ORDER BY m.value DESC LIMIT :sample)) s
CROSS JOIN checkpoints c ON c.id = s.checkpoint_id"""


def direction(look: Look, metric: str) -> str:
    """Return `min` or `max`.

    Raises:
        InvalidFilter: documents contradict each other, or nobody says.
    """
    if metric in PROMOTED:
        return PROMOTED[metric]
    said = declared(look, metric)
    if len(said) > 1:
        raise InvalidFilter(
            f"documents contradict each other on whether a low or a high {metric} is better; say which with --mode",
            metric=metric,
        )
    known = said.pop() if said else by_name(metric)
    if known is None:
        raise InvalidFilter(
            f"nothing says whether a low or a high {metric} is better; say which with --mode min or --mode max",
            metric=metric,
        )
    return known


def by_name(metric: str) -> str | None:
    """Return what the table of well-known names says."""
    from ckpt_indexer.metadata.metrics import direction as named

    found = named(metric, None)
    return None if found is None else str(found)


def declared(look: Look, metric: str) -> set[str]:
    """Return the directions documents declare: for the metric by name, or as the mode of their monitor."""
    said = set()
    for directions, mode in look.all(_DECLARED, {"name": metric, "sample": SAMPLE}):
        said.add(mode)
        if directions:
            said.add(json.loads(directions).get(metric))
    return {str(mode) for mode in said if mode in ("min", "max")}
