"""What the writer's thread asks the tables, compiled once from SQLAlchemy Core to SQL text."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, exists, func, literal_column, or_, select

from ckpt_indexer.store.statements import (
    ANNOTATION_COLUMNS,
    annotation_rows,
    checkpoints,
    directories,
    inputs,
    meta,
    metrics,
    problems,
    roots,
    sql_of,
)

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import BindParameter, ColumnElement

CHUNK = 200
"""Most values bound in one `IN` list: below SQLite's limit of 999 in old builds."""

KNOWN_COLUMNS = (
    "id", "root_id", "path_bytes", "kind", "device", "inode", "size_bytes", "mtime_ns", "ctime_ns", "presence",
    "read_state", "derivation", "alias_of", "header_read",
)  # fmt: skip


_known = [checkpoints.c[name] for name in KNOWN_COLUMNS]


def _binds(count: int) -> list[BindParameter[Any]]:
    return [bindparam(f"p{index}") for index in range(count)]


@lru_cache(maxsize=64)
def rows_at(count: int) -> str:
    """Return the whole rows of one root at `count` paths."""
    wanted = checkpoints.c.path_bytes.in_(_binds(count))
    return sql_of(select(checkpoints).where(checkpoints.c.root_id == bindparam("by_root"), wanted))


@lru_cache(maxsize=64)
def rows_where(column: str, count: int) -> str:
    """Return the whole rows with one of `count` values in a column."""
    return sql_of(select(checkpoints).where(checkpoints.c[column].in_(_binds(count))))


@lru_cache(maxsize=64)
def directories_at(count: int) -> str:
    """Return (path, id) of the directories of one root at `count` paths."""
    wanted = directories.c.path_bytes.in_(_binds(count))
    columns = (directories.c.path_bytes, directories.c.id)
    return sql_of(select(*columns).where(directories.c.root_id == bindparam("by_root"), wanted))


@lru_cache(maxsize=64)
def annotations_at(count: int) -> str:
    """Return the annotation_rows of one root at `count` paths."""
    wanted = annotation_rows.c.path_bytes.in_(_binds(count))
    columns = [annotation_rows.c[name] for name in ANNOTATION_COLUMNS]
    return sql_of(select(*columns).where(annotation_rows.c.root_id == bindparam("by_root"), wanted))


@lru_cache(maxsize=64)
def problems_of(count: int) -> str:
    """Return (checkpoint_id, kind) of the problems of `count` rows."""
    columns = (problems.c.checkpoint_id, problems.c.kind)
    return sql_of(select(*columns).where(problems.c.checkpoint_id.in_(_binds(count))))


@lru_cache(maxsize=64)
def inputs_of(count: int) -> str:
    """Return (checkpoint_id, path, size, mtime_ns) of the present documents `count` rows were derived from, by path."""
    columns = (inputs.c.checkpoint_id, inputs.c.path, inputs.c.size, inputs.c.mtime_ns)
    present = inputs.c.absent == literal_column("0")
    documents = inputs.c.source == literal_column("'sidecar'")
    wanted = inputs.c.checkpoint_id.in_(_binds(count))
    return sql_of(select(*columns).where(wanted, present, documents).order_by(inputs.c.checkpoint_id, inputs.c.path))


@lru_cache(maxsize=64)
def known_where(column: str, count: int) -> str:
    """Return what `Known` needs of the rows with one of `count` values in a column, in id order."""
    return sql_of(select(*_known).where(checkpoints.c[column].in_(_binds(count))).order_by(checkpoints.c.id))


