"""What the catalog holds about files, for the writer's thread to compare with the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ckpt_indexer.store import reads
from ckpt_indexer.store.changes import RootRow
from ckpt_indexer.store.loading import select_in
from ckpt_indexer.store.mapping import known_from
from ckpt_indexer.store.storable import unwrap, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ckpt_indexer.store.changes import Known
    from ckpt_indexer.store.engine import Session, Values

_PAGE = 1000
_FEW = 8


def roots(session: Session) -> list[RootRow]:
    """Return the watched roots in the order they were added."""
    return [_root(values) for values in session.rows(reads.ROOTS)]


class KnownRows:
    """Questions the writer's thread asks before it decides. No answer holds a read transaction open."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def roots(self) -> list[RootRow]:
        """Return the watched roots in the order they were added."""
        return roots(self._session)

    def known_at(self, root_id: int, path: bytes) -> Known | None:
        """Return the row at a path, None when there is none."""
        found = self._known(reads.KNOWN_AT, (root_id, path))
        return found[0] if found else None

    def known_in(self, root_id: int, directory: bytes) -> dict[bytes, Known]:
        """Return the rows directly in a directory, by file name."""
        found = self._known(reads.KNOWN_IN, (root_id, directory))
        return {known.path.rpartition(b"/")[2]: known for known in found}

    def known_under(self, root_id: int, prefix: bytes) -> Iterator[Known]:
        """Yield the row at a path and all below it, page by page in path order; every row of the root for b""."""
        if prefix:
            yield from self._known(reads.KNOWN_AT, (root_id, prefix))
        after, before = (prefix + b"/", prefix + b"0") if prefix else (b"", None)  # "0" follows "/"
        while True:
            if before is None:
                page = self._known(reads.KNOWN_AFTER, (root_id, after, _PAGE))
            else:
                page = self._known(reads.KNOWN_BETWEEN, (root_id, after, before, _PAGE))
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].path

    def known_by_inode(self, device: int, inode: int) -> list[Known]:
        """Return the rows last seen with this device and inode, whatever their presence."""
        return self.known_by_inodes([(device, inode)]).get((device, inode), [])

    def known_by_inodes(self, inodes: Iterable[tuple[int, int]]) -> dict[tuple[int, int], list[Known]]:
        """Return the rows of many (device, inode) pairs; pairs without rows are left out."""
        wanted = set(inodes)
        found: dict[tuple[int, int], list[Known]] = {}
        numbers = dict.fromkeys(wrap(inode) for _, inode in wanted)
        rows = select_in(self._session, lambda count: reads.known_where("inode", count), (), numbers)
        for known in self._with_inputs(list(rows)):
            pair = known.fingerprint[:2]
            if pair in wanted:
                found.setdefault(pair, []).append(known)
        return found

    def known_by_id(self, row_id: int) -> Known | None:
        """Return the row with this id."""
        found = self._known(reads.known_where("id", 1), (row_id,))
        return found[0] if found else None

    def known_pending(self) -> list[Known]:
        """Return the present rows that still wait for their description."""
        return self._known(reads.KNOWN_PENDING)

    def rows_from_input(self, root_id: int, path: bytes) -> list[Known]:
        """Return the rows derived from a file, or for which it was looked for in vain."""
        return self._known(reads.FROM_INPUT, (path, root_id))

    def aliases_of(self, row_id: int) -> list[Known]:
        """Return the rows that are symlinks or hard links to the file of this row."""
        rows = select_in(self._session, lambda count: reads.known_where("alias_of", count), (), [row_id])
        return self._with_inputs(list(rows))

    def unread(self, after: int, limit: int) -> list[Known]:
        """Return described, present rows whose headers wait for idle time, from ids above `after`, lowest first."""
        return self._known(reads.UNREAD, (after, limit))

    def known_by_content(self, content_id: str) -> Iterator[Known]:
        """Yield the rows whose files had this content, whatever their presence, in id order, a few at a time."""
        after = 0
        while page := self._known(reads.WITH_CONTENT_AFTER, (content_id, after, _FEW)):
            yield from page
            after = page[-1].id

    def known_by_wandb_run(self, run_id: str) -> list[Known]:
        """Return the rows of one W&B run for which its server was asked, in id order."""
        return self._known(reads.OF_WANDB_RUN, (run_id,))

    def surroundings(self, root_id: int, below: bytes = b"") -> dict[bytes, set[bytes]]:
        """Return directory -> the digests of their surroundings that rows in it were derived from, at or below one."""
        if below:
            return self._digests_of(reads.SURROUNDINGS_BELOW, (root_id, root_id, *reads.scope(below)))
        return self._digests_of(reads.SURROUNDINGS, (root_id,))

    def surroundings_of(self, root_id: int, directory: bytes) -> dict[bytes, set[bytes]]:
        """Return the same for that directory alone."""
        return self._digests_of(reads.SURROUNDINGS_OF, (root_id, root_id, directory))

    def _digests_of(self, sql: str, values: Values) -> dict[bytes, set[bytes]]:
        found: dict[bytes, set[bytes]] = {}
        for path, digest in cast("list[tuple[bytes, bytes]]", self._session.rows(sql, values)):
            found.setdefault(path, set()).add(digest)
        return found

    def surrounded_otherwise(self, root_id: int, directory: bytes, digest: bytes) -> list[Known]:
        """Return the present rows directly in a directory that were derived from other surroundings than these."""
        return self._known(reads.SURROUNDED_BY, (root_id, root_id, directory, digest))

    def digest_of(self, root_id: int, directory: bytes) -> bytes | None:
        """Return the digest of the listing whose rows are all up to date; None when there is none."""
        found = self._session.rows(reads.DIGEST_OF, (root_id, directory))
        return cast("bytes | None", found[0][0]) if found else None

    def digests(self, root_id: int) -> dict[bytes, bytes]:
        """Return every digest of a root, by directory."""
        return dict(cast("list[tuple[bytes, bytes]]", self._session.rows(reads.DIGESTS, (root_id,))))

    def directories(self, root_id: int, below: bytes = b"") -> dict[bytes, bytes | None]:
        """Return every directory at or below one that has, or had, rows; with its digest, None where it must be
        compared."""
        sql = reads.DIRECTORIES_BELOW if below else reads.DIRECTORIES
        found = self._session.rows(sql, (root_id, *(reads.scope(below) if below else ())))
        return dict(cast("list[tuple[bytes, bytes | None]]", found))

    def count_states(self, root_id: int, prefix: bytes = b"") -> dict[str, int]:
        """Return how many present rows at or below a path are in each read state."""
        values = (root_id, *(reads.scope(prefix) if prefix else ()))
        sql = reads.STATES_BELOW if prefix else reads.STATES
        return dict(cast("list[tuple[str, int]]", self._session.rows(sql, values)))

    def stale_places(self, root_id: int, before: str) -> list[bytes]:
        """Return the paths, checkpoint rows apart, with a problem last seen before a time."""
        return [cast("bytes", path) for (path,) in self._session.rows(reads.STALE_PLACES, (root_id, before))]

    def present_ids(self, root_id: int, after: int, limit: int) -> list[int]:
        """Return the ids of present rows of a root above `after`, lowest first."""
        found = self._session.rows(reads.PRESENT_IDS, (root_id, after, limit))
        return [cast("int", row_id) for (row_id,) in found]

    def is_empty(self, root_id: int) -> bool:
        """Tell whether a root has no row, whatever its presence."""
        return not self._session.rows(reads.ANY_IN_ROOT, (root_id,))[0][0]

    def _known(self, sql: str, values: Values = ()) -> list[Known]:
        return self._with_inputs(self._session.rows(sql, values))

    def _with_inputs(self, rows: Sequence[Values]) -> list[Known]:
        inputs: dict[Any, list[Any]] = {}  # values as the driver gives them
        for row_id, *stamp in select_in(self._session, reads.inputs_of, (), [row[0] for row in rows]):
            inputs.setdefault(row_id, []).append(tuple(stamp))
        return [known_from(row, inputs.get(row[0], ())) for row in rows]


def _root(values: Any) -> RootRow:  # noqa: ANN401  # a tuple as the driver gives it
    row_id, name, path, device, inode, state, mode, scanned_at = values
    identity = (None if device is None else unwrap(device), None if inode is None else unwrap(inode))
    return RootRow(row_id, name, path, *identity, state, mode, scanned_at)
