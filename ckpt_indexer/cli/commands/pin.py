"""`ckpt-indexer pin`: checkpoints to be kept in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import annotating, output, stdout
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import refs_argument

if TYPE_CHECKING:
    from click.decorators import FC

    from ckpt_indexer.cli.session import Session


def pinning(function: FC) -> FC:
    """Add what `pin` and `unpin` take."""
    flag = click.option("--json", "as_json", is_flag=True, help="Print what is said now as a JSON object.")
    return refs_argument("REF...")(flag(function))


def set_pins(session: Session, refs: tuple[str, ...], *, pinned: bool, as_json: bool) -> None:
    """Pin checkpoints or take the pins away, and print what is said about them then."""
    from ckpt_indexer.store.notes import Edit

    rows = annotating.annotated(session, annotating.rows_of(session, refs), Edit(pinned=pinned))
    if as_json:
        output.json_object({"pinned": pinned, "checkpoints": [annotating.facts(row) for row in rows]})
    else:
        stdout.lines(line for row in rows for line in annotating.described(row))


@click.command(
    "pin",
    cls=Command,
    codes=annotating.TROUBLES,
    examples=(
        "ckpt-indexer pin 42",
        "ckpt-indexer pin runs/a/checkpoints/best.ckpt runs/b/checkpoints/best.ckpt",
        "ckpt-indexer ls pinned:true",
    ),
)
@pinning
@click.pass_obj
def command(session: Session, refs: tuple[str, ...], *, as_json: bool) -> None:
    """Pin checkpoints: mark them as those to be kept.

    REF is an id, a path, or a query with one answer. Nothing here deletes files; a pin tells people, and programs that
    ask the catalog. Pins survive moves, rewrites and rebuilds. `unpin` takes them away.

    The JSON object has the keys pinned and checkpoints [{id, root, path, tags, notes, pinned, seq}].
    """
    set_pins(session, refs, pinned=True, as_json=as_json)
