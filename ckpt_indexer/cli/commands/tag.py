"""`ckpt-indexer tag`: words people put on a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import annotating, exits, text
from ckpt_indexer.cli.command import QueryCommand
from ckpt_indexer.cli.options import ref_argument

if TYPE_CHECKING:
    from ckpt_indexer.cli.annotating import Wish
    from ckpt_indexer.cli.session import Session


class TagCommand(QueryCommand):
    """Takes `-x` for a tag of one letter, too, where that is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Turn tags that are to be taken away into their `^` form, which click leaves alone."""
        options = {name for param in self.get_params(ctx) for name in param.opts} | {"-h", "--"}
        words = ["^" + arg[1:] if _is_letter(arg) and arg not in options else arg for arg in args]
        return super().parse_args(ctx, words)


def _is_letter(arg: str) -> bool:
    return len(arg) == 2 and arg.startswith("-")


@click.command(
    "tag",
    cls=TagCommand,
    codes=annotating.TROUBLES,
    examples=(
        "ckpt-indexer tag 42 +baseline -candidate",
        "ckpt-indexer tag runs/a/checkpoints/best.ckpt '+paper table 2'",
        "ckpt-indexer tag 42 --list",
        "ckpt-indexer tag 42 +released --to-sidecar --dry-run",
        "ckpt-indexer ls tag:baseline",
    ),
)
@ref_argument
@click.argument("changes", nargs=-1, metavar="[+TAG|-TAG]...")
@click.option("--add", "added", multiple=True, metavar="TAG", help="The same as +TAG; may be given again.")
@click.option("--remove", "removed", multiple=True, metavar="TAG", help="The same as -TAG; may be given again.")
@click.option("--list", "listing", is_flag=True, help="Show what is said about it; change nothing.")
@annotating.wish_options
@click.pass_obj
def command(
    session: Session, ref: str, changes: tuple[str, ...],
    *, added: tuple[str, ...], removed: tuple[str, ...], listing: bool, wish: Wish,
) -> int:  # fmt: skip
    """Add tags to a checkpoint and take them away.

    REF is an id, a path, or a query with one answer. Tags survive moves, rewrites and rebuilds of the catalog: they are
    kept in a journal beside it, too. `ls tag:NAME` finds them. Tags in the checkpoint's document are shown with them;
    only --to-sidecar changes those: it shows what it writes and keeps the old document as .bak. A running daemon does
    the writing.

    The JSON object has the keys id, root, path, tags, notes, pinned and seq; with --to-sidecar also dry_run and
    documents [{checkpoint, outcome, reason, message, document, backup}].
    """
    from ckpt_indexer.metadata.tagging import checked_tags
    from ckpt_indexer.store.notes import Edit

    plus, minus = _signed(changes)
    adds, removes = checked_tags((*plus, *added)), tuple(tag.strip() for tag in (*minus, *removed))
    changing = bool(adds or removes)
    _check(adds, removes, listing=listing and (changing or wish.to_sidecar))
    (row,) = annotating.rows_of(session, [ref])
    tags = tuple(tag for tag in dict.fromkeys((*row["tags"], *adds)) if tag not in removes)
    if changing and not wish.dry_run:
        (row,) = annotating.annotated(session, [row], Edit(adds, removes))
    if wish.to_sidecar:
        from ckpt_indexer.tools.annotate import Said

        said = Said(tags, row["notes"])
        return annotating.write_document(session, row, said, wish)
    annotating.show(row, as_json=wish.as_json)
    left = [tag for tag in removes if tag in row["tags"]]
    if left:
        listed = ", ".join(map(text.shown, left))
        session.say(f"still there, because the document beside the checkpoint says so: {listed} (see --to-sidecar)")
    return exits.NEGATIVE if left else exits.OK


def _signed(changes: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the tags to add and those to take away."""
    for change in changes:
        if change[:1] not in ("+", "^", "-"):
            raise click.UsageError(f"'{text.shown(change)}': write +TAG to add a tag, -TAG to take it away")
    plus = [change[1:] for change in changes if change.startswith("+")]
    return plus, [change[1:] for change in changes if not change.startswith("+")]


def _check(adds: tuple[str, ...], removes: tuple[str, ...], *, listing: bool) -> None:
    both = set(adds) & set(removes)
    if both:
        raise click.UsageError(f"'{text.shown(min(both))}' is to be added and taken away")
    if listing:
        raise click.UsageError("--list changes nothing: leave the other options and tags out")
