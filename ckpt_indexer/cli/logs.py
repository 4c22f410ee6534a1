"""Log lines on stderr: text for people, JSON lines for machines. Libraries only log; this is where it is set up."""

from __future__ import annotations

import json
import logging
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
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level(session, settings.level if daemon else "warning"))
    quiet = logging.NOTSET if session.verbosity > 1 else max(root.level, logging.WARNING)
    for library in _CHATTY:
        logging.getLogger(library).setLevel(quiet)
    logging.captureWarnings(capture=True)


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
