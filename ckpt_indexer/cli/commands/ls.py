"""`ckpt-indexer ls`: which checkpoints there are."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from ckpt_indexer.catalog.listing import Listing
from ckpt_indexer.catalog.views import ROW_KEYS
from ckpt_indexer.cli import exits, freshness, output, text
from ckpt_indexer.cli.columns import Column, column, shown_columns
from ckpt_indexer.cli.command import QueryCommand
from ckpt_indexer.cli.options import LIST_FORMATS, Output, output_options, query_argument, refresh_option
from ckpt_indexer.cli.progress import reconcile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.cli.session import Session


def state(row: Mapping[str, Any]) -> str:  # JSON values
    """Return what is particular about a row: `ok`, or read state, presence, and whose alias it is."""
    words = [row["read_state"]] if row["read_state"] != "ok" else []
    if row["presence"] != "present":
        words.append(row["presence"])
    if row["alias_of"] is not None:
        words.append(f"alias of {row['alias_of']}")
    return text.shown(", ".join(words)) or "ok"


COLUMNS = (
    column("id", right=True),
    column("experiment", droppable=4),
    column("backbone", droppable=2),
    column("epoch", right=True, droppable=3),
    column("hmean", right=True, droppable=1),
    Column("size", lambda row: text.size(row["size_bytes"]), right=True, droppable=6),
    Column("state", state, droppable=5),
    column("path"),
)


@click.command(
    "ls",
    cls=QueryCommand,
    codes=(exits.DATABASE, exits.LOCKED, exits.FUTURE),
    examples=(
        "ckpt-indexer ls",
        "ckpt-indexer ls backbone:resnet18,resnet50 'hmean>0.8' hmean-",
        "ckpt-indexer ls epoch:5..10 -source:names --json",
        "ckpt-indexer ls presence:missing -o csv > missing.csv",
        "ckpt-indexer ls saved_as:last -0 | xargs -0 du -ch",
    ),
)
@query_argument
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N rows.")
@click.option("--sort", metavar="FIELD", help="Sort by a field or metric: `hmean-` falls, `epoch+` rises.")
@click.option("--cursor", metavar="TEXT", help="Go on where a page of --limit rows ended.")
@refresh_option
@output_options(*LIST_FORMATS)
@click.pass_obj
def command(
    session: Session, query: tuple[str, ...], limit: int | None, sort: str | None, cursor: str | None,
    *, refresh: bool, form: Output,
) -> None:  # fmt: skip
    """List checkpoints: every row, whatever could be read of it.

    QUERY terms must all hold: `field:value`, `field:a,b`, `field:a..b`, `field>x`, `exp:dbnet-*`, `val/iou>0.8`,
    `param.lr:<0.01`, a bare word for part of the path. `-term` or `^term` excludes. A last `field-` or `field+` sorts;
    otherwise rows come in the order of their paths.
    """
    if refresh:
        reconcile(session)
    with closing(session.app.open_catalog(session.settings)) as catalog:
        listing = Listing(catalog, query, sort, limit, cursor)
        output.rows(session, form, listing, shown_columns(COLUMNS, listing.first), ROW_KEYS)
        freshness.tell(session, listing.first)
    if listing.next is not None:
        session.say(f"there are more: --cursor {listing.next}")
