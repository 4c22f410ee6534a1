"""The annotations journal beside the database: what people added by hand, one fsynced JSON line per state.

It outlives the database: a rebuild replays it. The last line for a path wins; a torn last line is survived.
"""

from __future__ import annotations

import base64
import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ckpt_indexer.store.identity import JOURNAL_MARK, journal_path
from ckpt_indexer.store.notes import Note
from ckpt_indexer.store.sqlite_errors import translate_os

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """What was said about one path at one time. `note` None: nothing any more (the file moved away)."""

    root: bytes
    """Absolute path of the root."""
    path: bytes
    note: Note | None
    time: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a journal says in the end."""

    entries: tuple[Entry, ...]
    """The last one of each path."""
    unreadable: int
    """Lines that are no entries: torn, or written by a newer release."""


class Journal:
    """Appends to the journal of one database. Opened for every append, so that a deleted file is made anew."""

    def __init__(self, database: Path, catalog_id: str) -> None:
        self.path = journal_path(database)
        self._head = JOURNAL_MARK + b',"version":1,"catalog":' + orjson.dumps(catalog_id) + b"}\n"

    def append(self, entries: Iterable[Entry]) -> None:
        """Write entries and wait until they are on disk; no entries make sure that the file is there.

        Raises:
            DatabaseFull, StoreError: nothing that a reader would take for an entry was written.
        """
        lines = b"".join(_line(entry) for entry in entries)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._append(descriptor, lines)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise translate_os(error, f"cannot write {self.path}", self.path) from error

    def _append(self, descriptor: int, lines: bytes) -> None:
        size = os.fstat(descriptor).st_size
        if size == 0:
            lines = self._head + lines
        elif lines and os.pread(descriptor, 1, size - 1) != b"\n":
            lines = b"\n" + lines
        if not lines:
            return
        if os.write(descriptor, lines) != len(lines):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
        if size == 0:
            _sync_directory(self.path.parent)


def read_journal(database: Path) -> Contents:
    """Return what the journal of a database says; nothing when there is none.

    Raises:
        StoreError: it is there and cannot be read.
    """
    path = journal_path(database)
    found: dict[tuple[bytes, bytes], Entry] = {}
    unreadable = 0
    try:
        with path.open("rb") as file:
            for line in file:
                if line.startswith(JOURNAL_MARK) or not line.strip():
                    continue
                entry = _entry(line)
                if entry is None:
                    unreadable += 1
                else:
                    found[entry.root, entry.path] = entry
    except FileNotFoundError:
        return Contents((), 0)
    except OSError as error:
        raise translate_os(error, f"cannot read {path}", path) from error
    return Contents(tuple(found.values()), unreadable)


def _line(entry: Entry) -> bytes:
    note = entry.note or Note()
    said: dict[str, Any] = {"time": entry.time}  # values of JSON types
    said |= _named("root", entry.root) | _named("path", entry.path)
    said |= {
        "content_id": note.content_id,
        "tags": note.tags,
        "notes": note.notes,
        "pinned": note.pinned,
        "rewritten": note.rewritten,
        "updated_at": note.updated_at,
        "gone": entry.note is None,
    }
    return orjson.dumps(said) + b"\n"


def _entry(line: bytes) -> Entry | None:
    try:
        said = orjson.loads(line)
        note = Note(
            tuple(str(tag) for tag in said["tags"]),
            None if said["notes"] is None else str(said["notes"]),
            bool(said["pinned"]),
            bool(said.get("rewritten")),
            said.get("content_id"),
            str(said.get("updated_at", said["time"])),
        )
        return Entry(_bytes(said, "root"), _bytes(said, "path"), None if said.get("gone") else note, str(said["time"]))
    except (ValueError, KeyError, TypeError):
        return None


def _named(key: str, raw: bytes) -> dict[str, str]:
    """Return a path as text, or in base64 where it is none."""
    try:
        return {key: raw.decode()}
    except UnicodeDecodeError:
        return {f"{key}_base64": base64.b64encode(raw).decode()}


def _bytes(said: dict[str, Any], key: str) -> bytes:
    text = said.get(key)
    return base64.b64decode(said[f"{key}_base64"], validate=True) if text is None else str(text).encode()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
