"""What the catalog in force says of checkpoints that are on disk as it knows them. Read-only, no daemon needed.

A row counts when nothing it was derived from has changed since: the file, its documents, the files around it. Any other
checkpoint is described anew by the caller, so that an answer is never older than the disk.
"""

from __future__ import annotations

import logging
import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ckpt_indexer.candidate import Kind
from ckpt_indexer.compat.told import from_row
from ckpt_indexer.discovery.roots import contains
from ckpt_indexer.errors import DatabaseAbsent, StoreError
from ckpt_indexer.ingest.decide import Action, decide
from ckpt_indexer.metadata.naming import raw
from ckpt_indexer.sources.sidecar import derived_from

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.compat.below import Below
    from ckpt_indexer.compat.told import Told
    from ckpt_indexer.settings import Settings
    from ckpt_indexer.store.changes import Known, RootRow
    from ckpt_indexer.store.engine import Session
    from ckpt_indexer.store.known import KnownRows

LOGGER = logging.getLogger(__name__)
_PAGE = 1_000


class Index(NamedTuple):
    """A catalog that can be asked, at one moment."""

    path: str
    version: str
    """Differs after every change to the catalog."""
    roots: dict[bytes, RootRow]
    """Absolute path -> root, of those that were scanned."""

    def current(self, below: Below) -> dict[bytes, Told]:
        """Return what rows that still hold say, by path relative to the root; nothing when the catalog went."""
        root = self.roots.get(below.root)
        if root is None:
            return {}
        try:
            with _known_rows(self.path) as rows:
                ids = _unchanged(rows, root, below)
            return dict(_told(self.path, root, below, ids)) if ids else {}
        except StoreError as error:
            LOGGER.info("the catalog is not used: %s", error.message)
            return {}


def open_index(settings: Settings, directory: str | os.PathLike[str]) -> Index | None:
    """Return the catalog that settings name; None when there is none that can be read and knows this directory."""
    from ckpt_indexer.app.reading import database_path, open_catalog

    path = str(database_path(settings))
    try:
        with closing(open_catalog(settings)) as catalog:
            page = catalog.find(limit=1)
        real = os.path.realpath(os.fsencode(directory))  # bytes, which pathlib refuses
        if not any(contains(raw(root.path), real) for root in page.roots):
            return None
        with _known_rows(path) as rows:
            roots = {root.path: root for root in rows.roots() if root.scanned_at is not None}
    except DatabaseAbsent:
        return None
    except StoreError as error:
        LOGGER.info("the catalog is not used: %s", error.message)
        return None
    return Index(path, f"{page.catalog}:{page.seq}", roots)


@contextmanager
def _known_rows(path: str) -> Iterator[KnownRows]:
    """Give what the catalog holds about files. Raises StoreError."""
    from ckpt_indexer.store.known import KnownRows
    from ckpt_indexer.store.readonly import open_readonly, reading

    with closing(open_readonly(path)) as connection, reading(path):
        yield KnownRows(cast("Session", _ReadOnly(connection)))


class _ReadOnly:
    """The one part of a session that questions need."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # SQLite values
        return self._connection.execute(sql, values).fetchall()


def _unchanged(rows: KnownRows, root: RootRow, below: Below) -> dict[int, Candidate]:
    """Return row id -> candidate of the checkpoints whose rows still hold."""
    known = {row.path: row for row in rows.known_under(root.id, below.start)}
    outdated = _surrounded_otherwise(rows, root, below)
    candidates = {one.path: one for one in below.candidates}
    kept: dict[int, Candidate] = {}
    for candidate in below.candidates:
        row = known.get(candidate.path)
        described = candidate if candidate.kind is not Kind.SYMLINK else candidates.get(candidate.target or b"")
        if row is None or described is None or candidate.path in outdated or described.path in outdated:
            continue
        if _holds(row, candidate, described):
            kept[row.id] = candidate
    return kept


def _holds(row: Known, candidate: Candidate, described: Candidate) -> bool:
    """Tell whether a row still says what reading would. A link's row was derived from what lies around its target."""
    return decide(candidate, row, derived_from(described, row.sidecar_paths)).action is Action.SKIP


def _surrounded_otherwise(rows: KnownRows, root: RootRow, below: Below) -> set[bytes]:
    """Return the paths of rows that were derived from other files around them than there are now."""
    before = rows.surroundings(root.id)
    return {
        row.path
        for directory, now in below.digests.items()
        if before.get(directory, {now}) != {now}
        for row in rows.surrounded_otherwise(root.id, directory, now)
    }


def _told(path: str, root: RootRow, below: Below, ids: dict[int, Candidate]) -> Iterator[tuple[bytes, Told]]:
    from ckpt_indexer.client import connect

    with closing(connect(path)) as catalog:
        cursor: str | None = None
        while True:
            page = catalog.find(_query(root, below), limit=_PAGE, cursor=cursor)
            for row in page:
                candidate = ids.get(row["id"])
                if candidate is not None and row["read_state"] != "pending":
                    yield candidate.path, from_row(row, below.root)
            cursor = page.next
            if cursor is None:
                return


def _query(root: RootRow, below: Below) -> list[str]:
    words = [f"root:{_quoted(root.name)}"]
    try:
        start = below.start.decode("utf-8")
    except UnicodeDecodeError:
        return words
    return [*words, f"path:{_quoted(start + '/')}*"] if start else words


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
