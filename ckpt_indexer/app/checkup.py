"""`doctor`: looks at the installation and the catalog, changes nothing, and says what to do about what it finds."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckpt_indexer import __version__
from ckpt_indexer.errors import CkptIndexerError, SettingsError, StoreError
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.tools import (
    doctor_annotations,
    doctor_catalog,
    doctor_child,
    doctor_database,
    doctor_installation,
    doctor_machine,
    doctor_settings,
    doctor_watching,
)
from ckpt_indexer.tools.doctor import Check, Checkup, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from ckpt_indexer.settings import Settings
    from ckpt_indexer.store.journal import Contents as Journal
    from ckpt_indexer.store.read_checkup import RootKept
    from ckpt_indexer.tools.doctor_database import DatabaseSeen
    from ckpt_indexer.tools.doctor_watching import DaemonSeen, RootSeen

QUICK_CHECK_S = 30.0
"""What SQLite may take to look at all pages; `db check` takes as long as it needs."""
HEALTH_S = 5.0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What surrounds one invocation."""

    settings: Callable[[], Settings]
    """Reads them; raises SettingsError."""
    now: Callable[[], datetime]
    config: str | None = None
    """The settings file named on the command line."""
    cwd: Path | None = None
    """None: the process's own."""
    environ: Mapping[str, str] | None = None
    """None: the process's own."""


def doctor(circumstances: Circumstances) -> Checkup:
    """Return all checks. What is missing or broken is a check with a fix, never an error; nothing is written."""
    started = time.monotonic()
    environ = os.environ if circumstances.environ is None else circumstances.environ
    settings, checks = _settings(circumstances, environ)
    installation = [*_installation(), doctor_child.judge(doctor_child.try_child())]
    if settings is None:
        checks += [skipped("database.file", "the settings say where it is, and they cannot be read")]
    else:
        checks += _extras(settings, environ) + _catalog(settings, circumstances.now())
    return Checkup(__version__, (*installation, *checks), time.monotonic() - started)


def _installation() -> list[Check]:
    judge, machine = doctor_installation, doctor_machine
    return [
        judge.python(tuple(sys.version_info[:3])),
        judge.sqlite(sqlite3.sqlite_version, has_json=machine.has_json()),
        judge.dependencies(machine.required()),
    ]


def _settings(circumstances: Circumstances, environ: Mapping[str, str]) -> tuple[Settings | None, list[Check]]:
    from ckpt_indexer.settings.load import DB_VARIABLE, ENVIRONMENT_PREFIX, settings_files, working_directory

    settings: Settings | None = None
    files: list[Path] = []
    trouble: str | None = None
    try:
        files = settings_files(circumstances.config, cwd=circumstances.cwd or working_directory())
        settings = circumstances.settings()
    except SettingsError as error:
        trouble = error.message
    origins = {} if settings is None else settings.origins
    known = frozenset({DB_VARIABLE})
    return settings, [
        doctor_settings.files([os.fspath(file) for file in files], trouble, origins),
        doctor_settings.variables(environ, prefix=ENVIRONMENT_PREFIX, known=known),
    ]


def _extras(settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    judge, machine = doctor_installation, doctor_machine
    wanted = settings.wandb
    key = machine.wandb_key(environ, wanted.base_url) if wanted.enabled else None
    return [
        judge.torch(machine.optional("torch"), settings.readers.torch),
        judge.wandb(judge.WandbSeen(machine.optional("wandb"), wanted.enabled, wanted.project, key)),
        judge.training_side(machine.optional("lightning"), "to write documents from Lightning trainings"),
        judge.training_side(machine.optional("transformers"), "to write documents from Transformers trainings"),
    ]


def _catalog(settings: Settings, now: datetime) -> list[Check]:
    from ckpt_indexer.discovery.options import Options
    from ckpt_indexer.store.readonly import SCHEMA_VERSION

    database, journal = _database(settings.catalog.db)
    daemon = _daemon(settings.catalog.db)
    roots = _roots(settings, database)
    watch = doctor_watching
    limits, minutes = doctor_machine.inotify_limits(), settings.watch.rescan_minutes
    return [
        *doctor_database.checks(database, SCHEMA_VERSION),
        doctor_annotations.check(journal, database.contents, database.path),
        watch.daemon(daemon),
        watch.watching(daemon, roots),
        *watch.roots(roots),
        watch.inotify(limits, roots, most_watched=Options().max_watched_directories),
        watch.scan_age(roots, now, watched=daemon.is_running, rescan_minutes=minutes),
        *doctor_catalog.checks(database.contents, daemon_running=daemon.is_running),
    ]


def _database(path: Path) -> tuple[DatabaseSeen, Journal | StoreError | None]:
    from ckpt_indexer.store import identity
    from ckpt_indexer.store.journal import read_journal

    journal: Journal | StoreError | None = None
    if identity.journal_path(path).exists():
        try:
            journal = read_journal(path)
        except StoreError as error:
            journal = error
    return _database_file(path), journal


def _database_file(path: Path) -> DatabaseSeen:
    from ckpt_indexer.discovery.mounts import is_network
    from ckpt_indexer.errors import DatabaseAbsent
    from ckpt_indexer.store import identity, read_checkup

    contents, trouble = None, None
    try:
        if identity.require_ours(path) is None:
            raise DatabaseAbsent(f"there is no catalog at {path}", path=os.fspath(path))
        contents = read_checkup.inspect(path, deadline_s=QUICK_CHECK_S)
    except StoreError as error:
        trouble = error
    filesystem = doctor_machine.filesystem_at(path.parent)
    return doctor_database.DatabaseSeen(
        os.fspath(path),
        files=doctor_machine.files_of(path),
        is_writable=doctor_machine.is_writable(path),
        filesystem=filesystem,
        is_network=is_network(filesystem),
        free_bytes=doctor_machine.free_bytes(path),
        error=trouble,
        contents=contents,
    )


def _daemon(path: Path) -> DaemonSeen:
    from ckpt_indexer.daemon.lock import holder, lock_path
    from ckpt_indexer.daemon.wire import ask

    lock_held, pid = doctor_machine.is_locked(lock_path(path)), holder(path)
    try:
        return doctor_watching.DaemonSeen(ask(path, {"op": "health"}, timeout_s=HEALTH_S), None, lock_held, pid)
    except CkptIndexerError as error:
        return doctor_watching.DaemonSeen(None, error.message, lock_held, pid)


def _roots(settings: Settings, database: DatabaseSeen) -> list[RootSeen]:
    """Return the roots of the catalog, then those that only the settings name."""
    kept = database.contents.roots if database.contents is not None else ()
    seen = [_root(root.name, root.path, root) for root in kept]
    paths = {root.path for root in kept}
    for named in settings.roots:
        path = os.path.realpath(os.fsencode(named.path))
        if path not in paths:
            seen.append(_root(named.name or os.fsdecode(os.path.basename(path)), path, None))
    return seen


def _root(name: str, path: bytes, kept: RootKept | None) -> RootSeen:
    from ckpt_indexer.discovery.mounts import is_network

    known = None if kept is None or kept.device is None or kept.inode is None else (kept.device, kept.inode)
    trouble = doctor_machine.trouble_with(path, known)
    remote = is_network(doctor_machine.filesystem_at(os.fsdecode(path)))
    return doctor_watching.RootSeen(
        name,
        display(path),
        known=kept is not None,
        trouble=trouble,
        mode="manual" if kept is None else kept.mode,
        as_of=None if kept is None else kept.as_of,
        is_network=remote,
        directories=None if remote or trouble is not None else doctor_machine.directories_below(path),
    )
