"""Log lines on stderr: text for people, JSON lines for machines. Libraries only log; this is where it is set up."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ckpt_indexer.cli.text import shown

if TYPE_CHECKING:
    from ckpt_indexer.cli.session import Session

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; anything else came with `extra`."""

_CHATTY = ("alembic", "watchdog")
"""Libraries that tell at INFO how they work: heard with `-vv` only."""


def configure(session: Session, *, daemon: bool = False) -> None:
    """Send log records to stderr. The daemon logs at the level of the settings, other commands warnings only."""
    settings = session.settings.log
    form = settings.format
    if form == "auto":
        form = "json" if daemon and not sys.stderr.isatty() else "text"
    handler = logging.StreamHandler()
    lines = JsonLines() if form == "json" else TextLines()
    handler.setFormatter(JournalLines(lines) if is_journal(session) else lines)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level(session, settings.level if daemon else "warning"))
    quiet = logging.NOTSET if session.verbosity > 1 else max(root.level, logging.WARNING)
    for library in _CHATTY:
        logging.getLogger(library).setLevel(quiet)
    logging.captureWarnings(capture=True)


def is_journal(session: Session) -> bool:
    """Tell whether stderr is a stream of the journal.

    https://www.freedesktop.org/software/systemd/man/systemd.exec.html ($JOURNAL_STREAM)
    """
    named = (os.environ if session.environ is None else session.environ).get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # closed, or no file at all
        return False
    return named == f"{found.st_dev}:{found.st_ino}"


def level(session: Session, usual: str) -> int:
    """Return the level `-q`, `-v` and `-vv` ask for, or the usual one."""
    if session.quiet:
        return logging.ERROR
    if session.verbosity:
        return logging.INFO if session.verbosity == 1 else logging.DEBUG
    return logging.getLevelNamesMapping()[usual.upper()]


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _OWN}


def _time(record: logging.LogRecord) -> str:
    return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


class TextLines(logging.Formatter):
    """One line per record; names from disk are escaped, tracebacks follow."""

    def format(self, record: logging.LogRecord) -> str:
        """Return `2026-11-20T21:00:01.123Z warning ckpt_indexer.ingest: message key=value`."""
        facts = "".join(f" {key}={value}" for key, value in _extra(record).items())
        line = shown(f"{_time(record)} {record.levelname.lower()} {record.name}: {record.getMessage()}{facts}")
        return line + "\n" + self.formatException(record.exc_info) if record.exc_info else line


class JsonLines(logging.Formatter):
    """One JSON object per record: ts, level, logger, event, whatever came with it, and err with the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object in one line."""
        line: dict[str, object] = {
            "ts": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["err"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class JournalLines(logging.Formatter):
    """What another formatter makes, with the priority in front that journald takes off again.

    So `journalctl -p warning` finds what it should: https://www.freedesktop.org/software/systemd/man/sd-daemon.html
    """

    def __init__(self, inner: logging.Formatter) -> None:
        """Take the formatter that makes the lines."""
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines, each with its `<N>`."""
        priority = next((number for least, number in _PRIORITIES if record.levelno >= least), 7)
        return "\n".join(f"<{priority}>{line}" for line in self._inner.format(record).split("\n"))


_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""(level, the syslog priority of records at or above it), the highest first."""
