"""`ckpt-indexer migrate-metadata`: documents of an older version as documents of this one."""

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
    from ckpt_indexer.tools.plan import Plan, Step
    from ckpt_indexer.tools.selection import Wanted


@click.command(
    "migrate-metadata",
    cls=Command,
    codes=(exits.NEGATIVE,),
    examples=(
        "ckpt-indexer migrate-metadata outputs/ --dry-run",
        "ckpt-indexer migrate-metadata outputs/dbnet-1",
        "ckpt-indexer migrate-metadata outputs/dbnet-1/checkpoints/best.metadata.yaml -v",
        "ckpt-indexer migrate-metadata outputs/ --to 1.0 --force",
    ),
)
@places
@click.option("--to", type=click.Choice(["2.0", "1.0"]), default="2.0", help="The version to write.  [default: 2.0]")
@click.option("--force", is_flag=True, help="Write an older version although it has no place for all there is.")
@click.option("--dry-run", is_flag=True, help="Show the plan; write nothing.")
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def command(session: Session, *, wanted: Wanted, to: str, force: bool, dry_run: bool, form: Output) -> int:
    """Rewrite metadata documents of an older version in place, keeping each as .bak.

    Reading never needs this: documents of every version are read forever. Nothing is lost: unknown keys stay, and what
    is no fact in version 2.0 moves to `upgraded_from`. A JSON document becomes YAML under the same stem. Left alone:
    documents of a newer version, invalid ones, links. Without PATH all known roots are looked at.

    The JSON object has the keys dry_run, found, migrated, skipped, failed, reasons, complete, seconds,
    documents [{path, outcome, reason, message, document, backup, from, to, lost}] and problems. In a dry run `migrated`
    are those that would be.
    """
    from ckpt_indexer.app.documents import Run
    from ckpt_indexer.tools.migrate_metadata import Options

    logs.configure(session)
    as_lines = form.format != "json"
    with closing(Progress(session)) as progress:
        run = Run(dry_run, progress, (lambda plan: show(planned(plan, session), progress)) if as_lines else None)
        plan = session.app.migrate_metadata(session.settings, wanted, Options(to=to, force=force), run)
    if as_lines:
        stdout.lines(summary_lines(plan, "migrated"))
    else:
        output.json_object(to_json(plan))
    tell_of_places(session, plan.places(), complete=plan.complete)
    return exits.OK if plan.ok else exits.NEGATIVE


def planned(plan: Plan, session: Session) -> Iterator[str]:
    """Yield the lines of the plan: what is written from which version, and what is lost."""
    for step in plan.steps:
        worth_a_look = step.reason in {"invalid", "newer", "impossible"}
        yield from told(step, plan, verbose=session.verbosity > 0 or worth_a_look, detail=[f"from {_versions(step)}"])
        if step.told.get("lost") and step.reason != "newer":
            yield f"    lost: {', '.join(step.told['lost'])}"


def _versions(step: Step) -> str:
    return f"{step.told.get('from', '?')} to {step.told.get('to', '?')}"


def to_json(plan: Plan) -> dict[str, Any]:  # JSON values
    """Return the object that `--json` prints."""
    from ckpt_indexer.tools.plan import Outcome

    words = {Outcome.WRITE: "migrated", Outcome.SKIP: "skipped", Outcome.FAIL: "failed"}
    items = [{**step.to_dict("path"), "outcome": words[step.outcome]} for step in plan.steps]
    return {
        "dry_run": plan.dry_run,
        "found": len(plan.steps),
        **{word: plan.count(outcome) for outcome, word in words.items()},
        "reasons": plan.reasons(Outcome.SKIP) | plan.reasons(Outcome.FAIL),
        "complete": plan.complete,
        "seconds": round(plan.seconds, 3),
        "documents": items,
        "problems": plan.places(),
    }
