"""One open write transaction: reads the catalog's counters, carries changes out, writes the counters back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ckpt_indexer.store import known, loading, reads, statements
from ckpt_indexer.store.changes import RootChanged
from ckpt_indexer.store.drafts import Batch
from ckpt_indexer.store.flush import Flush
from ckpt_indexer.store.journal import Entry
from ckpt_indexer.store.storable import wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ckpt_indexer.store.changes import Change, RootRow
    from ckpt_indexer.store.engine import Session, Value

_CHUNK = 1000


class Work:
    """What happens between BEGIN and COMMIT. One seq for all of it."""

    def __init__(self, session: Session, *, derivation: int, now: str) -> None:
        self._session = session
        self._derivation = derivation
        self.now = now
        self._meta = dict(cast("list[tuple[str, str]]", session.rows(reads.META)))
        self._next_id = int(self._meta["next_id"])
        self._roots = {root.id: root for root in known.roots(session)}
        self._lowest = int(self._meta["derivation"])
        self._is_visible = False
        self.entries: list[Entry] = []
        """What the journal must hold before this is committed."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry changes out in order."""
        for part in _parts(changes):
            if isinstance(part, RootChanged):
                self._change_root(part)
            else:
                batch = self.batch()
                loading.load(self._session, batch, part)
                for change in part:
                    batch.fold(change)
                self.write(batch)

    def batch(self) -> Batch:
        """Return an empty batch of this transaction."""
        return Batch(self._roots.values(), next_id=self._next_id, derivation=self._derivation, now=self.now)

    def write(self, batch: Batch) -> None:
        """Write a batch's differences."""
        flush = Flush(self._session, batch, seq=self.seq + 1)
        flush.write()
        self._next_id = batch.next_id
        self._lowest = min(self._lowest, batch.lowest_derivation)
        self._is_visible = self._is_visible or flush.is_visible
        self.entries += [Entry(self._roots[root_id].path, path, note, self.now) for (root_id, path), note in flush.said]

    def add_root(self, name: str, shown: str, path: bytes) -> RootRow:
        """Add a root under a free name."""
        self._session.run(statements.INSERT_ROOT, (name, shown, path, "present", "manual"))
        self._is_visible = True
        return next(root for root in known.roots(self._session) if root.path == path)

    def forget_root(self, root_id: int) -> int:
        """Delete a root and everything that hangs on it; return how many rows it had."""
        count = 0
        while ids := [cast("int", row[0]) for row in self._session.rows(reads.IDS_IN_ROOT, (root_id, _CHUNK))]:
            self.delete(ids)
            count += len(ids)
        for statement in statements.DELETE_ROOT:
            self._session.run(statement, (root_id,))
        del self._roots[root_id]
        self._is_visible = True
        return count

    def delete(self, ids: Sequence[int]) -> None:
        """Delete rows; notes on their paths stay."""
        batch = self.batch()
        loading.adopt_rows(self._session, batch, "id", ids)
        for draft in batch.drafts:
            draft.after = None
        self.write(batch)

    @property
    def seq(self) -> int:
        """The seq before this transaction."""
        return int(self._meta["seq"])

    def set_derivation(self, derivation: int) -> None:
        """Note that no row that could be made anew was made with an older derivation."""
        self._lowest = derivation

    def close(self) -> int:
        """Write the counters; return the seq that holds after the commit."""
        seq = self.seq + 1 if self._is_visible else self.seq
        new = {"seq": str(seq), "next_id": str(self._next_id), "derivation": str(self._lowest)}
        rows = [(key, value) for key, value in new.items() if self._meta[key] != value]
        self._session.many(statements.SET_META, rows)
        return seq

    def _change_root(self, change: RootChanged) -> None:
        root = self._roots.get(change.root_id)
        if root is None:
            return
        new: dict[str, Value] = {}
        for column in ("device", "inode", "state", "mode", "scanned_at"):
            value = getattr(change, column)
            if value is not None and value != getattr(root, column):
                new[column] = wrap(value) if column in ("device", "inode") else value
        if new:
            self._session.run(statements.update_root(tuple(new)), (*new.values(), root.id))
            self._is_visible = self._is_visible or not new.keys().isdisjoint(("state", "mode"))
            self._roots = {found.id: found for found in known.roots(self._session)}
        if change.state == "unreachable":
            self._session.run(statements.FORGET_DIGESTS, (root.id,))


def _parts(changes: Sequence[Change]) -> Iterator[RootChanged | list[Change]]:
    """Yield runs of changes of rows, and changes of roots alone: those concern rows of the runs before them."""
    run: list[Change] = []
    for change in changes:
        if isinstance(change, RootChanged):
            if run:
                yield run
                run = []
            yield change
        else:
            run.append(change)
    if run:
        yield run
