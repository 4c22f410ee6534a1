"""A whole list by position, for a table whose scroll bar jumps anywhere: the ids of all matching rows in order, and the
rows of any of them. `find` seeks instead, and needs no more memory for a million rows than for one page.
"""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING

from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.store.compile import PRESENT, Compiled, compile_query, order_by
from ckpt_indexer.store.read_find import PATH_ORDER
from ckpt_indexer.store.read_rows import SELECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.catalog.query import Query
    from ckpt_indexer.catalog.views import Page
    from ckpt_indexer.store.read_rows import Look

MAX_ROWS = 1000
"""Most rows that are read at once."""
_PRESENT = "SELECT n FROM facets WHERE field = '' AND metric = ''"
"""How many present rows the writer counted."""


def ordered_ids(look: Look, query: Query) -> array[int]:
    """Return the ids of all matching rows in the query's order, by root and path without one: 8 bytes each."""
    compiled = compile_query(query)
    quick = _ranked(look, compiled)
    if quick is not None:
        return quick
    order = order_by(compiled.keys or PATH_ORDER)
    return _ids(look, f"SELECT c.id AS id FROM checkpoints c WHERE {_condition(compiled)} ORDER BY {order}", compiled)


def count(look: Look, query: Query) -> int:
    """Return how many rows match."""
    compiled = compile_query(query)
    if compiled.present_only and compiled.where == "1":
        return look.one(_PRESENT) or 0
    return look.one(f"SELECT count(*) FROM checkpoints c WHERE {_condition(compiled)}", compiled.parameters) or 0


def rows_of(look: Look, ids: Sequence[int]) -> Page:
    """Return the rows with these ids, at most `MAX_ROWS`, in their order; what is gone is left out."""
    wanted = list(ids)[:MAX_ROWS]
    marks = ", ".join("?" * len(wanted))
    found = look.all(f"SELECT {SELECTED} FROM checkpoints c WHERE c.id IN ({marks})", tuple(wanted))
    by_id = {row[0]: row for row in found}
    return look.page(look.rows([by_id[one] for one in wanted if one in by_id]))


def _ranked(look: Look, compiled: Compiled) -> array[int] | None:
    """Return everything by one headline metric off its index, without sorting; None where that cannot tell the order:
    another question, or rows that are not ranked (links) and have a value nevertheless."""
    if len(compiled.keys) != 1 or not compiled.present_only or compiled.where != "1":
        return None
    metric, direction = compiled.keys[0].expression.removeprefix("c."), "DESC" if compiled.keys[0].descending else "ASC"
    if metric not in PROMOTED:
        return None
    others = f"SELECT 1 FROM checkpoints c WHERE c.rankable = 0 AND {PRESENT} AND c.{metric} IS NOT NULL LIMIT 1"
    if look.one(others) is not None:
        return None
    ranked = f"checkpoints c INDEXED BY ix_checkpoints_{metric} WHERE c.rankable = 1 AND c.{metric} IS NOT NULL"
    ids = _ids(look, f"SELECT c.id AS id FROM {ranked} ORDER BY c.{metric} {direction}, c.id", compiled)
    rest = f"SELECT c.id AS id FROM checkpoints c WHERE {PRESENT} AND c.{metric} IS NULL ORDER BY c.id"
    present = look.one(_PRESENT) or 0
    return ids if len(ids) == present else ids + _ids(look, rest, compiled)


def _ids(look: Look, statement: str, compiled: Compiled) -> array[int]:
    """Return what a statement yields, all in one value: stepping through a million rows would take the interpreter's
    lock a million times."""
    text = look.one(f"SELECT json_group_array(id) FROM ({statement})", compiled.parameters)
    return array("q", json.loads(text))


def _condition(compiled: Compiled) -> str:
    return f"{PRESENT} AND ({compiled.where})" if compiled.present_only else compiled.where
