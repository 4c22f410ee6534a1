"""The best rows of each group by a headline metric: a loose scan over the index of (group, metric).

One seek finds the next group, one its best rows, however many rows lie between. The order of a ranking: value,
then lower epoch (unknown last), then path bytes, then root. A query, or a metric without a column, is ranked elsewhere
(`read_ranked`, `read_walk`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ckpt_indexer.catalog.fields import ALIASES, GROUPS, PROMOTED, nearest
from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.store.read_ranking import TIES, YIELDED, entry, finish, in_order

if TYPE_CHECKING:
    from ckpt_indexer.catalog.query import Query
    from ckpt_indexer.catalog.views import Page
    from ckpt_indexer.store.read_rows import Look

MAX_NAME = 500
MAX_PER_GROUP = 100_000


def best(look: Look, metric: str, by: str, query: Query, *, k: int, mode: str | None) -> Page:
    """Return the best `k` rows of each group, best group first, the unknown group last.

    Raises:
        InvalidFilter: unknown grouping or mode, or a metric whose direction nobody knows.
    """
    group = _group(by)
    if not 1 <= k <= MAX_PER_GROUP:
        raise InvalidFilter(f"k is {k}; it must be from 1 to {MAX_PER_GROUP:,}")
    if mode not in (None, "min", "max"):
        raise InvalidFilter(f"mode is {mode!r}; it is min or max")
    if not metric or len(metric) > MAX_NAME or not _is_text(metric):
        raise InvalidFilter("the metric's name is empty, too long or no text")
    if query.terms:
        from ckpt_indexer.store import read_ranked

        return read_ranked.best(look, metric, group, query, k=k, mode=mode)
    if metric not in PROMOTED:
        from ckpt_indexer.store import read_walk

        return read_walk.best(look, metric, group, k=k, mode=mode)
    falling = (mode or PROMOTED[metric]) == "max"
    scan = loose_scan(metric, group, falling=falling, single=k == 1) if group else top(metric, falling=falling)
    found = look.all(scan, {"k": k})
    return finish(look, in_order(look, [entry(values) for values in found], falling=falling), metric, group)


def _is_text(name: str) -> bool:
    try:
        return b"\x00" not in name.encode()
    except UnicodeEncodeError:
        return False


def _group(by: str) -> str | None:
    """Return the column to group by, None for one single ranking."""
    name = ALIASES.get(by, by)
    if name == "none":
        return None
    if name not in GROUPS:
        known = (*GROUPS, "none")
        near = nearest(by, known)
        hint = f"; did you mean {near}?" if near else ""
        raise InvalidFilter(f"there is no grouping by {by[:60]!r}{hint} (known: {', '.join(known)})", known=known)
    return name


@lru_cache(maxsize=64)
def loose_scan(metric: str, group: str, *, falling: bool, single: bool = False) -> str:
    """Return the statement over (group, metric), groups in no order: the best row of each, or `:k` of them."""
    table = f"checkpoints c INDEXED BY ix_checkpoints_{group}_{metric}"
    ranked = f"c.rankable = 1 AND c.{metric} IS NOT NULL"
    order = "DESC" if falling else "ASC"
    first = f"SELECT c.{group} FROM {table} WHERE {ranked} AND c.{group} IS NOT NULL ORDER BY c.{group} LIMIT 1"
    following = f"SELECT c.{group} FROM {table} WHERE {ranked} AND c.{group} > g.v ORDER BY c.{group} LIMIT 1"
    mine = f"FROM {table} WHERE {ranked} AND c.{group} IS s.v"
    kept = (
        f"SELECT f.n FROM facets f WHERE f.field = '{group}' AND f.value = coalesce(s.v, '') "
        f"AND f.is_null = (s.v IS NULL) AND f.metric = '{metric}'"
    )
    n = f"coalesce(({kept}), (SELECT count(*) {mine}))"
    ties = f"(SELECT count(*) {mine} AND c.{metric} = s.x)"
    groups = f"""
WITH RECURSIVE g(v) AS (
  SELECT ({first})
  UNION ALL
  SELECT ({following}) FROM g WHERE g.v IS NOT NULL),
s0(v) AS (SELECT v FROM g WHERE v IS NOT NULL UNION ALL SELECT NULL)"""
    if single:
        top_value = f"(SELECT c.{metric} {mine} ORDER BY c.{metric} {order} LIMIT 1)"
        winner = f"SELECT c.id {mine} AND c.{metric} = s.x"
        return f"""{groups},
s1(v, x) AS MATERIALIZED (SELECT s.v, {top_value} FROM s0 s),
s2(v, x, ties) AS MATERIALIZED (SELECT s.v, s.x, {ties} FROM s1 s WHERE s.x IS NOT NULL)
SELECT {YIELDED.format(group="s.v", value="s.x", n=n, ties="s.ties")}
FROM s2 s CROSS JOIN checkpoints c ON c.id =
  CASE s.ties WHEN 1 THEN ({winner} LIMIT 1) ELSE ({winner} ORDER BY {TIES} LIMIT 1) END"""
    winners = f"SELECT c.id {mine} ORDER BY c.{metric} {order}, {TIES} LIMIT :k"
    return f"""{groups},
w(id, v, x) AS (SELECT c.id, s.v, c.{metric} FROM s0 s CROSS JOIN checkpoints c ON c.id IN ({winners}))
SELECT {YIELDED.format(group="s.v", value="s.x", n=n, ties=ties)}
FROM w s CROSS JOIN checkpoints c ON c.id = s.id"""


@lru_cache(maxsize=16)
def top(metric: str, *, falling: bool) -> str:
    """Return the statement of one ranking over everything: `:k` rows, best first."""
    ranked = f"o.rankable = 1 AND o.{metric} IS NOT NULL"
    others = f"checkpoints o INDEXED BY ix_checkpoints_{metric} WHERE {ranked}"
    kept = f"SELECT f.n FROM facets f WHERE f.field = '' AND f.value = '' AND f.is_null = 0 AND f.metric = '{metric}'"
    n = f"coalesce(({kept}), (SELECT count(*) FROM {others}))"
    ties = f"(SELECT count(*) FROM {others} AND o.{metric} = c.{metric})"
    return f"""
SELECT {YIELDED.format(group="NULL", value=f"c.{metric}", n=n, ties=ties)}
FROM checkpoints c INDEXED BY ix_checkpoints_{metric} WHERE c.rankable = 1 AND c.{metric} IS NOT NULL
ORDER BY c.{metric} {"DESC" if falling else "ASC"}, {TIES} LIMIT :k"""
