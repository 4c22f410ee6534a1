"""Counts and summaries: facets, totals, experiments, curves, problems, changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.catalog.fields import FIELDS, GROUPS, PROMOTED, find_field, nearest
from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.store.compile import PRESENT, compile_query
from ckpt_indexer.store.fields import FACETS
from ckpt_indexer.store.read_rows import SELECTED, hidden_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.catalog.query import Query
    from ckpt_indexer.catalog.views import Page
    from ckpt_indexer.store.compile import Bound, Compiled
    from ckpt_indexer.store.read_rows import Look


def facets(look: Look, fields: Sequence[str]) -> dict[str, dict[str | None, int]]:
    """Return how many present rows each value of each field has, the frequent ones first; the groups by default.

    `presence` counts all rows. Booleans count under `true` and `false`. Raises InvalidFilter.
    """
    return {_facet_name(name): _facet(look, _facet_name(name)) for name in (fields or GROUPS)}


def _facet_name(name: str) -> str:
    field = find_field(name)
    if field is not None and field.kind in ("text", "bool") and field.name not in ("path", "abs_path", "name", "notes"):
        return field.name
    known = (*FACETS, "presence", "monitor", "monitor_mode", "run_id", "schema_version", "has_sidecar", "pinned")
    near = nearest(name, known)
    hint = f"; did you mean {near}?" if near else ""
    raise InvalidFilter(f"there are no counts by {name[:60]!r}{hint} (known: {', '.join(known)})", known=known)


def _facet(look: Look, name: str) -> dict[str | None, int]:
    if name in FACETS or name == "presence":
        found = look.all(FACET, (name,))
        return {None if is_null else value: n for value, is_null, n in found}
    found = look.all(f"SELECT c.{name}, count(*) AS n FROM checkpoints c WHERE {PRESENT} GROUP BY 1 ORDER BY n DESC, 1")
    if FIELDS[name].kind == "bool":
        return {"true" if value else "false": n for value, n in found}
    return dict(found)


FACET = "SELECT value, is_null, n FROM facets WHERE field = ? AND metric = '' AND n > 0 ORDER BY n DESC, is_null, value"


def stats(look: Look) -> dict[str, Any]:
    """Return totals over the whole catalog."""
    whole = look.all("SELECT n, size_bytes FROM facets WHERE field = '' AND metric = ''")
    present, size_bytes = whole[0] if whole else (0, 0)
    copies, copied_bytes = look.all(
        "SELECT count(*), coalesce(sum(size_bytes), 0) FROM checkpoints WHERE duplicate_of IS NOT NULL"
    )[0]
    return {
        "catalog": look.catalog,
        "seq": look.seq,
        "checkpoints": present + hidden_rows(look),
        "present": present,
        "presence": _facet(look, "presence"),
        "read_state": _states(look),
        "size_bytes": size_bytes,
        "duplicates": copies,
        "duplicate_bytes": copied_bytes,
        "experiments": look.one(
            "SELECT count(*) FROM facets WHERE field = 'experiment' AND metric = '' AND is_null = 0"
        ),
        "metrics": sorted({*look.metric_names(), *_headlines(look)}),
        "problems": look.one("SELECT count(*) FROM problems"),
        "roots": [
            {"name": root.name, "path": root.path, "state": root.state, "mode": root.mode, "as_of": root.as_of}
            for root in look.roots
        ],
    }


_ABSENT_STATES = """SELECT c.read_state, count(*) FROM checkpoints c INDEXED BY ix_checkpoints_unranked
WHERE c.rankable = 0 AND c.presence <> 'present' GROUP BY 1"""
"""Only present rows are ranked, so that the index holds all others."""


def _states(look: Look) -> dict[str, int]:
    """Return how many rows are in each read state, whatever their presence."""
    counts = {state: n for state, n in _facet(look, "read_state").items() if state is not None}
    for state, n in look.all(_ABSENT_STATES):
        counts[state] = counts.get(state, 0) + n
    return dict(sorted(counts.items()))


def _headlines(look: Look) -> list[str]:
    found = look.all("SELECT metric FROM facets WHERE field = '' AND metric <> '' AND n > 0")
    return [name for (name,) in found if name in PROMOTED]


def experiments(look: Look, query: Query) -> list[dict[str, Any]]:
    """Return one mapping per experiment, by name, the unknown one last. `best` is the best headline hmean."""
    compiled = compile_query(query)
    statement = f"""
