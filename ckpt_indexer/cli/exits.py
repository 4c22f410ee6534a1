"""Which error ends the command with which code, and the one sentence it says."""

from __future__ import annotations

from ckpt_indexer import errors
from ckpt_indexer.cli.text import shown

OK, NEGATIVE, USAGE, DATABASE, LOCKED, FUTURE, SETTINGS, INTERRUPTED = 0, 1, 2, 3, 4, 5, 78, 130

MEANINGS = {
    OK: "done",
    NEGATIVE: "not found, or a check failed",
    USAGE: "wrong usage, or the query has an error",
    DATABASE: "the database is absent or unusable",
    LOCKED: "another process holds the catalog, or the port",
    FUTURE: "a newer release wrote the database",
    SETTINGS: "a setting is wrong",
    INTERRUPTED: "interrupted",
}

CODES: tuple[tuple[type[errors.CkptIndexerError], int], ...] = (
    (errors.SettingsError, SETTINGS),
    (errors.CheckpointNotFound, NEGATIVE),
    (errors.QueryError, USAGE),
    (errors.DatabaseLocked, LOCKED),
    (errors.AlreadyRunning, LOCKED),
    (errors.AddressInUse, LOCKED),
    (errors.DatabaseFromFuture, FUTURE),
    (errors.StoreError, DATABASE),
    (errors.CkptIndexerError, NEGATIVE),
)
"""The first that fits counts: the narrow ones stand before their parents."""

FIXES: tuple[tuple[type[errors.CkptIndexerError], str, str], ...] = (
    (errors.DatabaseAbsent, "ckpt-indexer scan", "run `ckpt-indexer scan DIR` first"),
    (errors.DatabaseFromFuture, "newer", "install the newer release"),
    (errors.DatabaseCorrupt, "db rebuild", "run `ckpt-indexer db rebuild`"),
)
"""(error, words by which a message shows that it says so already, what to do about it)"""


def code(error: errors.CkptIndexerError) -> int:
    """Return the exit code of an error."""
    return next(number for kind, number in CODES if isinstance(error, kind))


def sentence(error: errors.CkptIndexerError) -> str:
    """Return the error in one line, with the fix."""
    message = shown(error.message)
    for kind, said, fix in FIXES:
        if isinstance(error, kind) and said not in message:
            return f"{message.rstrip('.')}; {fix}"
    return message
