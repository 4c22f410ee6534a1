"""`ckpt-indexer scan`: make the catalog equal the disk, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import exits, logs, output, stdout, text
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import OBJECT_FORMATS, Output, output_options, root_argument, roots_are_typed
from ckpt_indexer.cli.progress import showing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.ingest.summary import ScanSummary

COUNTS = ("added", "changed", "moved", "missing", "unchanged")
WORRIES = ("degraded", "unreadable", "pending")


@click.command(
    "scan",
    cls=Command,
    codes=(exits.NEGATIVE, exits.DATABASE, exits.LOCKED, exits.FUTURE),
    examples=(
        "ckpt-indexer scan outputs/",
        "ckpt-indexer scan",
        "ckpt-indexer scan outputs/2026-11-20 --full",
        "ckpt-indexer scan --strict --json > scan.json",
    ),
)
@root_argument
@click.option("--full", is_flag=True, help="Read every file anew, unchanged ones too.")
@click.option("--strict", is_flag=True, help="Exit 1 when a file is unreadable.")
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def command(session: Session, roots: tuple[Path, ...], *, full: bool, strict: bool, form: Output) -> int:
    """Look at directories once and bring the catalog up to date.

    A new ROOT is remembered; one inside a known root looks at that part only; without ROOT every known one is looked
    at. A running daemon does the work when it holds the catalog.
    """
    logs.configure(session)
    settings = session.settings
    with roots_are_typed(roots), showing(session) as progress:
        summary = session.app.scan(settings, roots, full=full, progress=progress)
    if form.format == "json":
        output.json_object(summary.to_dict())
    else:
        stdout.write("".join(line + "\n" for line in described(summary)))
    if summary.pending:
        session.say(f"{text.count(summary.pending, 'file')} kept changing and will be read by the next scan")
    if summary.unreadable:
        session.say("see what is wrong: ckpt-indexer ls read_state:unreadable")
    return exits.NEGATIVE if strict and summary.unreadable else exits.OK


def described(summary: ScanSummary) -> Iterator[str]:
    """Yield what happened in a line, then a line on what a person should look at, if anything."""
    facts = summary.to_dict()
    by = " by the running daemon" if summary.by_daemon else ""
    roots = ", ".join(map(text.shown, summary.roots)) or "nothing"
    yield f"scanned {roots} in {summary.seconds:.1f} s{by}: {text.count(summary.found, 'checkpoint')}"
    yield "  " + ", ".join(f"{facts[name]:,} {name}" for name in COUNTS)
    worries = [f"{facts[name]:,} {name}" for name in WORRIES if facts[name]]
    if summary.problems:
        worries.append(
            text.count(summary.problems, "place that could not be listed", "places that could not be listed")
        )
    if worries:
        yield "  " + ", ".join(worries)
