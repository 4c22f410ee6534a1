"""The one writer of a catalog: carries changes out, answers what the writer's thread must know. One thread, one
connection; everything that reads for people goes through `queries` on connections of its own."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, cast

from ckpt_indexer.errors import CheckpointNotFound, StoreError
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.store import identity, loading, migrate, notes, reads, statements
from ckpt_indexer.store.engine import Session
from ckpt_indexer.store.journal import Entry, Journal
from ckpt_indexer.store.known import KnownRows
from ckpt_indexer.store.options import WriterOptions
from ckpt_indexer.store.storable import text, when
from ckpt_indexer.store.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ckpt_indexer.store.changes import Change, Known, RootRow
    from ckpt_indexer.store.notes import Edit, Note

_FORGET_CHUNK = 1000


def open_writer(path: Path, *, options: WriterOptions | None = None) -> Writer:
    """Open a catalog for writing; make it when absent, upgrade it when an older release made it.

    Raises:
        DatabaseForeign: the file is no catalog of ours; it is left untouched.
        DatabaseFromFuture: a newer release wrote it; it is left untouched.
        DatabaseCorrupt, DatabaseLocked, DatabaseFull, MigrationFailed, StoreError: it cannot be used now.
    """
    options = options or WriterOptions()
    if options.is_network(path):
        message = f"{path} lies on a network file system, where SQLite loses data; name a local one with --db"
        raise StoreError(message, path=str(path))
    identity.require_writable(path)
    migrate.make_ready(path, options)
    key = identity.file_key(path)
    session = Session.open(path, options)
    try:
        return Writer(session, options, key)
    except BaseException:
        session.close()
        raise


class Writer(KnownRows):
    """Every batch of changes is one transaction: all of it or nothing. Not for use by two threads at once."""

    def __init__(self, session: Session, options: WriterOptions, file_key: tuple[int, int] | None) -> None:
        """Take over an open session; `open_writer` is the way to get one."""
        super().__init__(session)
        self._options = options
        self._file_key = file_key
        meta = self._found()
        self.catalog_id = meta["catalog_id"]
        """Random id of this catalog: with `seq` it names a state of it."""
        self._seq = int(meta["seq"])
        self._journal = Journal(session.path, self.catalog_id)
        if not identity.has_journal(session.path):
            self._journal.append(self._all_notes())

    @property
    def path(self) -> Path:
        """The database file."""
        return self._session.path

    @property
    def seq(self) -> int:
        """The number of the last transaction that changed something an answer shows."""
        return self._seq

    def apply(self, changes: Sequence[Change]) -> int:
        """Carry changes out in order, in one transaction; return the seq that holds then.

        Raises:
            StoreError: nothing was written.
        """
        if changes:
            with self._work() as work:
                work.apply(changes)
        return self._seq

    def add_root(self, path: bytes, name: str | None = None) -> RootRow:
        """Return the root at an absolute path, added when it is new. A taken name gets `-2`, `-3` and so on."""
        with self._work() as work:
            roots = self.roots()
            for root in roots:
                if root.path == path:
                    return root
            shown = display(path)
            wanted = text(name) or shown.rstrip("/").rpartition("/")[2] or "root"
            taken = {root.name for root in roots}
            names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(roots) + 2))
            return work.add_root(next(free for free in names if free not in taken), shown, path)

    def forget_root(self, root_id: int) -> int:
        """Delete a root with its rows; return how many. What people said about its files stays in the journal, for the
        day the root is added again."""
        with self._work() as work:
            return work.forget_root(root_id)

    def annotate(self, root_id: int, path: bytes, edit: Edit) -> int:
        """Change what people said about a file: in its row, in `annotations` and, first, in the journal.

        Raises:
            CheckpointNotFound: no row lies there.
        """
        with self._work() as work:
            batch = work.batch()
            loading.adopt_places(self._session, batch, [(root_id, path)])
            if not batch.annotate((root_id, path), edit):
                raise CheckpointNotFound(f"no checkpoint at {display(path)}", path=display(path))
            work.write(batch)
        return self._seq

    def restore(self, said: dict[tuple[int, bytes], Note]) -> int:
        """Put notes of a journal on their places, without writing them to the journal again."""
        with self._work(journal=False) as work:
            batch = work.batch()
            loading.adopt_places(self._session, batch, list(said))
            for place, note in said.items():
                batch.restore(place, note)
            work.write(batch)
        return self._seq

    def keep_wandb_answer(self, run: str, answer: str, fetched_at: float, *, final: bool) -> None:
        """Keep what the W&B server said about a run, as JSON text; `fetched_at` in seconds since 1970."""
        with self._session.transaction():
            self._session.run(statements.SET_WANDB_ANSWER, (run, answer, fetched_at, int(final)))

    def outdated(self, derivation: int, limit: int) -> list[Known]:
        """Return present, described rows made with an older derivation, at most `limit`, lowest id first."""
        meta = dict(cast("list[tuple[str, str]]", self._session.rows(reads.META)))
        if int(meta["derivation"]) >= derivation:
            return []
        found = self._known(reads.OUTDATED, (derivation, limit))
        if not found and derivation <= self._options.derivation:
            with self._work() as work:
                if not self._session.rows(reads.OUTDATED, (derivation, 1)):
                    work.set_derivation(derivation)
        return found

    def forget_missing(self, before: str) -> int:
        """Delete the rows missing since before a time; return how many."""
        count = 0
        with self._work() as work:
            while True:
                ids = [cast("int", row[0]) for row in self._session.rows(reads.LONG_MISSING, (before, _FORGET_CHUNK))]
                if not ids:
                    return count
                work.delete(ids)
                count += len(ids)

    def is_current(self) -> bool:
        """Tell whether the path still names the open file; SQLite goes on writing into a deleted one in silence."""
        return self._file_key is not None and identity.file_key(self.path) == self._file_key

    def checkpoint_wal(self) -> bool:
        """Move the write-ahead log into the database and empty it; False when a reader is in the way."""
        busy, *_ = self._session.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        return busy == 0

    def shrink(self) -> None:
        """Free the memory that holds pages of the database (https://www.sqlite.org/pragma.html#pragma_shrink_memory)."""
        self._session.rows("PRAGMA shrink_memory")

    def close(self) -> None:
        """Let go of the file; the last connection to close empties the write-ahead log."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _work(self, *, journal: bool = True) -> Iterator[Work]:
        """Give one transaction; the journal is on disk before it commits."""
        seq = self._seq
        with self._session.transaction():
            work = Work(self._session, derivation=self._options.derivation, now=when(self._options.now()))
            yield work
            seq = work.close()
            if journal and work.entries:
                self._journal.append(work.entries)
        self._seq = seq

    def _found(self) -> dict[str, str]:
        """Return the catalog's counters, written when it is new."""
        meta = dict(cast("list[tuple[str, str]]", self._session.rows(reads.META)))
        if meta:
            return meta
        with self._session.transaction():
            new = {
                "catalog_id": secrets.token_hex(8),
                "created_at": when(self._options.now()),
                "derivation": str(self._options.derivation),
                "next_id": "1",
                "seq": "0",
            }
            self._session.many(statements.SET_META, list(new.items()))
        return new

    def _all_notes(self) -> list[Entry]:
        roots = {root.id: root.path for root in self.roots()}
        found = [notes.from_values(values) for values in self._session.rows(reads.ALL_ANNOTATIONS)]
        return [Entry(roots[root_id], path, note, note.updated_at) for root_id, path, note in found]
