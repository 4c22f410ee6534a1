"""What the writer says to change rows, compiled once from SQLAlchemy Core to SQL text with positional parameters."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Table, bindparam, delete, func, literal_column, null, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert

from ckpt_indexer.store import tables

if TYPE_CHECKING:
    from sqlalchemy.sql.expression import ClauseElement

_DIALECT = sqlite.dialect(paramstyle="qmark")


def _table(model: type[tables.Table]) -> Table:
    return cast("Table", model.__table__)  # type: ignore[attr-defined]  # SQLModel adds __table__ at class creation


def sql_of(statement: ClauseElement) -> str:
    """Return the SQL text of a Core statement, parameters as `?` in the order they appear."""
    return str(statement.compile(dialect=_DIALECT))


checkpoints = _table(tables.Checkpoint)
metrics = _table(tables.MetricValue)
components = _table(tables.ComponentRow)
params = _table(tables.Param)
inputs = _table(tables.InputFile)
problems = _table(tables.ProblemRow)
annotation_rows = _table(tables.Annotation)
directories = _table(tables.Directory)
facets = _table(tables.Facet)
roots = _table(tables.Root)
meta = _table(tables.Meta)
answers = _table(tables.WandbAnswer)

# -- inserts and upserts

INSERT_CHECKPOINT = sql_of(insert(checkpoints))
INSERT_METRIC = sql_of(insert(metrics))
INSERT_COMPONENT = sql_of(insert(components))
INSERT_PARAM = sql_of(insert(params))
INSERT_INPUT = sql_of(insert(inputs))
INSERT_ROOT = sql_of(
    insert(roots).values({name: bindparam(name) for name in ("name", "path", "path_bytes", "state", "mode")})
)
INSERT_DIRECTORY = sql_of(insert(directories).values(root_id=bindparam("root"), path_bytes=bindparam("path")))


def _upsert(table: Table, names: tuple[str, ...], key: tuple[str, ...], changes: dict[str, Any]) -> str:
    statement = insert(table).values({name: bindparam(name) for name in names})
    return sql_of(statement.on_conflict_do_update(index_elements=[table.c[name] for name in key], set_=changes))


_excluded = insert(facets).excluded
ADD_FACET = _upsert(
    facets,
    ("field", "value", "is_null", "metric", "n", "size_bytes"),
    ("field", "value", "is_null", "metric"),
    {"n": facets.c.n + _excluded.n, "size_bytes": facets.c.size_bytes + _excluded.size_bytes},
)
DROP_EMPTY_FACET = sql_of(
    delete(facets).where(
        *(facets.c[name] == bindparam(name) for name in ("field", "value", "is_null", "metric")),
        facets.c.n == literal_column("0"),
    )
)

PROBLEM_COLUMNS = (
    "checkpoint_id",
    "root_id",
    "path",
    "path_bytes",
    "kind",
    "message",
    "first_seen",
    "last_seen",
    "count",
)
_excluded = insert(problems).excluded
SEE_PROBLEM = _upsert(
    problems,
    PROBLEM_COLUMNS,
    ("root_id", "path_bytes", "kind"),
    {
        "checkpoint_id": func.coalesce(_excluded.checkpoint_id, problems.c.checkpoint_id),
        "message": _excluded.message,
        "last_seen": _excluded.last_seen,
        "count": problems.c["count"] + literal_column("1"),
    },
)

ANNOTATION_COLUMNS = ("root_id", "path_bytes", "content_id", "tags", "notes", "pinned", "rewritten", "updated_at")
_excluded = insert(annotation_rows).excluded
SET_ANNOTATION = _upsert(
    annotation_rows,
    ANNOTATION_COLUMNS,
    ("root_id", "path_bytes"),
    {name: _excluded[name] for name in ANNOTATION_COLUMNS[2:]},
)
_excluded = insert(answers).excluded
SET_WANDB_ANSWER = _upsert(
    answers,
    ("run", "answer", "fetched_at", "final"),
    ("run",),
    {name: _excluded[name] for name in ("answer", "fetched_at", "final")},
)
_excluded = insert(meta).excluded
SET_META = _upsert(meta, ("key", "value"), ("key",), {"value": _excluded.value})

# -- updates and deletes


def _deleting(table: Table, *names: str) -> str:
    return sql_of(delete(table).where(*(table.c[name] == bindparam(f"by_{name}") for name in names)))


DELETE_CHECKPOINT = _deleting(checkpoints, "id")
DELETE_METRICS = _deleting(metrics, "checkpoint_id")
DELETE_COMPONENTS = _deleting(components, "checkpoint_id")
DELETE_PARAMS = _deleting(params, "checkpoint_id")
DELETE_INPUTS = _deleting(inputs, "checkpoint_id")
DELETE_PROBLEM = _deleting(problems, "checkpoint_id", "kind")
DELETE_ANNOTATION = _deleting(annotation_rows, "root_id", "path_bytes")
CLEAR_PLACE = sql_of(
    delete(problems).where(
        problems.c.root_id == bindparam("by_root"),
        problems.c.path_bytes == bindparam("by_path"),
        problems.c.kind == bindparam("by_kind"),
        problems.c.checkpoint_id.is_(None),
    )
)
MOVE_PROBLEMS = sql_of(
    update(problems)
    .where(problems.c.checkpoint_id == bindparam("by_id"))
    .values({name: bindparam(name) for name in ("root_id", "path", "path_bytes")})
    .prefix_with("OR REPLACE")
)
SET_STALE = sql_of(
    update(metrics)
    .where(metrics.c.checkpoint_id == bindparam("by_id"), metrics.c.name == bindparam("by_name"))
    .values(stale=bindparam("new_stale"))
)
SET_DIGEST = sql_of(
    update(directories).where(directories.c.id == bindparam("by_id")).values(digest=bindparam("digest"))
)
DELETE_ROOT = tuple(
    sql_of(delete(table).where(column == bindparam("root")))
    for table, column in (
        (annotation_rows, annotation_rows.c.root_id),
        (problems, problems.c.root_id),
        (directories, directories.c.root_id),
        (roots, roots.c.id),
    )
)
"""Each takes a root's id; in this order, and after its rows."""
FORGET_DIGESTS = sql_of(update(directories).where(directories.c.root_id == bindparam("by_root")).values(digest=null()))


@lru_cache(maxsize=256)
def update_checkpoint(names: tuple[str, ...]) -> str:
    """Return the update of these columns (in table order) of one row; its id comes last."""
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}  # parameters by column
    return sql_of(update(checkpoints).where(checkpoints.c.id == bindparam("by_id")).values(values))


@lru_cache(maxsize=64)
def update_root(names: tuple[str, ...]) -> str:
    """Return the update of these columns of one root; its id comes last."""
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}  # parameters by column
    return sql_of(update(roots).where(roots.c.id == bindparam("by_id")).values(values))
