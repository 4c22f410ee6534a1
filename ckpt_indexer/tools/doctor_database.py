"""Is the catalog's file there, ours, sound, safe and with room to grow? Verdicts of gathered values; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.errors import DatabaseAbsent, DatabaseCorrupt, DatabaseForeign, DatabaseFromFuture, StoreError
from ckpt_indexer.tools.doctor import Check, count, failed, fine, size, skipped, warning

if TYPE_CHECKING:
    from ckpt_indexer.store.read_checkup import Contents

LARGE_WAL = 256 << 20
"""The writer cuts its log back to 16 MiB; a larger one waits for a reader that never ends."""
LITTLE_SPACE, NO_SPACE = 512 << 20, 32 << 20


class FileSeen(NamedTuple):
    """A file beside the database, or the database itself."""

    name: str
    size_bytes: int
    mode: int
    """Permission bits."""


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """What was found at the catalog's place."""

    path: str
    files: tuple[FileSeen, ...] = ()
    """The database first, when it is there, then what belongs to it."""
    is_writable: bool = True
    filesystem: str = ""
    is_network: bool = False
    free_bytes: int | None = None
    error: StoreError | None = None
    """Why there are no contents."""
    contents: Contents | None = None

    def size_of(self, suffix: str = "") -> int | None:
        """Return the size of the database, or of its companion; None when it is not there."""
        base = self.path.rpartition("/")[2]
        return next((file.size_bytes for file in self.files if file.name == base + suffix), None)


def checks(seen: DatabaseSeen, schema: int) -> list[Check]:
    """Return all checks of the file. `schema` is the version this release reads and writes."""
    return [
        _file(seen),
        _schema(seen, schema),
        _integrity(seen),
        _permissions(seen),
        _place(seen),
        _space(seen),
        _wal(seen),
        _leftovers(seen),
    ]


def _file(seen: DatabaseSeen) -> Check:
    name, facts = "database.file", {"path": seen.path, "size_bytes": seen.size_of()}
    match seen.error:
        case DatabaseAbsent():
            return failed(
                name, f"there is no catalog at {seen.path}", "run `ckpt-indexer scan DIR` to make one", **facts
            )
        case DatabaseForeign():
            message = f"{seen.path} is no catalog of ckpt-indexer"
            return failed(name, message, "name another file with --db, CKPT_INDEXER_DB or catalog.db", **facts)
    if seen.size_of() is None:
        return failed(name, f"{seen.path} cannot be looked at", "check the permissions of its directory", **facts)
    return fine(name, f"{seen.path}, {size(seen.size_of() or 0)}", **facts)


def _schema(seen: DatabaseSeen, schema: int) -> Check:
    name = "database.schema"
    if seen.contents is not None:
        return fine(name, f"schema {schema}, that of this release", version=schema, expected=schema)
    version = None if seen.error is None else seen.error.details.get("version")
    facts = {"version": version, "expected": schema}
    if isinstance(seen.error, DatabaseFromFuture):
        return failed(name, f"a newer release wrote it: schema {version}", "install the newer release", **facts)
    if version is not None:
        message = f"it has the older schema {version}; this release reads {schema}"
        return failed(name, message, "run `ckpt-indexer db upgrade` (scan and serve do so by themselves)", **facts)
    return skipped(name, _why_not(seen), **facts)


def _integrity(seen: DatabaseSeen) -> Check:
    name = "database.integrity"
    if isinstance(seen.error, DatabaseCorrupt):
        fix = "run `ckpt-indexer db rebuild`: it reads the disk anew and replays the annotations"
        return failed(name, seen.error.message, fix, findings=list(_findings(seen.error)))
    if seen.contents is None:
        if seen.error is not None and "version" not in seen.error.details and seen.size_of():
            fix = "see what holds or hides it; `ckpt-indexer db check` asks again"
            return failed(name, f"it cannot be read: {seen.error.message}", fix)
        return skipped(name, _why_not(seen))
    if not seen.contents.is_checked:
        return skipped(name, "too large to be checked here; `ckpt-indexer db check` takes its time")
    return fine(name, "SQLite's quick check finds nothing wrong")


