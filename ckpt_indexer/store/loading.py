"""Reads what a batch of changes touches, in few statements. The write lock is held: nothing changes in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ckpt_indexer.store import notes, reads, statements
from ckpt_indexer.store.changes import Arrived, Described, DirectorySettled, Dissolved, Moved, PresenceChanged
from ckpt_indexer.store.mapping import COLUMNS, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from ckpt_indexer.store.changes import Change
    from ckpt_indexer.store.drafts import Batch, Place
    from ckpt_indexer.store.engine import Session, Value, Values

_SIZES = (1, 10, 50, reads.CHUNK)


def load(session: Session, batch: Batch, changes: Sequence[Change]) -> None:
    """Adopt into the batch every row, directory and note the changes are about; make the directories that are new."""
    places: dict[Place, None] = {}
    folders: dict[Place, None] = {}
    ids: dict[int, None] = {}
    for change in changes:
        if isinstance(change, Described | Arrived | Moved):
            places[change.root_id, change.candidate.path] = None
            folders[change.root_id, change.candidate.directory] = None
        elif isinstance(change, DirectorySettled):
            folders[change.root_id, change.directory] = None
        if isinstance(change, Moved | PresenceChanged | Dissolved):
            ids[change.id] = None
        elif isinstance(change, Described) and change.alias_of is not None:
            ids[change.alias_of] = None
    adopt_rows(session, batch, "id", ids)
    adopt_places(session, batch, places)
    adopt_directories(session, batch, folders)


def adopt_places(session: Session, batch: Batch, places: Collection[Place]) -> None:
    """Adopt the rows at these places, and the notes on them and on every row adopted so far."""
    for values in _by_root(session, reads.rows_at, places):
        batch.adopt(_row(values))
    if session.rows(reads.HAS_ANNOTATIONS):
        for values in _by_root(session, reads.annotations_at, dict.fromkeys((*batch.by_place, *places))):
            root_id, path, note = notes.from_values(values)
            batch.adopt_note((root_id, path), note)


def adopt_rows(session: Session, batch: Batch, column: str, values: Collection[Value]) -> None:
    """Adopt the rows with one of these values in a column."""
    for found in select_in(session, lambda count: reads.rows_where(column, count), (), values):
        batch.adopt(_row(found))


def first_with_content(session: Session, contents: Collection[str]) -> dict[str, int]:
    """Return content -> id of the first row that is compared by it, as the database has it."""
    found = ((content, session.rows(reads.FIRST_WITH_CONTENT, (content,))) for content in contents)
    return {content: cast("int", rows[0][0]) for content, rows in found if rows}


def adopt_directories(session: Session, batch: Batch, folders: Collection[Place]) -> None:
    """Learn the ids of directories; those not there yet are made."""
    wanted = [folder for folder in folders if folder not in batch.directories]
    _learn(session, batch, wanted)
    absent = [folder for folder in wanted if folder not in batch.directories]
    if absent:
        session.many(statements.INSERT_DIRECTORY, absent)
        _learn(session, batch, absent)


def problem_kinds(session: Session, ids: Collection[int]) -> dict[int, set[str]]:
    """Return the kinds of problems each of these rows has."""
    kinds: dict[int, set[str]] = {}
    for row_id, kind in select_in(session, reads.problems_of, (), ids):
        kinds.setdefault(cast("int", row_id), set()).add(cast("str", kind))
    return kinds


def select_in(
    session: Session, statement: Callable[[int], str], fixed: Values, wanted: Iterable[Value]
) -> Iterator[Values]:
    """Run a statement over any number of values for its `IN` list, some hundred at a time."""
    values = list(wanted)
    for start in range(0, len(values), reads.CHUNK):
        part = values[start : start + reads.CHUNK]
        size = next(size for size in _SIZES if size >= len(part))
        part += part[-1:] * (size - len(part))
        yield from session.rows(statement(size), (*fixed, *part))


def _learn(session: Session, batch: Batch, folders: Collection[Place]) -> None:
    for root_id, paths in _grouped(folders).items():
        for path, directory_id in select_in(session, reads.directories_at, (root_id,), paths):
            batch.directories[root_id, cast("bytes", path)] = cast("int", directory_id)


def _by_root(session: Session, statement: Callable[[int], str], places: Collection[Place]) -> Iterator[Values]:
    for root_id, paths in _grouped(places).items():
        yield from select_in(session, statement, (root_id,), paths)


def _grouped(places: Collection[Place]) -> dict[int, list[bytes]]:
    groups: dict[int, list[bytes]] = {}
    for root_id, path in places:
        groups.setdefault(root_id, []).append(path)
    return groups


def _row(values: Values) -> Row:
    return dict(zip(COLUMNS, values, strict=True))
