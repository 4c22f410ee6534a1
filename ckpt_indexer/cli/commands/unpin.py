"""`ckpt-indexer unpin`: the way back of `pin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import annotating
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.commands.pin import pinning, set_pins

if TYPE_CHECKING:
    from ckpt_indexer.cli.session import Session


@click.command(
    "unpin",
    cls=Command,
    codes=annotating.TROUBLES,
    examples=("ckpt-indexer unpin 42", "ckpt-indexer unpin runs/a/checkpoints/best.ckpt --json"),
)
@pinning
@click.pass_obj
def command(session: Session, refs: tuple[str, ...], *, as_json: bool) -> None:
    """Take the pins of checkpoints away.

    REF is an id, a path, or a query with one answer.

    The JSON object has the keys pinned and checkpoints [{id, root, path, tags, notes, pinned, seq}].
    """
    set_pins(session, refs, pinned=False, as_json=as_json)
