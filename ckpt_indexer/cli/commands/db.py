"""`ckpt-indexer db`: the database file itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import exits, logs, output, stdout
from ckpt_indexer.cli.command import Command, Group
from ckpt_indexer.cli.options import OBJECT_FORMATS, Output, output_options
from ckpt_indexer.cli.progress import showing
from ckpt_indexer.cli.sections import sections

if TYPE_CHECKING:
    from ckpt_indexer.cli.session import Session

TROUBLES = (exits.DATABASE, exits.LOCKED, exits.FUTURE)


@click.group(
    "db",
    cls=Group,
    examples=("ckpt-indexer db path", "ckpt-indexer db check", "ckpt-indexer db rebuild"),
)
def command() -> None:
    """Upgrade, check, rebuild or find the database; forget a root.

    Everything in it but tags, notes and pins comes from the disk; those are also kept in a journal beside it.
    """


@command.command("upgrade", cls=Command, codes=TROUBLES, examples=("ckpt-indexer db upgrade",))
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def upgrade(session: Session, *, form: Output) -> None:
    """Bring the schema up to this release, after a backup. `scan` and `serve` do so by themselves."""
    logs.configure(session)
    output.answer(form, session.app.db_upgrade(session.settings), sections)


@command.command(
    "check", cls=Command, codes=(exits.NEGATIVE, *TROUBLES), examples=("ckpt-indexer db check && echo sound",)
)
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def check(session: Session, *, form: Output) -> int:
    """Check that the file is sound and agrees with itself. Exit 1 when it does not.

    The JSON object has the keys ok and findings.
    """
    checked = session.app.db_check(session.settings)
    output.answer(form, checked, sections)
    return exits.OK if checked["ok"] else exits.NEGATIVE


@command.command("rebuild", cls=Command, codes=TROUBLES, examples=("ckpt-indexer db rebuild",))
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def rebuild(session: Session, *, form: Output) -> None:
    """Build the database anew from the disk and the journal of tags, notes and pins."""
    logs.configure(session)
    with showing(session) as progress:
        rebuilt = session.app.db_rebuild(session.settings, progress)
    output.answer(form, rebuilt, sections)


@command.command(
    "forget-root",
    cls=Command,
    codes=(exits.NEGATIVE, *TROUBLES),
    examples=("ckpt-indexer db forget-root /mnt/old-disk/outputs", "ckpt-indexer db forget-root outputs-2 --json"),
)
@click.argument("root")
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def forget_root(session: Session, *, root: str, form: Output) -> None:
    """Take a root and its checkpoints out of the catalog. No file is touched.

    ROOT is the root's name, as `status` shows it, or its path, which may be gone. Tags, notes and pins stay in the
    journal: they are back when the root is scanned again. Stop the daemon first; a root that the settings name is
    taken out of them first.

    The JSON object has the keys database, root, path and checkpoints.
    """
    logs.configure(session)
    output.answer(form, session.app.db_forget_root(session.settings, root), sections)


@command.command("path", cls=Command, examples=('sqlite3 "$(ckpt-indexer db path)"',))
@click.pass_obj
def path(session: Session) -> None:
    """Print where the database is, or would be."""
    stdout.write_bytes([os.fsencode(session.app.database_path(session.settings)) + b"\n"])
