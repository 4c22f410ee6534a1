"""Rankings under a query: every matching row is looked at, window functions number them within their groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.store.compile import compile_query
from ckpt_indexer.store.read_direction import direction
from ckpt_indexer.store.read_hidden import hidden
from ckpt_indexer.store.read_ranking import TIES, YIELDED, entry, finish, in_order
from ckpt_indexer.store.read_rows import WIDTH

if TYPE_CHECKING:
    from ckpt_indexer.catalog.query import Query
    from ckpt_indexer.catalog.views import Page
    from ckpt_indexer.store.compile import Compiled
    from ckpt_indexer.store.read_rows import Look


def best(look: Look, metric: str, group: str | None, query: Query, *, k: int, mode: str | None) -> Page:
    """Return the best `k` rows of each group among those that match. Raises InvalidFilter: unknown direction."""
    compiled = compile_query(query)
    if mode is None and metric not in PROMOTED and not _any(look, metric, compiled):
        return finish(look, [], metric, group, datasets=(), hidden=hidden(look, compiled))
    falling = (mode or direction(look, metric)) == "max"
    statement = ranking(metric, group, compiled, falling=falling)
    found = look.all(statement, compiled.parameters | {"metric": metric, "k": k})
    rows = in_order(look, [entry(values) for values in found], falling=falling)
    datasets = sorted({name for values in found[:1] for name in values[WIDTH + 5 :] if name is not None})
    return finish(look, rows, metric, group, datasets=datasets, hidden=hidden(look, compiled))


def ranking(metric: str, group: str | None, compiled: Compiled, *, falling: bool) -> str:
    """Return the statement. Only ids travel through the windows; the rows are fetched for those that win."""
    source, value = _source(metric)
    by = f"c.{group}" if group else "NULL"
    order = f"{value} {'DESC' if falling else 'ASC'}, {TIES}"
    return f"""
SELECT {YIELDED.format(group="w.grp", value="w.value", n="w.n", ties="w.ties")}, w.first_dataset, w.last_dataset
FROM (SELECT c.id, {by} AS grp, {value} AS value,
        row_number() OVER (PARTITION BY {by} ORDER BY {order}) AS place,
        count(*) OVER (PARTITION BY {by}) AS n, count(*) OVER (PARTITION BY {by}, {value}) AS ties,
        min(c.dataset) OVER () AS first_dataset, max(c.dataset) OVER () AS last_dataset
      FROM {source} AND ({compiled.where})) w
CROSS JOIN checkpoints c ON c.id = w.id
WHERE w.place <= :k"""


def _source(metric: str) -> tuple[str, str]:
    """Return FROM ... WHERE over everything that can be ranked, and the ranked value."""
    if metric in PROMOTED:
        return f"checkpoints c WHERE c.rankable = 1 AND c.{metric} IS NOT NULL", f"c.{metric}"
    joined = "metrics v CROSS JOIN checkpoints c ON c.id = v.checkpoint_id"
    return f"{joined} WHERE v.name = :metric AND v.stale = 0 AND v.value IS NOT NULL AND c.rankable = 1", "v.value"


def _any(look: Look, metric: str, compiled: Compiled) -> bool:
    source, _value = _source(metric)
    statement = f"SELECT 1 FROM {source} AND ({compiled.where}) LIMIT 1"
    return look.one(statement, compiled.parameters | {"metric": metric}) is not None
