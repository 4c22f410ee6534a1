"""Adapts SQLAlchemy's SQLite driver: one connection in driver autocommit mode, explicit transactions, our errors.

Contains no business logic. Statements arrive as SQL text; rows leave as plain tuples.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, cast

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ckpt_indexer.store.identity import uri
from ckpt_indexer.store.sqlite_errors import translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from ckpt_indexer.store.options import WriterOptions

Value: TypeAlias = "str | int | float | bytes | None"
Values: TypeAlias = "tuple[Value, ...]"


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn errors of SQLite, bare or wrapped by SQLAlchemy, into ours."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        ours = translate(original, path) if isinstance(original, sqlite3.Error) else None
        if ours is None:
            raise
        raise ours from error


def make_engine(path: Path, *, busy_timeout_s: float) -> Engine:
    """Return an engine over an existing file. The driver never begins or commits by itself."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            uri(path, "rw"),
            uri=True,
            timeout=busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,  # opened by one thread, handed to the writer's; never used by two at once
            cached_statements=256,
        )

    return create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)


class Session:
    """One open connection. `transaction` takes the write lock first, so that waiting never ends in a stale snapshot."""

    def __init__(self, path: Path, connection: Connection) -> None:
        self.path = path
        self._connection = connection
        self._driver = cast("sqlite3.Connection", connection.connection.driver_connection)

    @classmethod
    def open(cls, path: Path, options: WriterOptions) -> Session:
        """Connect and set what holds for the life of the connection.

        Raises:
            StoreError: in all the kinds of `translate`.
        """
        engine = make_engine(path, busy_timeout_s=options.busy_timeout_s)
        with translated(path):
            session = cls(path, engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
            try:
                for pragma in (
                    "journal_mode = WAL",
                    "synchronous = NORMAL",
                    "foreign_keys = ON",
                    f"cache_size = -{options.cache_kib}",
                    "journal_size_limit = 16777216",
                ):
                    session.rows(f"PRAGMA {pragma}")
            except BaseException:
                session.close()
                raise
        return session

    def rows(self, sql: str, values: Values = ()) -> list[Values]:
        """Run one statement and return all its rows as plain tuples, straight from the driver."""
        with translated(self.path):
            return self._driver.execute(sql, values).fetchall()

    def run(self, sql: str, values: Values = ()) -> int:
        """Run one statement and return how many rows it changed."""
        with translated(self.path):
            return self._connection.exec_driver_sql(sql, values).rowcount

    def many(self, sql: str, rows: Sequence[Values]) -> None:
        """Run one statement for every tuple; nothing for none."""
        if rows:
            with translated(self.path):
                self._connection.exec_driver_sql(sql, list(rows))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block does, or nothing of it."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _roll_back(self) -> None:
        """Roll back what is open; after some errors (a full disk) SQLite has already done it."""
        if self._driver.in_transaction:
            self._driver.execute("ROLLBACK")
