"""`ckpt-indexer status`: catalog, daemon, roots, health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import exits, output
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import OBJECT_FORMATS, Output, output_options
from ckpt_indexer.cli.sections import sections

if TYPE_CHECKING:
    from ckpt_indexer.cli.session import Session


@click.command(
    "status",
    cls=Command,
    codes=(exits.DATABASE, exits.FUTURE),
    examples=("ckpt-indexer status", "ckpt-indexer status --json | jq .daemon.running"),
)
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def command(session: Session, *, form: Output) -> int:
    """Show the catalog, its daemon, its roots, how much is in it and whether anything is wrong.

    Exit 3 when there is no database yet; the answer then says `exists: false`.
    """
    report = session.app.status(session.settings)
    output.answer(form, report, sections)
    if report.get("exists", True):
        return exits.OK
    session.say("there is no catalog yet: run `ckpt-indexer scan DIR` first")
    return exits.DATABASE
