"""`ckpt-indexer note`: a sentence about a checkpoint."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import annotating, exits
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import ref_argument

if TYPE_CHECKING:
    from ckpt_indexer.cli.annotating import Wish
    from ckpt_indexer.cli.session import Session

STDIN = "-"


@click.command(
    "note",
    cls=Command,
    codes=annotating.TROUBLES,
    examples=(
        "ckpt-indexer note 42 'trained on the cleaned split'",
        "ckpt-indexer note 42",
        "ckpt-indexer note 42 --clear",
        "ckpt-indexer note 42 - --to-sidecar < remarks.txt",
    ),
)
@ref_argument
@click.argument("words", required=False, metavar="[TEXT]")
@click.option("--clear", is_flag=True, help="Take the note away.")
@annotating.wish_options
@click.pass_obj
def command(session: Session, ref: str, words: str | None, *, clear: bool, wish: Wish) -> int:
    """Write a note about a checkpoint, in place of an earlier one; without TEXT show it.

    REF is an id, a path, or a query with one answer. `-` reads the note from standard input. Notes survive moves,
    rewrites and rebuilds of the catalog. A note in the checkpoint's document shows where nobody wrote another one;
    --to-sidecar writes into the document, after showing what, and keeps the old one as .bak.

    The JSON object has the keys id, root, path, tags, notes, pinned and seq; with --to-sidecar also dry_run and
    documents [{checkpoint, outcome, reason, message, document, backup}].
    """
    from ckpt_indexer.store.notes import Edit

    note = _note(words, clear=clear)
    (row,) = annotating.rows_of(session, [ref])
    if note is not None and not wish.dry_run:
        (row,) = annotating.annotated(session, [row], Edit(notes=note))
    if not wish.to_sidecar:
        annotating.show(row, as_json=wish.as_json)
        if clear and row["notes"]:
            session.say("this is the note of the document beside the checkpoint (see --to-sidecar)")
        return exits.OK
    from ckpt_indexer.tools.annotate import Said

    said = Said(tuple(row["tags"]) or None, row["notes"] if note is None else note)
    return annotating.write_document(session, row, said, wish)


def _note(words: str | None, *, clear: bool) -> str | None:
    """Return the note to write, empty to take it away, None to leave it. Raises InvalidFilter."""
    from ckpt_indexer.metadata.tagging import MAX_NOTE, checked_note

    if clear:
        if words is not None:
            raise click.UsageError("--clear takes the note away: leave the text out")
        return ""
    if words is None:
        return None
    if words != STDIN:
        return checked_note(words)
    try:
        return checked_note(sys.stdin.buffer.read(4 * MAX_NOTE + 1).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise click.UsageError("what came through standard input is no UTF-8 text") from error
