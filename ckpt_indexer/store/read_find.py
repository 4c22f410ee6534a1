"""Lists of checkpoints: matching rows in any order, page by page, each page a seek however deep.

Without a sort rows come by root and path bytes, straight off their unique index. By a headline metric they come off
that metric's index: first what can be ranked, merged with the few present rows that cannot (aliases), then those
without a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.catalog import cursor as cursors
from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.errors import InvalidCursor, InvalidFilter
from ckpt_indexer.store.compile import PRESENT, Key, compile_query, order_by, seek
from ckpt_indexer.store.read_hidden import hidden
from ckpt_indexer.store.read_rows import SELECTED, WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.catalog.query import Query
    from ckpt_indexer.catalog.views import Page
    from ckpt_indexer.store.compile import Bound, Compiled
    from ckpt_indexer.store.read_rows import Look

PATH_ORDER = (Key("c.root", descending=False), Key("c.path_bytes", descending=False))
MAX_LIMIT = 1_000_000_000


class After(NamedTuple):
    """Where a page ended: the sort values and id of its last row."""

    values: tuple[Bound, ...]
    row_id: int


class Plan(NamedTuple):
    """What to read, in which order, from where."""

    compiled: Compiled
    keys: tuple[Key, ...]
    after: After | None

    @property
    def condition(self) -> str:
        """Return the query as a condition on `c`, presence included."""
        return f"{PRESENT} AND ({self.compiled.where})" if self.compiled.present_only else self.compiled.where


def find(look: Look, query: Query, *, limit: int | None, cursor: str | None) -> Page:
    """Return matching rows in the query's order, by path without one; `limit` None gives all.

    Raises:
        InvalidFilter: the limit is not positive.
        InvalidCursor: the cursor belongs to another query.
    """
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise InvalidFilter(f"limit is {limit}; it must be at least 1")
    compiled = compile_query(query)
    keys = compiled.keys or PATH_ORDER
    question = repr(query)
    plan = Plan(compiled, keys, _after(cursor, question, keys))
    found: list[tuple[Any, ...]] = []
    wanted = None if limit is None else limit + 1
    for statement, parameters in statements(look, plan):
        left = -1 if wanted is None else wanted - len(found)
        found += look.all(statement, compiled.parameters | parameters | {"limit": left})
        if wanted is not None and len(found) >= wanted:
            break
    next_ = None
    if limit is not None and len(found) > limit:
        del found[limit:]
        next_ = cursors.encode(tuple(found[-1][WIDTH:]), found[-1][0], question)
    return look.page(look.rows(found), next_=next_, hidden=hidden(look, compiled))


def statements(look: Look, plan: Plan) -> Iterator[tuple[str, dict[str, Bound]]]:
    """Yield the statements that together give the rows in order, each with its own values."""
    sort = _headline_sort(plan)
    if plan.compiled.by_experiment:
        yield _general(plan, "INDEXED BY ix_checkpoints_experiment")
    elif not plan.compiled.keys:
        yield from _by_path(look, plan)
    elif sort is not None:
        yield from _by_headline(plan, sort)
    else:
        yield _general(plan)


def _after(cursor: str | None, question: str, keys: tuple[Key, ...]) -> After | None:
    if cursor is None:
        return None
    values, row_id = cursors.decode(cursor, question)
    if len(values) != len(keys):
        raise InvalidCursor("the cursor belongs to another sort; start again without it")
    return After(values, row_id)


def _selected(keys: tuple[Key, ...]) -> str:
    return ", ".join([SELECTED, *(key.expression for key in keys)])


def _general(plan: Plan, index: str = "") -> tuple[str, dict[str, Bound]]:
    condition = plan.condition
    parameters: dict[str, Bound] = {}
    if plan.after is not None:
        later, parameters = seek(plan.keys, plan.after.values, plan.after.row_id)
        condition += f" AND {later}"
    return (
        f"SELECT {_selected(plan.keys)} FROM checkpoints c {index} WHERE {condition} "
        f"ORDER BY {order_by(plan.keys)} LIMIT :limit"
    ), parameters


def _by_path(look: Look, plan: Plan) -> Iterator[tuple[str, dict[str, Bound]]]:
    """Yield a statement per root, in the order of their names."""
    ids = dict(look.all("SELECT name, id FROM roots"))
    for root in look.roots:
        condition, parameters = plan.condition, {"root_id": ids[root.name]}
        if plan.after is not None:
            last_root, last_path = plan.after.values
            if root.name < str(last_root):
                continue
            if root.name == last_root:
                condition += " AND c.path_bytes > :last_path"
                parameters["last_path"] = last_path
        yield (
            (
                f"SELECT {_selected(plan.keys)} FROM checkpoints c INDEXED BY uq_checkpoints_root_id_path_bytes "
                f"WHERE c.root_id = :root_id AND {condition} ORDER BY c.path_bytes LIMIT :limit"
            ),
            parameters,
        )


def _headline_sort(plan: Plan) -> str | None:
    """Return the headline metric that is the only sort key of a query over present rows."""
    if len(plan.compiled.keys) != 1 or not plan.compiled.present_only:
        return None
    name = plan.compiled.keys[0].expression.removeprefix("c.")
    return name if name in PROMOTED else None


def _by_headline(plan: Plan, name: str) -> Iterator[tuple[str, dict[str, Bound]]]:
    """Yield the rows with a value, off the metric's index, then those without."""
    after = plan.after
    key = plan.keys[0]
    if after is None or after.values[0] is not None:
        condition = f"c.{name} IS NOT NULL AND {plan.condition}"
        seen: dict[str, Bound] = {}
        if after is not None:
            signs = ("<=", "<") if key.descending else (">=", ">")
            condition += f" AND c.{name} {signs[0]} :last AND (c.{name} {signs[1]} :last OR c.id > :after_id)"
            seen = {"last": after.values[0], "after_id": after.row_id}
        columns = f"SELECT {_selected(plan.keys)} AS k FROM checkpoints c"
        ranked = f"{columns} INDEXED BY ix_checkpoints_{name} WHERE c.rankable = 1 AND {condition}"
        others = f"{columns} WHERE c.rankable = 0 AND {condition}"
        order = f"k {'DESC' if key.descending else 'ASC'}, id"
        yield f"SELECT * FROM ({ranked} UNION ALL {others}) ORDER BY {order} LIMIT :limit", seen
        after = None
    condition = f"c.{name} IS NULL AND {plan.condition}"
    parameters: dict[str, Bound] = {}
    if after is not None:
        condition += " AND c.id > :after_id"
        parameters = {"after_id": after.row_id}
    yield f"SELECT {_selected(plan.keys)} FROM checkpoints c WHERE {condition} ORDER BY c.id LIMIT :limit", parameters
