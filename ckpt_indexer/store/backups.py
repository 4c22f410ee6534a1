"""Copies of a database beside it: made before an upgrade, two kept."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from typing import TYPE_CHECKING

from ckpt_indexer.errors import DatabaseFull
from ckpt_indexer.store.identity import beside, uri
from ckpt_indexer.store.sqlite_errors import translate_os, translated_sqlite

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_SPARE_BYTES = 16 * 1024 * 1024
"""Left free beyond the copy's own size, for the upgrade itself."""


def make(path: Path, revision: str, *, now: datetime, keep: int, timeout_s: float = 5.0) -> Path:
    """Copy the database to `<db>.backup-<revision>-<time>`; return that path. Only the newest `keep` copies stay.

    Raises:
        DatabaseFull: there is no room for the copy; nothing was written.
        DatabaseLocked, DatabaseCorrupt, StoreError: the copy could not be made; nothing of it stays.
    """
    _require_room(path)
    target = beside(path, f".backup-{revision}-{now:%Y%m%dT%H%M%S%f}")
    temporary = beside(path, ".backup.tmp")
    try:
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        try:
            copy(path, temporary, timeout_s=timeout_s)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        for old in found(path)[keep:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise translate_os(error, f"cannot back up {path}", path) from error
    return target


def copy(path: Path, target: Path, *, timeout_s: float = 5.0) -> None:
    """Write a compact copy of a database into an absent or empty file, and wait until it is on disk."""
    with translated_sqlite(path):
        connection = sqlite3.connect(uri(path, "rw"), uri=True, isolation_level=None, timeout=timeout_s)
        try:
            connection.execute("VACUUM INTO ?", (os.fsencode(target).decode("utf-8", "surrogateescape"),))
        finally:
            connection.close()
    descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def found(path: Path) -> list[Path]:
    """Return the backups beside a database, newest first."""
    pattern = re.compile(re.escape(path.name) + r"\.backup-\w+-(\d{8}T\d+)")
    matches = [(pattern.fullmatch(other.name), other) for other in path.parent.iterdir()]
    dated = [(match[1], other) for match, other in matches if match is not None]
    return [other for _, other in sorted(dated, reverse=True)]


def _require_room(path: Path) -> None:
    needed = _SPARE_BYTES + sum(
        companion.stat().st_size for companion in (path, beside(path, "-wal")) if companion.exists()
    )
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        message = f"the backup of {path} needs {needed} bytes, {free} are free; free some space"
        raise DatabaseFull(message, path=str(path), needed=needed, free=free)