def _findings(error: StoreError) -> tuple[str, ...]:
    found = error.details.get("findings")
    return found if isinstance(found, tuple) else ()


def _permissions(seen: DatabaseSeen) -> Check:
    name = "database.permissions"
    if not seen.files:
        return skipped(name, "there is no file")
    facts = {file.name: f"{file.mode:04o}" for file in seen.files}
    if not seen.is_writable:
        message = f"{seen.path} or its directory cannot be written by this user"
        return warning(name, message, "scan and serve need to write both; reading goes on", modes=facts)
    open_ones = [file for file in seen.files if file.mode & 0o077]
    if open_ones:
        shown = ", ".join(f"{file.name} ({file.mode:04o})" for file in open_ones)
        fix = f"chmod 600 {' '.join(file.name for file in open_ones)}"
        return warning(name, f"other users may open {shown}", fix, modes=facts)
    return fine(name, "only its owner may open it and what belongs to it", modes=facts)


def _place(seen: DatabaseSeen) -> Check:
    name, facts = "database.disk", {"filesystem": seen.filesystem or None}
    if seen.is_network:
        message = f"it would lie on {seen.filesystem}, a network file system, where SQLite loses data"
        return failed(name, message, "name a local file with --db, CKPT_INDEXER_DB or catalog.db", **facts)
    return fine(name, f"on a local disk ({seen.filesystem})" if seen.filesystem else "on a local disk", **facts)


def _space(seen: DatabaseSeen) -> Check:
    name, free = "database.space", seen.free_bytes
    if free is None:
        return skipped(name, "the file system does not say how much room there is")
    needed = max(LITTLE_SPACE, 2 * (seen.size_of() or 0))
    facts = {"free_bytes": free, "wanted_bytes": needed}
    if free < NO_SPACE:
        return failed(name, f"the disk is full: {size(free)} left", "make room; nothing new can be indexed", **facts)
    if free < needed:
        fix = "make room: an upgrade or a rebuild writes a copy of the catalog"
        return warning(name, f"little room: {size(free)} left, {size(needed)} wanted", fix, **facts)
    return fine(name, f"{size(free)} free", **facts)


def _wal(seen: DatabaseSeen) -> Check:
    name, waiting = "database.wal", seen.size_of("-wal")
    if seen.size_of() is None:
        return skipped(name, "there is no database")
    facts = {"size_bytes": waiting or 0}
    if waiting is not None and waiting > LARGE_WAL:
        fix = "end programs that keep a read transaction open; restart the daemon, or run `ckpt-indexer scan`"
        return warning(name, f"the write-ahead log has grown to {size(waiting)}", fix, **facts)
    return fine(name, f"write-ahead log of {size(waiting)}" if waiting else "no write-ahead log is waiting", **facts)


def _leftovers(seen: DatabaseSeen) -> Check:
    name, base = "database.leftovers", seen.path.rpartition("/")[2]
    aside = [file for file in seen.files if file.name.startswith(f"{base}.corrupt-")]
    if aside:
        total = sum(file.size_bytes for file in aside)
        message = f"{count(len(aside), 'file')} of a damaged catalog that was moved aside, {size(total)}"
        fix = f"look why (a full or failing disk?), then delete {base}.corrupt-*"
        return warning(name, message, fix, files=[file.name for file in aside], size_bytes=total)
    return fine(name, "no damaged catalog was moved aside")


def _why_not(seen: DatabaseSeen) -> str:
    if isinstance(seen.error, DatabaseAbsent | DatabaseForeign) or seen.size_of() is None:
        return "there is no catalog to look at"
    if seen.error is not None and "version" in seen.error.details:
        return "its schema is not that of this release"
    return "the catalog cannot be read"
