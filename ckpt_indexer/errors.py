"""Every error this package raises on purpose, one tree.

    CkptIndexerError
      SettingsError
      MetadataError      SidecarUnreadable, SidecarInvalid, SchemaFromFuture
      ReaderError        UnknownFormat, CorruptCheckpoint, LimitExceeded, ReaderDied
      SourceError        SourceUnavailable, SourceRejected, NeedsChild
      ResourceShortage
      StoreError         DatabaseAbsent, DatabaseForeign, DatabaseCorrupt, DatabaseLocked,
                         DatabaseFromFuture, DatabaseFull, MigrationFailed
      QueryError         CheckpointNotFound, InvalidFilter, InvalidCursor
      DaemonError        AlreadyRunning, AddressInUse, ComponentFailed

The message says what happened to what and what to do about it; the attributes carry the same facts as
values. Words for people and exit codes belong to the faces (`cli.main`), not here.
"""

from __future__ import annotations

import errno
from typing import TypeAlias

Detail: TypeAlias = "str | int | float | bool | tuple[str, ...] | None"


_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN})


def is_shortage(error: BaseException) -> bool:
    """Tell whether an error says that this process is short of descriptors, memory or processes, not that a file is
    bad."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _SHORTAGES)


class CkptIndexerError(Exception):
    """Root of the tree. `path` is the file concerned (text, never opened by a handler); `details` further facts."""

    def __init__(self, message: str, *, path: str | None = None, **details: Detail) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.details: dict[str, Detail] = details

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders: rebuild from the message, then restore the attributes."""
        return (type(self), (self.message,), {"path": self.path, "details": self.details})


class SettingsError(CkptIndexerError):
    """A setting has an unknown name, a wrong type or an impossible value."""


class MetadataError(CkptIndexerError):
    """A metadata document cannot be used."""


class SidecarUnreadable(MetadataError):
    """The bytes could not be read or are not one UTF-8 YAML or JSON document."""


class SidecarInvalid(MetadataError):
    """The document parses but breaks its schema."""


class SchemaFromFuture(MetadataError):
    """The document names a schema version newer than this program knows."""


class ReaderError(CkptIndexerError):
    """A checkpoint's header cannot be read."""


class UnknownFormat(ReaderError):
    """No reader recognises the bytes."""


class CorruptCheckpoint(ReaderError):
    """The format is known but the bytes break it."""


class LimitExceeded(ReaderError):
    """Reading would cost more bytes, steps, memory or time than allowed."""


class ReaderDied(ReaderError):
    """The child process that read the file ended without an answer."""


class SourceError(CkptIndexerError):
    """A source should have had an answer and could not give it."""


class SourceUnavailable(SourceError):
    """The source cannot be reached now; asking later may help."""


class SourceRejected(SourceError):
    """The source refused the question; asking again will not help."""


class NeedsChild(SourceError):
    """Answering safely needs a limited child process, which the caller did not offer."""


class ResourceShortage(CkptIndexerError):
    """This process has no descriptor, memory or process left for the work; that says nothing about the file."""


class StoreError(CkptIndexerError):
    """The database cannot be used as asked."""


class DatabaseAbsent(StoreError):
    """There is no database at that path."""


class DatabaseForeign(StoreError):
    """The file is no catalog of this program; it is left untouched."""


class DatabaseCorrupt(StoreError):
    """SQLite says the file is damaged."""


class DatabaseLocked(StoreError):
    """Another process holds the database or its lock."""


class DatabaseFromFuture(StoreError):
    """A newer release wrote this database; it is left untouched."""


class DatabaseFull(StoreError):
    """The disk refused the write: no space, or a file size limit."""


class MigrationFailed(StoreError):
    """A schema upgrade stopped half way and was rolled back."""


class QueryError(CkptIndexerError):
    """The question cannot be answered as asked."""


class CheckpointNotFound(QueryError):
    """No checkpoint, or more than one, matches the reference."""


class InvalidFilter(QueryError):
    """The query text breaks the query language or names an unknown field."""


class InvalidCursor(QueryError):
    """The page cursor belongs to another query or was altered."""


class DaemonError(CkptIndexerError):
    """The daemon cannot start or go on."""


class AlreadyRunning(DaemonError):
    """Another daemon holds this catalog."""


class AddressInUse(DaemonError):
    """Another program listens where this one should."""


class ComponentFailed(DaemonError):
    """A part of the daemon ended and could not be started again."""