WITH m AS MATERIALIZED (
  SELECT c.experiment, c.size_bytes, c.epoch, c.global_step, c.hmean, c.rankable, c.path_bytes, c.id,
    coalesce(c.created_at, c.mtime) AS made FROM checkpoints c WHERE {_condition(compiled)}),
b AS (
  SELECT * FROM (SELECT m.*, row_number() OVER (PARTITION BY experiment ORDER BY hmean DESC, epoch IS NULL, epoch,
    path_bytes, id) AS place FROM m WHERE rankable = 1 AND hmean IS NOT NULL) WHERE place = 1)
SELECT m.experiment AS name, count(*) AS count, sum(m.size_bytes) AS size_bytes, b.hmean AS best,
  b.epoch AS best_epoch, b.id AS best_id, max(m.epoch) AS last_epoch, max(m.made) AS newest
FROM m LEFT JOIN b ON b.experiment IS m.experiment
GROUP BY m.experiment ORDER BY m.experiment IS NULL, m.experiment"""
    return look.mappings(statement, compiled.parameters)


def curve(look: Look, experiment: str, metric: str) -> list[dict[str, Any]]:
    """Return one metric over the checkpoints of an experiment, by epoch and step; links are left out."""
    columns = "c.epoch, c.global_step, {value} AS value, c.id, c.path"
    where = "c.experiment = :experiment AND c.rankable = 1"
    order = "ORDER BY c.epoch IS NULL, c.epoch, c.global_step IS NULL, c.global_step, c.path_bytes"
    if metric in PROMOTED:
        source = f"checkpoints c INDEXED BY ix_checkpoints_experiment_{metric}"
        statement = (
            f"SELECT {columns.format(value='c.' + metric)} FROM {source} WHERE {where} AND c.{metric} IS NOT NULL"
        )
    else:
        source = "checkpoints c INDEXED BY ix_checkpoints_experiment CROSS JOIN metrics m ON m.checkpoint_id = c.id"
        fresh = "m.name = :metric AND m.stale = 0 AND m.value IS NOT NULL"
        statement = f"SELECT {columns.format(value='m.value')} FROM {source} WHERE {where} AND {fresh}"
    names = {"experiment": experiment, "metric": metric}
    bound: dict[str, Bound] = {key: name.encode("utf-8", "replace").decode() for key, name in names.items()}
    return look.mappings(f"{statement} {order}", bound)


def problems(look: Look, query: Query) -> list[dict[str, Any]]:
    """Return every open problem by root and path; under a query only those of matching checkpoints."""
    compiled = compile_query(query)
    only = (
        f"WHERE p.checkpoint_id IN (SELECT c.id FROM checkpoints c WHERE {_condition(compiled)})" if query.terms else ""
    )
    statement = f"""
SELECT p.path, r.name AS root, p.kind, p.message, p.first_seen, p.last_seen, p.count, p.checkpoint_id
FROM problems p JOIN roots r ON r.id = p.root_id {only} ORDER BY r.name, p.path_bytes, p.kind"""
    return look.mappings(statement, compiled.parameters)


CHANGES = f"SELECT {SELECTED} FROM checkpoints c WHERE c.seq > :seq ORDER BY c.seq, c.id LIMIT :limit"


def changes_since(look: Look, seq: int, limit: int | None) -> Page:
    """Return rows changed after `seq`, oldest change first. Rows of one change are never torn apart: where `limit` cuts
    through them all are given; `next` is then the seq to go on from."""
    if limit is not None and limit < 1:
        raise InvalidFilter(f"limit is {limit}; it must be at least 1")
    rows = look.rows(look.all(CHANGES, {"seq": min(seq, (1 << 63) - 1), "limit": -1 if limit is None else limit}))
    if limit is None or len(rows) < limit:
        return look.page(rows)
    last = rows[-1]["seq"]
    same = look.all(
        f"SELECT {SELECTED} FROM checkpoints c WHERE c.seq = ? AND c.id > ? ORDER BY c.id", (last, rows[-1]["id"])
    )
    more = look.one("SELECT 1 FROM checkpoints WHERE seq > ? LIMIT 1", (last,))
    return look.page([*rows, *look.rows(same)], next_=str(last) if more else None)


def _condition(compiled: Compiled) -> str:
    return f"{PRESENT} AND ({compiled.where})" if compiled.present_only else compiled.where
