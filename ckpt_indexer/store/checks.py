"""What must hold inside a catalog, as questions in plain SQL. Each check returns sentences about what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ckpt_indexer.store.fields import FACETS, GROUPS, PROMOTED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

_SHOWN = 5
_PROMOTED = tuple(name for name, _ in PROMOTED)
Counts: TypeAlias = dict[tuple[str, str, int, str], tuple[int, int]]


def pages(connection: sqlite3.Connection) -> list[str]:
    """Check the file's structure."""
    found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
    return [] if found == ["ok"] else [f"damaged: {line}" for line in found]


def references(connection: sqlite3.Connection) -> list[str]:
    """Check that nothing refers to a row that is not there."""
    broken = [f"{table} refers to a missing row of {parent}" for table, _, parent, _ in
              connection.execute("PRAGMA foreign_key_check")]  # fmt: skip
    for column in ("alias_of", "duplicate_of"):
        sql = f"""SELECT c.path FROM checkpoints AS c LEFT JOIN checkpoints AS t ON t.id = c.{column}
            WHERE c.{column} IS NOT NULL AND t.id IS NULL"""
        broken += [f"{path}: {column} names a missing row" for (path,) in connection.execute(sql)]
    return _some(broken)


def counters(connection: sqlite3.Connection) -> list[str]:
    """Check that ids and the seq run ahead of every row."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    next_id, seq = connection.execute("SELECT coalesce(max(id), 0), coalesce(max(seq), 0) FROM checkpoints").fetchone()
    found = []
    if int(meta["next_id"]) <= next_id:
        found.append(f"next_id is {meta['next_id']}, but row {next_id} exists")
    if int(meta["seq"]) < seq:
        found.append(f"seq is {meta['seq']}, but a row has {seq}")
    return found


def children(connection: sqlite3.Connection) -> list[str]:
    """Check that each row's JSON and the tables below it say the same."""
    found = []
    for table, value in (
        ("metrics", "json_type(nested, '$.metrics')"),
        ("components", "json_type(nested, '$.components')"),
        ("params", "json_type(nested, '$.params')"),
    ):
        sql = f"""SELECT c.path FROM checkpoints AS c
            WHERE (SELECT count(*) FROM {table} AS t WHERE t.checkpoint_id = c.id)
            <> CASE WHEN {value} IS NULL THEN 0 ELSE (SELECT count(*) FROM json_each(c.nested, '$.{table}')) END"""
        found += [f"{path}: its {table} differ from the row" for (path,) in connection.execute(sql)]
    sql = """SELECT c.path, m.name FROM metrics AS m JOIN checkpoints AS c ON c.id = m.checkpoint_id
        LEFT JOIN json_each(c.nested, '$.metrics') AS j ON j.key = m.name WHERE j.value IS NOT m.value"""
    found += [f"{path}: metric {name} differs from the row" for path, name in connection.execute(sql)]
    ranked = "presence = 'present' AND alias_of IS NULL AND kind <> 'symlink'"
    sql = f"SELECT path FROM checkpoints WHERE rankable <> ({ranked})"
    found += [f"{path}: is ranked wrongly" for (path,) in connection.execute(sql)]
    return _some(found)


def facets(connection: sqlite3.Connection) -> list[str]:
    """Check the kept counts against counting."""
    kept: Counts = {
        (field, value, is_null, metric): (count, size)
        for field, value, is_null, metric, count, size in connection.execute(
            "SELECT field, value, is_null, metric, n, size_bytes FROM facets"
        )
    }
    counted = recount(connection)
    wrong = sorted(key for key in kept.keys() | counted.keys() if kept.get(key) != counted.get(key))
    return _some([f"count of {key} is {kept.get(key)}, should be {counted.get(key)}" for key in wrong])


def recount(connection: sqlite3.Connection) -> Counts:
    """Return what the facets should hold, from the rows."""
    found: Counts = {}

    def add(sql: str, field: str, metric: str | None = None) -> None:
        for value, name, count, size in connection.execute(sql):
            key = (field, value or "", int(value is None and field != ""), metric if metric is not None else name)
            found[key] = (count, size or 0)

    whole = "count(*), sum(size_bytes) FROM checkpoints"
    add(f"SELECT presence, NULL, {whole} GROUP BY presence", "presence", "")
    add(f"SELECT NULL, NULL, {whole} WHERE presence = 'present' HAVING count(*)", "", "")
    for field in FACETS:
        add(f"SELECT {field}, NULL, {whole} WHERE presence = 'present' GROUP BY {field}", field, "")
    names = ", ".join(f"'{name}'" for name in _PROMOTED)
    other = f"""count(*), 0 FROM checkpoints AS c JOIN metrics AS m ON m.checkpoint_id = c.id
        WHERE c.rankable = 1 AND m.value IS NOT NULL AND m.stale = 0 AND m.name NOT IN ('', {names})"""
    add(f"SELECT NULL, m.name, {other} GROUP BY m.name", "")
    for group in GROUPS:
        add(f"SELECT c.{group}, m.name, {other} GROUP BY c.{group}, m.name", group)
    for metric in _PROMOTED:
        ranked = f"count(*), 0 FROM checkpoints WHERE rankable = 1 AND {metric} IS NOT NULL"
        add(f"SELECT NULL, NULL, {ranked} HAVING count(*)", "", metric)
        for group in GROUPS:
            add(f"SELECT {group}, NULL, {ranked} GROUP BY {group}", group, metric)
    return found


ALL_CHECKS: tuple[Callable[[sqlite3.Connection], list[str]], ...] = (
    pages,
    references,
    counters,
    children,
    facets,
)
"""In the order they are asked; damaged pages end the questions."""


def _some(found: list[str]) -> list[str]:
    more = len(found) - _SHOWN
    return found[:_SHOWN] + ([f"and {more} more like these"] if more > 0 else [])
