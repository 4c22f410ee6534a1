"""A catalog file on this machine, read with the standard library: one read-only connection per thread."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ckpt_indexer.errors import StoreError
from ckpt_indexer.store import queries
from ckpt_indexer.store.read_rows import looking
from ckpt_indexer.store.readonly import open_at, reading

if TYPE_CHECKING:
    import sqlite3
    from array import array
    from collections.abc import Hashable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from ckpt_indexer.catalog.protocol import Ref
    from ckpt_indexer.catalog.views import Page, Row
    from ckpt_indexer.store.read_rows import Look

_Identity = tuple[int, int]


class _Handle:
    """One thread's connection, and which file it belongs to. Closes with its thread."""

    def __init__(self, connection: sqlite3.Connection, identity: _Identity | None, *, frozen: bool) -> None:
        self.connection = connection
        self.frozen = frozen
        """Opened where SQLite cannot follow changes: good for one question."""
        self.identity = identity
        """(device, inode) of the file; None when it could not be asked."""
        self._process = os.getpid()

    def serves(self, identity: _Identity | None) -> bool:
        """Tell whether the connection may answer questions to that file in this process."""
        return not self.frozen and self.identity == identity and self._process == os.getpid()

    def close(self) -> None:
        """Close the connection, unless it was inherited from a parent process, whose locks it holds."""
        if self._process == os.getpid():
            self.connection.close()

    def __del__(self) -> None:
        self.close()


class LocalCatalog:
    """Answers from the file as it is now: a file put in its place (`db rebuild`) is noticed at the next question.

    Safe to share between threads. Never creates, migrates or writes anything.
    """

    def __init__(self, path: str | os.PathLike[str], *, directions: Mapping[str, str] | None = None) -> None:
        """Open the catalog. `directions` (metric -> `min` or `max`) win over what documents say, as the setting does.

        Raises:
            StoreError: `DatabaseAbsent` and its siblings, when the file is no catalog this release can read.
        """
        self.path = os.path.abspath(os.fsdecode(path))  # pathlib is slow to import
        self._directions = dict(directions or {})
        self._threads = threading.local()
        self._handles: WeakSet[_Handle] = WeakSet()
        self._opened = count()
        """Numbers of the connections: each sees its own count of commits."""
        self._closed = False
        self._connection()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. Pages and rows stay usable."""
        self._closed = True
        for handle in list(self._handles):
            handle.close()

    def version(self) -> int:
        """Return the current seq."""
        with self._look() as look:
            return look.seq

    def stamp(self) -> Hashable:
        """Return something that differs after every commit a question of this thread could see; cheaper than `version`.
        Raises StoreError."""
        connection = self._connection()
        handle: _Handle = self._threads.handle
        with reading(self.path):
            return self._threads.number, handle.identity, connection.execute("PRAGMA data_version").fetchone()[0]

    def find(
        self, query: str | Sequence[str] = "", *, sort: str | None = None, limit: int | None = None,
        cursor: str | None = None,
    ) -> Page:  # fmt: skip
        """Return matching rows by path, or as the query or `sort` says. Raises InvalidFilter, InvalidCursor."""
        with self._look() as look:
            return queries.find(look, query, sort=sort, limit=limit, cursor=cursor)

    def count(self, query: str | Sequence[str] = "") -> int:
        """Return how many rows `find` gives. Raises InvalidFilter."""
        with self._look() as look:
            return queries.count(look, query)

    def ordered_ids(self, query: str | Sequence[str] = "", *, sort: str | None = None) -> array[int]:
        """Return the ids of all matching rows in the order of `find`, 8 bytes each: for a table that jumps anywhere.

        Raises InvalidFilter.
        """
        with self._look() as look:
            return queries.ordered_ids(look, query, sort=sort)

    def rows_of(self, ids: Sequence[int]) -> Page:
        """Return the rows with these ids, at most 1,000, in their order; what is gone is left out."""
        with self._look() as look:
            return queries.rows_of(look, ids)

    def get(self, ref: Ref) -> Row:
        """Return one checkpoint by id, path (relative, ROOT:path, absolute, or its unique end) or query.

        Raises CheckpointNotFound, InvalidFilter.
        """
        with self._look() as look:
            return queries.get(look, ref)

    def best(
        self, metric: str = "hmean", by: str = "backbone", query: str | Sequence[str] = "", *, k: int = 1,
        mode: str | None = None,
    ) -> Page:  # fmt: skip
        """Return the best `k` rows of each group, best group first, the unknown group last. Raises InvalidFilter."""
        with self._look() as look:
            return queries.best(look, metric, by, query, k=k, mode=mode or self._directions.get(metric))

    def compare(self, refs: Sequence[Ref]) -> Mapping[str, Any]:
        """Return {rows, fields: {field: [value per row]}} of the fields in which the checkpoints differ."""
        with self._look() as look:
            return queries.compare(look, refs)

    def experiments(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        """Return {name, count, size_bytes, best, best_epoch, best_id, last_epoch, newest} of each experiment."""
        with self._look() as look:
            return queries.experiments(look, query)

    def curve(self, experiment: str, metric: str = "hmean") -> Sequence[Mapping[str, Any]]:
        """Return {epoch, global_step, value, id, path} of one metric over the checkpoints of an experiment."""
        with self._look() as look:
            return queries.curve(look, experiment, metric)

    def facets(self, fields: Sequence[str] = ()) -> Mapping[str, Mapping[str | None, int]]:
        """Return how many present checkpoints each value of each field has. Raises InvalidFilter."""
        with self._look() as look:
            return queries.facets(look, fields)

    def disk(self, by: Sequence[str] = ("experiment",)) -> Sequence[Mapping[str, Any]]:
        """Return {field: value..., count, size_bytes} of present checkpoints, largest first. Raises InvalidFilter."""
        with self._look() as look:
            return queries.disk(look, by)

    def stats(self) -> Mapping[str, Any]:
        """Return totals: checkpoints by presence and read state, bytes, experiments, metric names, roots."""
        with self._look() as look:
            return queries.stats(look)

    def problems(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        """Return {path, root, kind, message, first_seen, last_seen, count, checkpoint_id} of every open problem."""
        with self._look() as look:
            return queries.problems(look, query)

    def changes_since(self, seq: int, *, limit: int | None = None) -> Page:
        """Return rows changed after `seq`, oldest change first, whatever their presence."""
        with self._look() as look:
            return queries.changes_since(look, seq, limit)

    def options(self, query: str | Sequence[str] = "") -> Sequence[Mapping[str, Any]]:
        """Return {value, label, path, config_path} for a dropdown: id, one line of text, absolute paths."""
        with self._look() as look:
            return queries.options(look, query)

    @contextmanager
    def _look(self) -> Iterator[Look]:
        with looking(self._connection(), self.path) as look:
            yield look

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection to the file that lies at the path now."""
        if self._closed:
            raise StoreError(f"the catalog {self.path} was closed", path=self.path)
        handle: _Handle | None = getattr(self._threads, "handle", None)
        identity = self._identity()
        if handle is not None and handle.serves(identity):
            return handle.connection
        if handle is not None:
            handle.close()
        connection, address = open_at(self.path)
        fresh = _Handle(connection, identity, frozen=address.endswith("immutable=1"))
        self._threads.handle, self._threads.number = fresh, next(self._opened)
        self._handles.add(fresh)
        return fresh.connection

    def _identity(self) -> _Identity | None:
        try:
            found = os.stat(self.path)  # pathlib is slow to import
        except OSError:
            return None
        return found.st_dev, found.st_ino
