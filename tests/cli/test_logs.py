from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.cli import logs
from ckpt_indexer.cli.session import Session

if TYPE_CHECKING:
    from pathlib import Path


def session(cwd: Path, **options: str) -> Session:
    return Session(environ={f"CKPT_INDEXER_LOG__{key.upper()}": value for key, value in options.items()}, cwd=cwd)


def record(**extra: object) -> logging.LogRecord:
    made = logging.LogRecord("ckpt_indexer.x", logging.WARNING, "f.py", 1, "kept %s", ("a\nb",), None)
    made.created = 1_795_208_401.125
    vars(made).update(extra)
    return made


def test_a_json_line_says_when_how_bad_who_what_and_about_what() -> None:
    assert json.loads(logs.JsonLines().format(record(path="/o\udcff\n"))) == {
        "ts": "2026-11-20T21:00:01.125Z",
        "level": "warning",
        "logger": "ckpt_indexer.x",
        "event": "kept a\nb",
        "path": "/o\udcff\n",
    }


def test_a_text_line_is_one_line() -> None:
    line = logs.TextLines().format(record(path="/o\x1b"))
    assert line == "2026-11-20T21:00:01.125Z warning ckpt_indexer.x: kept a\\nb path=/o\\x1b"


@pytest.mark.parametrize("formatter", [logs.TextLines(), logs.JsonLines()])
def test_an_error_comes_with_its_traceback(formatter: logging.Formatter) -> None:
    try:
        int("deep")
    except ValueError as error:
        made = record(exc_info=(ValueError, error, error.__traceback__))
    assert "ValueError: invalid literal" in formatter.format(made)
    assert "Traceback" in formatter.format(made)


@pytest.mark.parametrize(
    ("daemon", "form", "kind"),
    [(True, "auto", logs.JsonLines), (False, "auto", logs.TextLines), (True, "text", logs.TextLines),
     (False, "json", logs.JsonLines)],
)  # fmt: skip
def test_auto_is_json_for_a_daemon_without_a_terminal(daemon: bool, form: str, kind: type, tmp_path: Path) -> None:
    logs.configure(session(tmp_path, format=form), daemon=daemon)
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler.formatter, kind)


@pytest.mark.parametrize(
    ("quiet", "verbosity", "expected"),
    [(False, 0, logging.WARNING), (True, 0, logging.ERROR), (False, 1, logging.INFO), (False, 2, logging.DEBUG)],
)
def test_flags_decide_the_level(quiet: bool, verbosity: int, expected: int, tmp_path: Path) -> None:
    asked = session(tmp_path)
    asked.quiet, asked.verbosity = quiet, verbosity
    assert logs.level(asked, "warning") == expected


def test_the_daemon_logs_at_the_level_of_the_settings(tmp_path: Path) -> None:
    logs.configure(session(tmp_path, level="debug"), daemon=True)
    assert logging.getLogger().level == logging.DEBUG
    logs.configure(session(tmp_path, level="debug"))
    assert logging.getLogger().level == logging.WARNING


@pytest.mark.parametrize(
    ("quiet", "verbosity", "expected"),
    [(False, 0, logging.WARNING), (False, 1, logging.WARNING), (False, 2, logging.DEBUG), (True, 0, logging.ERROR)],
)
def test_how_a_library_works_is_told_only_when_asked_twice(
    quiet: bool, verbosity: int, expected: int, tmp_path: Path
) -> None:
    asked = session(tmp_path)
    asked.quiet, asked.verbosity = quiet, verbosity
    logs.configure(asked, daemon=True)
    assert logging.getLogger("alembic.runtime.migration").getEffectiveLevel() == expected


@pytest.mark.parametrize(
    ("level", "priority"), [("CRITICAL", 2), ("ERROR", 3), ("WARNING", 4), ("INFO", 6), ("DEBUG", 7)]
)
def test_the_journal_is_told_how_bad_each_line_is(level: str, priority: int) -> None:
    made = record()
    made.levelno = logging.getLevelNamesMapping()[level]
    lines = logs.JournalLines(logging.Formatter("%(message)s")).format(made)
    assert lines == f"<{priority}>kept a\n<{priority}>b"


@pytest.mark.parametrize("is_journal", [True, False])
def test_lines_have_priorities_only_where_the_journal_takes_them_off(is_journal: bool, tmp_path: Path) -> None:
    found = os.fstat(sys.stderr.fileno())
    stream = f"{found.st_dev}:{found.st_ino + (not is_journal)}"
    logs.configure(Session(environ={"JOURNAL_STREAM": stream}, cwd=tmp_path), daemon=True)
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler.formatter, logs.JournalLines) is is_journal
