"""`ckpt-indexer doctor`: is everything in order, and if not, what to do."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from ckpt_indexer.cli import exits, output, stdout, text
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import OBJECT_FORMATS, Output, output_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.tools.doctor import Check, Checkup

INDENT = "  "


@click.command(
    "doctor",
    cls=Command,
    codes=(exits.NEGATIVE,),
    examples=(
        "ckpt-indexer doctor",
        "ckpt-indexer doctor --db /data/catalog.db",
        "ckpt-indexer doctor --json | jq '.checks[] | select(.verdict != \"ok\")'",
    ),
)
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def command(session: Session, *, form: Output) -> int:
    """Check the installation, the settings, the catalog, its daemon and its roots, and say what to do.

    Each check ends as ok, warning, failed or skipped, with what to do about it. Exit 0 when nothing failed, else 1;
    warnings do not count. Nothing is created, upgraded or repaired. Settings that cannot be read are a failed check.

    The JSON object has the keys ok, version, counts {ok, warning, failed, skipped}, seconds and
    checks [{name, verdict, message, fix, facts {...}}]; names are stable, `fix` is null where nothing is to be done.
    """
    from ckpt_indexer.app.checkup import Circumstances

    surroundings = Circumstances(session.read_settings, session.now, session.config, session.cwd, session.environ)
    checkup = session.app.doctor(surroundings)
    if form.format == "json":
        output.json_object(checkup.to_dict())
    else:
        stdout.lines(described(checkup))
    return exits.OK if checkup.ok else exits.NEGATIVE


def described(checkup: Checkup) -> Iterator[str]:
    """Yield a section per kind of check, a line per check and one below it for its fix, then the counts."""
    rows = [(str(check.verdict), check.word, text.shown(check.message)) for check in checkup.checks]
    lines = dict(zip([check.name for check in checkup.checks], text.columns(rows) if rows else (), strict=True))
    for section, checks in groupby(checkup.checks, key=lambda check: check.section):
        yield section
        for check in checks:
            yield INDENT + lines[check.name]
            yield from _fix(check)
        yield ""
    counts = checkup.counts()
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    yield f"{text.count(len(checkup.checks), 'check')}: {told or 'none'}"


def _fix(check: Check) -> Iterator[str]:
    if check.fix is not None:
        yield f"{INDENT * 2}to do: {text.shown(check.fix)}"
