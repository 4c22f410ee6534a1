"""Runs one SQL statement under limits, as a program of its own: `python -I -S`, one JSON request on stdin.

It imports nothing of this package, so that it starts fast and shares nothing. SQLite checks deadlines between its
instructions only; a single call such as `printf('%.*c', 9e8, 'x')` is ended by the alarm, which kills the process.
Answer on stdout: a line {"columns": [...]}, a line per row, then {"truncated": bool}; or {"error": "..."}.
"""

from __future__ import annotations

import base64
import json
import resource
import signal
import sqlite3
import sys
import time
from typing import Any

_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE)
_DENIED_FUNCTIONS = ("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "sqlite_dbpage")
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000, sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200, sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 250_000, sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000, sqlite3.SQLITE_LIMIT_COLUMN: 500,
}  # fmt: skip
GRACE_S = 0.2


def main() -> None:
    """Answer the request on stdin."""
    request = json.loads(sys.stdin.read())
    try:
        _answer(request)
    except (sqlite3.Error, sqlite3.Warning) as error:
        _write({"error": str(error), "interrupted": "interrupted" in str(error)})
    except MemoryError:
        _write({"error": "the answer needs more memory than is allowed"})


def _answer(request: dict[str, Any]) -> None:  # JSON values
    connection = sqlite3.connect(request["uri"], uri=True, timeout=1.0, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("SELECT count(*) FROM sqlite_schema, json_each('[]'), json_tree('[]')").fetchone()
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    for limit, value in _LIMITS.items():
        connection.setlimit(limit, value)
    connection.set_authorizer(_authorize)
    deadline = time.monotonic() + request["deadline_s"]
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 1000)
    _limit_process(request)
    _stream(connection.execute(request["sql"]), request["max_rows"], request["max_bytes"])


def _limit_process(request: dict[str, Any]) -> None:  # JSON values
    """Give up everything the statement does not need; the alarm's default action ends the process."""
    memory = request["max_memory"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, request["deadline_s"] + GRACE_S)


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if str(second or first).lower() in _DENIED_FUNCTIONS else sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _stream(cursor: sqlite3.Cursor, max_rows: int, max_bytes: int) -> None:
    if cursor.description is None:
        _write({"error": "that is no SELECT"})
        return
    _write({"columns": [column[0] for column in cursor.description]})
    written = 0
    for index, values in enumerate(cursor):
        line = json.dumps([_plain(value) for value in values], ensure_ascii=False)
        written += len(line)
        if index >= max_rows or written > max_bytes:
            _write({"truncated": True})
            return
        sys.stdout.write(line + "\n")
    _write({"truncated": False})


def _plain(value: Any) -> Any:  # noqa: ANN401  # a SQLite value in, a JSON value out
    return {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _write(message: dict[str, Any]) -> None:  # JSON values
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