def _at_or_below(path: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for a path and everything in it; bind `scope` of it."""
    return or_(path == bindparam("at"), and_(path > bindparam("after"), path < bindparam("before")))


def scope(path: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what statements named `..._BELOW` bind for a path."""
    return (path, path + b"/", path + b"0")  # "0" follows "/"


_path = checkpoints.c.path_bytes
_is_present = checkpoints.c.presence == literal_column("'present'")
_in_root = checkpoints.c.root_id == bindparam("by_root")
KNOWN_AT = sql_of(select(*_known).where(_in_root, _path == bindparam("by_path")))
KNOWN_IN = sql_of(
    select(*_known)
    .join(directories, directories.c.id == checkpoints.c.directory_id)
    .where(directories.c.root_id == bindparam("by_root"), directories.c.path_bytes == bindparam("by_path"))
)
KNOWN_BETWEEN = sql_of(
    select(*_known)
    .where(_in_root, _path > bindparam("after"), _path < bindparam("before"))
    .order_by(_path)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
KNOWN_AFTER = sql_of(
    select(*_known)
    .where(_in_root, _path > bindparam("after"))
    .order_by(_path)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
SAME_METRIC = sql_of(
    select(checkpoints.c.id)
    .join(metrics, metrics.c.checkpoint_id == checkpoints.c.id)
    .where(metrics.c.name == bindparam("by_name"), metrics.c.value == bindparam("by_value"))
    .where(_in_root, checkpoints.c.run_dir == bindparam("by_run_dir"), _is_present)
    .order_by(checkpoints.c.global_step, checkpoints.c.epoch, checkpoints.c.id)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
KNOWN_PENDING = sql_of(
    select(*_known)
    .where(checkpoints.c.read_state == literal_column("'pending'"), _is_present)
    .order_by(checkpoints.c.id)
)
OUTDATED = sql_of(
    select(*_known)
    .where(
        checkpoints.c.derivation < bindparam("derivation"),
        checkpoints.c.read_state != literal_column("'pending'"),
        _is_present,
    )
    .order_by(checkpoints.c.id)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
FROM_INPUT = sql_of(
    select(*_known)
    .join(inputs, inputs.c.checkpoint_id == checkpoints.c.id)
    .where(inputs.c.path == bindparam("by_path"), checkpoints.c.root_id == bindparam("by_root"))
    .order_by(checkpoints.c.id)
)
FIRST_WITH_CONTENT = sql_of(
    select(checkpoints.c.id)
    .where(checkpoints.c.content_id == bindparam("by_content"), checkpoints.c.rankable == literal_column("1"))
    .order_by(checkpoints.c.id)
    .limit(literal_column("1"))
    .offset(literal_column("0"))
)
WITH_CONTENT_AFTER = sql_of(
    select(*_known)
    .where(checkpoints.c.content_id == bindparam("by_content"), checkpoints.c.id > bindparam("after"))
    .order_by(checkpoints.c.id)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
UNREAD = sql_of(
    select(*_known)
    .where(
        checkpoints.c.header_read == literal_column("0"),
        _is_present,
        checkpoints.c.read_state != literal_column("'pending'"),
        checkpoints.c.alias_of.is_(None),
        checkpoints.c.id > bindparam("after"),
    )
    .order_by(checkpoints.c.id)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
_surroundings = (
    select(directories.c.path_bytes, checkpoints.c.surroundings)
    .distinct()
    .join(directories, directories.c.id == checkpoints.c.directory_id)
    .where(_in_root, checkpoints.c.surroundings.is_not(None))
)
_directory_in_root = directories.c.root_id == bindparam("by_root_again")
SURROUNDINGS = sql_of(_surroundings)
SURROUNDINGS_BELOW = sql_of(_surroundings.where(_directory_in_root, _at_or_below(directories.c.path_bytes)))
SURROUNDINGS_OF = sql_of(_surroundings.where(_directory_in_root, directories.c.path_bytes == bindparam("by_path")))
SURROUNDED_BY = sql_of(
    select(*_known)
    .join(directories, directories.c.id == checkpoints.c.directory_id)
    .where(
        _in_root,
        _directory_in_root,
        directories.c.path_bytes == bindparam("by_path"),
        checkpoints.c.surroundings.is_not(None),
        checkpoints.c.surroundings != bindparam("digest"),
        _is_present,
    )
    .order_by(checkpoints.c.id)
)
OF_WANDB_RUN = sql_of(
    select(*_known)
    .where(checkpoints.c.surroundings.is_not(None), checkpoints.c.wandb_run_id == bindparam("by_run"))
    .order_by(checkpoints.c.id)
)
LONG_MISSING = sql_of(
    select(checkpoints.c.id)
    .where(checkpoints.c.missing_since < bindparam("before"))
    .order_by(checkpoints.c.missing_since, checkpoints.c.id)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
PRESENT_IDS = sql_of(
    select(checkpoints.c.id)
    .where(
        literal_column("+checkpoints.root_id") == bindparam("by_root"),  # by id: the root's index is in another order
        checkpoints.c.id > bindparam("after"),
        _is_present,
    )
    .order_by(checkpoints.c.id)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
IDS_IN_ROOT = sql_of(
    select(checkpoints.c.id)
    .where(_in_root)
    .order_by(checkpoints.c.id)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
ANY_IN_ROOT = sql_of(select(exists().where(_in_root)))
ROOTS = sql_of(
    select(
        *(roots.c[name] for name in ("id", "name", "path_bytes", "device", "inode", "state", "mode", "scanned_at"))
    ).order_by(roots.c.id)
)
DIGEST_OF = sql_of(
    select(directories.c.digest).where(
        directories.c.root_id == bindparam("by_root"), directories.c.path_bytes == bindparam("by_path")
    )
)
DIGESTS = sql_of(
    select(directories.c.path_bytes, directories.c.digest).where(
        directories.c.root_id == bindparam("by_root"), directories.c.digest.is_not(None)
    )
)
_directories = select(directories.c.path_bytes, directories.c.digest).where(
    directories.c.root_id == bindparam("by_root")
)
DIRECTORIES = sql_of(_directories)
DIRECTORIES_BELOW = sql_of(_directories.where(_at_or_below(directories.c.path_bytes)))
_states = select(checkpoints.c.read_state, func.count()).group_by(checkpoints.c.read_state)
STATES = sql_of(_states.where(_in_root, _is_present))
STATES_BELOW = sql_of(
    _states.where(
        _in_root,
        _is_present,
        _at_or_below(_path),
    )
)
STALE_PLACES = sql_of(
    select(problems.c.path_bytes)
    .distinct()
    .where(
        literal_column("+problems.root_id") == bindparam("by_root"),  # the other index: few problems are of no row
        problems.c.checkpoint_id.is_(None),
        problems.c.last_seen < bindparam("before"),
    )
    .order_by(problems.c.path_bytes)
)
PLACE_PROBLEMS = sql_of(
    select(problems.c.kind, problems.c.message).where(
        problems.c.root_id == bindparam("by_root"),
        problems.c.path_bytes == bindparam("by_path"),
        problems.c.checkpoint_id.is_(None),
    )
)
META = sql_of(select(meta.c.key, meta.c.value))
HAS_ANNOTATIONS = sql_of(select(annotation_rows.c.id).limit(literal_column("1")).offset(literal_column("0")))
ALL_ANNOTATIONS = sql_of(
    select(*(annotation_rows.c[name] for name in ANNOTATION_COLUMNS)).order_by(
        annotation_rows.c.root_id, annotation_rows.c.path_bytes
    )
)
