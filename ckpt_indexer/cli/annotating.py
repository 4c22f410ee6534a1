"""What `tag`, `note`, `pin` and `unpin` share: saying it, showing what is said now, and writing it into a document."""

from __future__ import annotations

from contextlib import closing
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

from ckpt_indexer.cli import exits, output, stdout, text
from ckpt_indexer.cli.plans import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.store.notes import Edit
    from ckpt_indexer.tools.annotate import Said
    from ckpt_indexer.tools.plan import Plan, Step

    F = TypeVar("F", bound=Callable[..., Any])  # click decorates functions of every shape

TROUBLES = (exits.NEGATIVE, exits.DATABASE, exits.LOCKED, exits.FUTURE)
KEYS = ("id", "root", "path", "tags", "notes", "pinned", "seq")


class Wish(NamedTuple):
    """How a command was asked to go on."""

    to_sidecar: bool = False
    dry_run: bool = False
    as_json: bool = False


def wish_options(function: F) -> F:
    """Add `--to-sidecar`, `--dry-run` and `--json`. The command gets `wish`."""

    @wraps(function)
    def with_wish(*args: Any, to_sidecar: bool, dry_run: bool, as_json: bool, **rest: Any) -> Any:  # noqa: ANN401  # what click hands over
        if dry_run and not to_sidecar:
            raise click.UsageError("--dry-run goes with --to-sidecar")
        return function(*args, wish=Wish(to_sidecar, dry_run, as_json), **rest)

    decorated = click.option("--json", "as_json", is_flag=True, help="Print what is said now as a JSON object.")(
        with_wish
    )
    text = "With --to-sidecar: show what would be written; change nothing."
    decorated = click.option("--dry-run", is_flag=True, help=text)(decorated)
    text = "Write tags and notes into the document beside it, too."
    return cast("F", click.option("--to-sidecar", is_flag=True, help=text)(decorated))


def rows_of(session: Session, refs: Sequence[str | int]) -> list[Row]:
    """Return the rows that references mean. Raises CheckpointNotFound, InvalidFilter, StoreError."""
    with closing(session.app.open_catalog(session.settings)) as catalog:
        return [catalog.get(ref) for ref in refs]


def annotated(session: Session, rows: Sequence[Row], edit: Edit) -> list[Row]:
    """Say something about checkpoints and return their rows as they are then."""
    session.app.annotate(session.settings, [row["id"] for row in rows], edit)
    return rows_of(session, [row["id"] for row in rows])


def facts(row: Row) -> dict[str, Any]:  # JSON values
    """Return what people say about a checkpoint."""
    return {key: row[key] for key in KEYS}


def show(row: Row, *, as_json: bool) -> None:
    """Print what is said about a checkpoint now."""
    if as_json:
        output.json_object(facts(row))
    else:
        stdout.lines(described(row))


def described(row: Row) -> Iterator[str]:
    """Yield a line for the checkpoint and one for each thing that is said."""
    yield f"{text.shown(row['path'])} (id {row['id']})"
    said = [
        ("tags", ", ".join(map(text.shown, row["tags"]))),
        ("notes", text.shown(row["notes"] or "")),
        ("pinned", "yes" if row["pinned"] else ""),
    ]
    yield from (f"  {line}" for line in text.columns([pair for pair in said if pair[1]] or [("nothing is said",)]))


def write_document(session: Session, row: Row, said: Said, wish: Wish) -> int:
    """Write tags and notes into the document, plan first; print what became of it and return the exit code."""
    from ckpt_indexer.app.documents import Run

    def planned(plan: Plan) -> None:
        stdout.lines(line for step in plan.steps for line in _lines(step, plan, said))
        stdout.flush()

    run = Run(wish.dry_run, None, None if wish.as_json else planned)
    plan = session.app.annotate_document(session.settings, row["id"], said, run)
    if wish.as_json:
        documents = [step.to_dict("checkpoint") for step in plan.steps]
        output.json_object({**facts(row), "dry_run": wish.dry_run, "documents": documents})
    else:
        stdout.lines(line for step in plan.turned for line in told(step, plan, verbose=True))
        stdout.lines(_kept(plan.steps))
    return exits.OK if all(_is_done(step) for step in plan.steps) else exits.NEGATIVE


def _lines(step: Step, plan: Plan, said: Said) -> Iterator[str]:
    detail = [f"tags: {', '.join(said.tags)}"] if said.tags else []
    detail += [f"notes: {said.notes}"] if said.notes else []
    yield from told(step, plan, verbose=True, detail=detail)


def _kept(steps: Sequence[Step]) -> Iterator[str]:
    from ckpt_indexer.metadata.naming import display

    yield from (f"kept   {text.shown(display(step.backup))}" for step in steps if step.backup is not None)


def _is_done(step: Step) -> bool:
    """Tell whether the document says now, or would say, what was asked for."""
    from ckpt_indexer.tools.plan import Outcome

    return step.outcome is Outcome.WRITE or step.reason == "unchanged"
