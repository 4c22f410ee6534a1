"""Free SQL, read-only, in a child process that is killed when it takes too long. See `read_sql_child`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.errors import QueryError
from ckpt_indexer.sandbox.interpreter import interpreter

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_MEMORY = 512 * 1024 * 1024
MAX_SQL = 100_000
_START_S = 10.0
"""What a loaded machine may need to start the child, beside the deadline."""


class SqlResult(NamedTuple):
    """The answer to one statement."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]  # SQLite values
    truncated: bool
    """Whether there were more rows, or bytes, than asked for."""


def run(
    address: str, sql: str, *, deadline_s: float, max_rows: int, max_bytes: int, max_memory: int = MAX_MEMORY
) -> SqlResult:  # fmt: skip
    """Return what one SELECT (or EXPLAIN) yields on the database that a SQLite URI names.

    Raises:
        QueryError: not one read-only statement, an error in it, or a limit exceeded.
    """
    if len(sql) > MAX_SQL:
        raise QueryError(f"the statement is longer than {MAX_SQL:,} characters", limit=MAX_SQL)
    if "\x00" in sql:
        raise QueryError("the statement contains a NUL character")
    request = {
        "uri": address, "sql": sql.encode("utf-8", "replace").decode(), "deadline_s": deadline_s,
        "max_rows": max_rows, "max_bytes": max_bytes, "max_memory": max_memory,
    }  # fmt: skip
    lines = _run(json.dumps(request), deadline_s)
    head, last = _message(lines[:1], deadline_s), _message(lines[-1:], deadline_s)
    rows = [tuple(_value(value) for value in json.loads(line)) for line in lines[1:-1]]
    return SqlResult(tuple(head["columns"]), rows, last["truncated"])


def _run(request: str, deadline_s: float) -> list[bytes]:
    """Return the lines the child wrote; its own alarm ends it, ours is for a child that never came so far."""
    program = os.path.join(os.path.dirname(__file__), "read_sql_child.py")  # pathlib is slow to import
    command = [sys.executable, "-I", "-S", program]
    try:
        done = subprocess.run(  # noqa: S603  # our own program, no shell
            command,
            executable=interpreter(),
            input=request.encode(),
            capture_output=True,
            timeout=deadline_s + _START_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(deadline_s) from None
    except OSError as exc:
        raise QueryError(f"no process to run the statement could be started: {exc.strerror}; try again later") from exc
    if done.returncode == -signal.SIGALRM:
        raise _too_slow(deadline_s)
    return done.stdout.splitlines()


def _message(lines: Sequence[bytes], deadline_s: float) -> dict[str, Any]:  # JSON values
    """Return what the child said about its answer, in its first or its last line."""
    message = json.loads(lines[0]) if lines and lines[0].endswith(b"}") else None
    if not isinstance(message, dict):
        raise QueryError("the statement was stopped: it needs more memory than is allowed", limit=MAX_MEMORY)
    if message.get("interrupted"):
        raise _too_slow(deadline_s)
    if "error" in message:
        raise QueryError(_sentence(message["error"]))
    return message


def _too_slow(deadline_s: float) -> QueryError:
    return QueryError(f"the statement ran longer than {deadline_s:g} s and was stopped", deadline_s=deadline_s)


def _sentence(error: str) -> str:
    if error in ("not authorized", "authorization denied") or error.startswith("access to "):
        return f"only reading is allowed, one SELECT or EXPLAIN at a time ({error})"
    if "one statement at a time" in error:
        return "one statement at a time, please: there is more than one"
    return f"the statement failed: {error}"


def _value(value: Any) -> Any:  # noqa: ANN401  # a JSON value in, a SQLite value out
    return b64decode(value["bytes"]) if isinstance(value, dict) else value
