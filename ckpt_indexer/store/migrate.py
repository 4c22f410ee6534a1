"""Brings a database file to the schema of this release. Alembic is imported only when there is something to do."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ckpt_indexer.errors import DatabaseCorrupt, DatabaseFromFuture, MigrationFailed, StoreError
from ckpt_indexer.store import backups, identity
from ckpt_indexer.store.sqlite_errors import translate_os, translated_sqlite

if TYPE_CHECKING:
    from alembic.config import Config

    from ckpt_indexer.store.options import WriterOptions

HEAD = "0002"
"""The newest revision in `migrations/`; `PRAGMA user_version` holds the same number."""


@dataclass(frozen=True, slots=True)
class Revisions:
    """A folder of revisions, and the newest of them."""

    folder: Path
    head: str


@dataclass(frozen=True, slots=True)
class SchemaState:
    """How a database file relates to this release. `revision` None: there is no database yet."""

    revision: str | None
    head: str
    needs_upgrade: bool
    from_future: bool


def head_revision() -> str:
    """Return the revision this release writes."""
    return HEAD


def script_folder() -> Path:
    """Return the folder of the revisions: inside an installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def released() -> Revisions:
    """Return the revisions this release comes with."""
    return Revisions(script_folder(), HEAD)


def state(path: Path, head: str = HEAD, *, timeout_s: float = 5.0) -> SchemaState:
    """Return the state of a database, reading little and writing nothing.

    Raises:
        DatabaseForeign, DatabaseCorrupt, DatabaseLocked, StoreError: it is none of ours, or cannot be read.
    """
    header = identity.require_ours(path, timeout_s=timeout_s)
    if header is None:
        return SchemaState(None, head, needs_upgrade=True, from_future=False)
    if header.user_version > int(head):
        return SchemaState(f"{header.user_version:04d}", head, needs_upgrade=False, from_future=True)
    revision = _read_revision(path, timeout_s)
    future = not (revision.isdecimal() and int(revision) <= int(head))
    return SchemaState(revision, head, needs_upgrade=revision != head and not future, from_future=future)


def make_ready(path: Path, options: WriterOptions, revisions: Revisions | None = None) -> None:
    """Make the database when there is none, upgrade it when it is old, refuse it when it is not for us.

    Raises:
        StoreError: in all its kinds; the file is as it was.
    """
    revisions = revisions or released()
    found = state(path, revisions.head, timeout_s=options.busy_timeout_s)
    if found.from_future:
        message = (
            f"a newer ckpt-indexer (schema {found.revision}) wrote {path}; upgrade this program, or name another --db"
        )
        raise DatabaseFromFuture(message, path=str(path), revision=found.revision, head=found.head)
    if found.revision is None:
        create(path, options, revisions)
    elif found.needs_upgrade:
        upgrade(path, options, revisions)


def create(path: Path, options: WriterOptions, revisions: Revisions) -> None:
    """Make a new database beside its place and put it there whole: no half-made catalog is ever seen."""
    temporary = identity.beside(path, f".new-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        try:
            _run(temporary, options, revisions)
            if path.exists():  # empty, or `state` would not have called it new
                temporary.replace(path)
            else:
                _put(temporary, path)
        finally:
            for suffix in ("", "-journal"):
                identity.beside(temporary, suffix).unlink(missing_ok=True)
    except OSError as error:
        raise translate_os(error, f"cannot make the catalog {path}", path) from error


def upgrade(path: Path, options: WriterOptions, revisions: Revisions) -> Path:
    """Upgrade an existing database in one transaction, after a backup; return the backup's path.

    Raises:
        MigrationFailed, DatabaseLocked, DatabaseFull, DatabaseCorrupt: the file is as it was.
    """
    patience = options.busy_timeout_s
    old = state(path, revisions.head, timeout_s=patience).revision or "0000"
    backup = backups.make(path, old, now=options.now(), keep=options.backups_kept, timeout_s=patience)
    _run(path, options, revisions)
    return backup


def alembic_config(folder: Path) -> Config:
    """Return Alembic's configuration, made here: no ini file is shipped."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _run(path: Path, options: WriterOptions, revisions: Revisions) -> None:
    """Run the missing revisions in one transaction."""
    from alembic import command
    from alembic.util.exc import CommandError
    from sqlalchemy import event
    from sqlalchemy.exc import SQLAlchemyError

    from ckpt_indexer.store.engine import make_engine, translated

    engine = make_engine(path, busy_timeout_s=options.busy_timeout_s)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    config = alembic_config(revisions.folder)
    try:
        with translated(path), engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revisions.head)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise MigrationFailed(
                    f"upgrading {path} broke {len(broken)} references; nothing was changed", path=str(path)
                )
    except (SQLAlchemyError, CommandError) as error:
        message = f"upgrading {path} to schema {revisions.head} failed and was rolled back: {error}"
        raise MigrationFailed(message, path=str(path)) from error
    finally:
        engine.dispose()


def _put(temporary: Path, path: Path) -> None:
    """Give the new file its name, never replacing one that another process has just made."""
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise StoreError(f"another process has just made {path}; try again", path=str(path)) from error
    except OSError:  # a file system without hard links
        temporary.replace(path)


def _read_revision(path: Path, timeout_s: float) -> str:
    with translated_sqlite(path):
        connection = sqlite3.connect(identity.uri(path, "ro"), uri=True, timeout=timeout_s)
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise DatabaseCorrupt(f"the catalog {path} holds no schema; rebuild it", path=str(path)) from error
            raise
        finally:
            connection.close()
    if found is None:
        raise DatabaseCorrupt(f"the catalog {path} names no schema revision; rebuild it", path=str(path))
    return str(found[0])
