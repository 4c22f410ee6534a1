"""`ckpt-indexer sql`: one read-only question in SQL."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import exits, freshness, output, text
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import Output, output_options

if TYPE_CHECKING:
    from ckpt_indexer.cli.session import Session

MAX_BYTES = 64 * 1024 * 1024


@click.command(
    "sql",
    cls=Command,
    codes=(exits.DATABASE, exits.LOCKED, exits.FUTURE),
    examples=(
        "ckpt-indexer sql 'SELECT backbone, max(hmean) FROM catalog GROUP BY backbone'",
        "ckpt-indexer sql 'SELECT * FROM best_per_backbone' --json",
        "ckpt-indexer sql - -o csv < question.sql",
    ),
)
@click.argument("statement", metavar="SELECT")
@click.option("--deadline", type=click.FloatRange(min=0.001), default=10.0, show_default=True, metavar="SECONDS")
@click.option(
    "--limit", type=click.IntRange(min=1), default=10_000, show_default=True, metavar="N", help="Rows at most."
)
@output_options("table", "json", "jsonl", "csv")
@click.pass_obj
def command(session: Session, statement: str, deadline: float, limit: int, *, form: Output) -> None:
    """Ask the database in SQL: one SELECT, read-only, within a deadline. `-` reads it from stdin.

    Promised are the tables checkpoints, metrics and components, and the views: catalog, best_per_backbone and others.
    """
    from ckpt_indexer.store.readonly import run_sql

    if statement == "-":
        statement = sys.stdin.read()
    database = session.app.database_path(session.settings)
    found = run_sql(database, statement, deadline_s=deadline, max_rows=limit, max_bytes=MAX_BYTES)
    output.records(session, form, found.columns, found.rows)
    if found.truncated:
        session.say(f"there is more: the answer was cut after {text.count(len(found.rows), 'row')} (--limit)")
    with closing(session.app.open_catalog(session.settings)) as catalog:
        freshness.tell_of_catalog(session, catalog)
