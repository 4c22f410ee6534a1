"""`ckpt-indexer convert`: documents for checkpoints that have none."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from ckpt_indexer.cli import exits, logs, output, stdout
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import OBJECT_FORMATS, Output, output_options
from ckpt_indexer.cli.places import places
from ckpt_indexer.cli.plans import Progress, show, summary_lines, tell_of_places, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.tools.plan import Plan
    from ckpt_indexer.tools.selection import Wanted


@click.command(
    "convert",
    cls=Command,
    codes=(exits.NEGATIVE,),
    examples=(
        "ckpt-indexer convert outputs/ --dry-run",
        "ckpt-indexer convert --exp-dir outputs/dbnet-1",
        "ckpt-indexer convert --checkpoint outputs/dbnet-1/checkpoints/best.ckpt -v",
        "ckpt-indexer convert --outputs-dir outputs/ --force --json > converted.json",
    ),
)
@places
@click.option("--force", is_flag=True, help="Write documents that exist anew; the old ones are kept as .bak.")
@click.option("--dry-run", is_flag=True, help="Show the plan; write nothing.")
@click.option("--to", type=click.Choice(["2.0", "1.0"]), default="2.0", help="The version to write.  [default: 2.0]")
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def command(session: Session, *, wanted: Wanted, force: bool, dry_run: bool, to: str, form: Output) -> int:
    """Write a metadata document for every checkpoint that has none.

    Everything that is known goes into it: from the checkpoint itself, its run's configuration and logs, its name; each
    value with its origin. The plan is shown, then carried out. An existing document is left alone without --force; one
    of a newer version always is. A link is skipped: the document of its target counts. Without PATH all known roots are
    looked at.

    The JSON object has the keys dry_run, found, converted, skipped, failed, reasons, sources, complete, seconds,
    checkpoints [{checkpoint, outcome, reason, message, document, backup, sources, left_out}] and problems. In a dry run
    `converted` are those that would be.
    """
    from ckpt_indexer import __version__
    from ckpt_indexer.app.documents import Run
    from ckpt_indexer.tools.convert import Options

    logs.configure(session)
    options = Options(force=force, version=to, program=f"ckpt-indexer {__version__} convert")
    as_lines = form.format != "json"
    with closing(Progress(session)) as progress:
        run = Run(dry_run, progress, (lambda plan: show(planned(plan, session), progress)) if as_lines else None)
        plan = session.app.convert(session.settings, wanted, options, run)
    if as_lines:
        stdout.lines(summary_lines(plan, "converted"))
    else:
        output.json_object(to_json(plan))
    tell_of_places(session, plan.places(), complete=plan.complete)
    return exits.OK if plan.ok else exits.NEGATIVE


def planned(plan: Plan, session: Session) -> Iterator[str]:
    """Yield a line per document to be written, with the sources it comes from, and one per failure."""
    for step in plan.steps:
        yield from told(step, plan, verbose=session.verbosity > 0, detail=_origins(step.told.get("sources", {})))


def _origins(sources: dict[str, str]) -> list[str]:
    """Return `header: epoch, global_step` for every source."""
    fields: dict[str, list[str]] = {}
    for field, source in sources.items():
        fields.setdefault(source, []).append(field)
    return [f"{source}: {', '.join(names)}" for source, names in fields.items()]


def to_json(plan: Plan) -> dict[str, Any]:  # JSON values
    """Return the object that `--json` prints."""
    from ckpt_indexer.tools.convert import sources_of
    from ckpt_indexer.tools.plan import Outcome

    words = {Outcome.WRITE: "converted", Outcome.SKIP: "skipped", Outcome.FAIL: "failed"}
    items = [{**step.to_dict("checkpoint"), "outcome": words[step.outcome]} for step in plan.steps]
    return {
        "dry_run": plan.dry_run,
        "found": len(plan.steps),
        **{word: plan.count(outcome) for outcome, word in words.items()},
        "reasons": plan.reasons(Outcome.SKIP) | plan.reasons(Outcome.FAIL),
        "sources": sources_of(plan.steps),
        "complete": plan.complete,
        "seconds": round(plan.seconds, 3),
        "checkpoints": items,
        "problems": plan.places(),
    }
