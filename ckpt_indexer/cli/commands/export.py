"""`ckpt-indexer export`: rows as a file for other programs."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ckpt_indexer.catalog.formats import FORMATS, Format, format_of
from ckpt_indexer.catalog.listing import Listing
from ckpt_indexer.cli import exits, freshness, output, stdout, text
from ckpt_indexer.cli.command import QueryCommand
from ckpt_indexer.cli.options import query_argument, refresh_option
from ckpt_indexer.cli.progress import reconcile

if TYPE_CHECKING:
    from ckpt_indexer.cli.session import Session

STDOUT = "-"
_SUFFIXES = ", ".join(suffix for one in FORMATS.values() for suffix in one.suffixes)


@click.command(
    "export",
    cls=QueryCommand,
    codes=(exits.NEGATIVE, exits.DATABASE, exits.LOCKED, exits.FUTURE),
    examples=(
        "ckpt-indexer export checkpoints.csv",
        "ckpt-indexer export resnets.parquet backbone:resnet18,resnet50 'hmean>0.8' --force",
        "ckpt-indexer export all.jsonl presence:any --json",
        "ckpt-indexer export - --format jsonl exp:dbnet-* | gzip > dbnet.jsonl.gz",
    ),
)
@click.argument("file")
@query_argument
@click.option("--format", "name", type=click.Choice(list(FORMATS)), help="How to write; else FILE's suffix says it.")
@click.option("--sort", metavar="FIELD", help="Sort by a field or metric: `hmean-` falls, `epoch+` rises.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@refresh_option
@click.option("--json", "as_json", is_flag=True, help="Print what was written as a JSON object.")
@click.pass_obj
def command(
    session: Session, file: str, query: tuple[str, ...],
    *, name: str | None, sort: str | None, force: bool, refresh: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write rows to FILE as CSV, JSON lines or Parquet; `-` is standard output.

    QUERY is that of `ls`; without one all present rows are written. Every key of the row is a column; CSV holds nested
    ones as JSON, Parquet has maps and lists. CSV cells that a spreadsheet would calculate are prefixed with ', control
    characters are written out. The file appears when it is whole. Parquet needs `pip install 'ckpt-indexer[parquet]'`.

    The JSON object has the keys file, format, rows, size_bytes, catalog and seq.
    """
    form = _format(file, name)
    to_stdout = file == STDOUT
    if to_stdout and as_json:
        raise click.UsageError("--json prints to standard output, where the rows go")
    _check(file, form, force=force)
    if refresh:
        reconcile(session)
    with closing(session.app.open_catalog(session.settings)) as catalog:
        listing = Listing(catalog, query, sort)
        size = _written(file, form, listing, force=force)
        freshness.tell(session, listing.first)
    page = listing.first
    if as_json:
        told = {"file": file, "format": form.name, "rows": listing.count, "size_bytes": size}
        output.json_object({**told, "catalog": page.catalog, "seq": page.seq})
    elif not to_stdout:
        session.say(f"wrote {text.count(listing.count, 'row')} to {file} ({form.name}, {text.size(size)})")


def _format(file: str, name: str | None) -> Format:
    found = FORMATS[name] if name is not None else format_of(file)
    if found is None:
        known = f"{_SUFFIXES}; or give --format {'|'.join(FORMATS)}"
        raise click.UsageError(f"'{file}' says no format by its suffix: {known}")
    return found


def _check(file: str, form: Format, *, force: bool) -> None:
    """Refuse what cannot work before the catalog is asked."""
    from ckpt_indexer.tools.export import check_free

    if file != STDOUT:
        check_free(Path(file), force=force)
    elif form.name == "parquet" and sys.stdout.isatty():
        raise click.UsageError("Parquet is no text for a terminal: name a file, or send it through a pipe")


def _written(file: str, form: Format, listing: Listing, *, force: bool) -> int:
    from ckpt_indexer.tools.export import write_whole

    pieces = form.pieces(listing)
    if file != STDOUT:
        return write_whole(pieces, Path(os.path.abspath(file)), force=force)
    stdout.write_bytes(pieces)
    stdout.flush()
    return 0
