"""What a checkup asks a catalog file. Leaves the directory as it found it: not even a `-wal` or `-shm` is made.

SQLite makes both when it opens a database in WAL mode read-only and they are not there. Where no log waits to be read
the file is therefore opened as immutable (https://www.sqlite.org/uri.html#uriimmutable), and looked at again in the
ordinary way should a writer have begun meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.errors import DatabaseCorrupt, StoreError
from ckpt_indexer.store import checks, readonly
from ckpt_indexer.store.notes import Note, from_values
from ckpt_indexer.store.read_rows import looking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ckpt_indexer.store.read_rows import Look

_STEPS = 100_000
"""SQLite's virtual machine instructions between two looks at the clock."""


class RootKept(NamedTuple):
    """A root as the catalog knows it."""

    name: str
    path: bytes
    device: int | None
    inode: int | None
    state: str
    mode: str
    as_of: str | None
    """When the last complete scan ended; ISO 8601."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a catalog holds, in numbers. Rows are those whose file is present."""

    is_checked: bool
    """The quick check of the pages found nothing; False: it was given up at the deadline."""
    present: int
    size_bytes: int
    read_states: dict[str, int]
    sidecar_states: dict[str, int]
    """State -> rows with a document in that state."""
    without_document: int
    kinds: tuple[tuple[str, int], ...]
    """(kind of problem, rows that have it), the most common first."""
    places: int
    """Problems of paths that are no checkpoints."""
    duplicates: int
    """Rows whose file has the content of another one."""
    duplicate_bytes: int
    roots: tuple[RootKept, ...]
    notes: dict[tuple[bytes, bytes], Note]
    """(absolute root, path) -> what people said."""


def inspect(path: Path, *, deadline_s: float) -> Contents:
    """Return what a catalog holds. The check of its pages is given up after `deadline_s`.

    Raises:
        DatabaseCorrupt: the check found damage.
        StoreError: in all its kinds: it is no catalog of this release's schema, or cannot be read.
    """
    before = _state(path)
    if before is None or not before.is_quiet:
        return _ask(path, deadline_s, None)
    try:
        found = _ask(path, deadline_s, readonly.uri(os.fspath(path), immutable=True))
    except StoreError:
        if _state(path) == before:
            raise
        return _ask(path, deadline_s, None)
    return found if _state(path) == before else _ask(path, deadline_s, None)


class _State(NamedTuple):
    """What would differ had somebody written."""

    size: int
    mtime_ns: int
    waiting: tuple[int, ...]
    """Sizes of the write-ahead log and the rollback journal."""

    @property
    def is_quiet(self) -> bool:
        """Tell whether the file itself holds everything that was committed."""
        return not any(self.waiting)


def _state(path: Path) -> _State | None:
    """Return the state of a file; None when there is none to look at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return _State(found.st_size, found.st_mtime_ns, tuple(_size(path, suffix) for suffix in ("-wal", "-journal")))


def _size(path: Path, suffix: str) -> int:
    try:
        return path.with_name(path.name + suffix).stat().st_size
    except OSError:
        return 0


def _ask(path: Path, deadline_s: float, address: str | None) -> Contents:
    name = os.fspath(path)
    with readonly.reading(name), closing(_connect(name, address)) as connection:
        is_checked = _check_pages(connection, name, deadline_s)
        with looking(connection, name) as look:
            return _contents(look, is_checked=is_checked)


def _connect(name: str, address: str | None) -> sqlite3.Connection:
    """Return a connection at an address, or as everybody else opens the file."""
    if address is None:
        return readonly.open_readonly(name)
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    try:
        readonly.check_version(connection, name)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_pages(connection: sqlite3.Connection, name: str, deadline_s: float) -> bool:
    """Let SQLite check the pages; False when it did not come to an end in time."""
    with _interrupted_after(connection, deadline_s):
        try:
            findings = checks.pages(connection)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            return False
    if findings:
        message = f"{name} is damaged ({findings[0].removeprefix('damaged: ')}); run `ckpt-indexer db rebuild`"
        raise DatabaseCorrupt(message, path=name, findings=tuple(findings))
    return True


@contextmanager
def _interrupted_after(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def _contents(look: Look, *, is_checked: bool) -> Contents:
    whole = look.all("SELECT n, size_bytes FROM facets WHERE field = '' AND metric = ''")
    present, size_bytes = whole[0] if whole else (0, 0)
    sidecars = _facet(look, "sidecar_state")
    duplicates = "FROM checkpoints WHERE duplicate_of IS NOT NULL AND presence = 'present'"
    number, wasted = look.all(f"SELECT count(*), coalesce(sum(size_bytes), 0) {duplicates}")[0]
    return Contents(
        is_checked=is_checked,
        present=present,
        size_bytes=size_bytes,
        read_states={state: n for state, n in _facet(look, "read_state").items() if state is not None},
        sidecar_states={state: n for state, n in sidecars.items() if state is not None},
        without_document=sidecars.get(None, 0),
        kinds=tuple(look.all(_KINDS)),
        places=int(look.one("SELECT count(*) FROM problems WHERE checkpoint_id IS NULL")),
        duplicates=number,
        duplicate_bytes=wasted,
        roots=tuple(RootKept(*values) for values in look.all(_ROOTS)),
        notes=_notes(look),
    )


_KINDS = """SELECT kind, count(*) AS n FROM problems
WHERE checkpoint_id IS NOT NULL GROUP BY kind ORDER BY n DESC, kind"""
_ROOTS = "SELECT name, path_bytes, device, inode, state, mode, scanned_at FROM roots ORDER BY name"

_ANNOTATIONS = "SELECT root_id, path_bytes, content_id, tags, notes, pinned, rewritten, updated_at FROM annotations"


def _facet(look: Look, field: str) -> dict[str | None, int]:
    found = look.all("SELECT value, is_null, n FROM facets WHERE field = ? AND metric = ''", (field,))
    return {None if is_null else value: n for value, is_null, n in found}


def _notes(look: Look) -> dict[tuple[bytes, bytes], Note]:
    roots = dict(look.all("SELECT id, path_bytes FROM roots"))
    found = [from_values(values) for values in look.all(_ANNOTATIONS)]
    return {(roots[root_id], path): note for root_id, path, note in found}
