"""`ckpt-indexer watch`: what happens to the catalog, as it happens."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ckpt_indexer.catalog.fields import GROUPS
from ckpt_indexer.cli import exits, freshness, stdout, text
from ckpt_indexer.cli.command import QueryCommand
from ckpt_indexer.cli.options import metric_option, query_argument

if TYPE_CHECKING:
    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.tools.watch import Event, Follower, Options

POLL_S = 0.25
BY = (*GROUPS, "none")
FACTS = ("experiment", "backbone")


@click.command(
    "watch",
    cls=QueryCommand,
    codes=(exits.NEGATIVE, exits.DATABASE, exits.LOCKED, exits.FUTURE),
    examples=(
        "ckpt-indexer watch",
        "ckpt-indexer watch exp:dbnet-* 'hmean>0.8' --by experiment",
        "ckpt-indexer watch --json | jq -c 'select(.event == \"new_best\") | .row.abs_path'",
        "ckpt-indexer watch exp:dbnet-7 --once --timeout 3600 && ./evaluate.sh",
    ),
)
@query_argument
@metric_option("Tell of new bests of this metric.")
@click.option("--by", type=click.Choice(BY), default="backbone", show_default=True, metavar="|".join(BY))
@click.option("--mode", type=click.Choice(["min", "max"]), help="Which end is better, where that is not known.")
@click.option("--since", type=click.IntRange(min=0), metavar="SEQ", help="Begin after this number; else now.")
@click.option("--once", is_flag=True, help="End after the first changes.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="End after so long.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per line.")
@click.pass_obj
def command(
    session: Session, /, query: tuple[str, ...],
    *, once: bool, timeout: float | None, as_json: bool, **ranking: Any,  # noqa: ANN401  # metric, by, mode, since
) -> int:  # fmt: skip
    """Follow the catalog: a line for each checkpoint that is new, changed, missing or back, and for each new best.

    QUERY is that of `ls` and narrows down both. A checkpoint is told of once it has been read. The changes come from a
    running daemon, or from scans; this command only looks. Ctrl-C ends it with 130; --timeout with 0, or with 1 where
    --once waited in vain.

    A JSON line has the keys event (new, changed, missing, unreachable, back, new_best, reset), seq, and row as `ls`
    gives it; for new_best also metric, by, group, value and previous. After a reset (the catalog was built anew) seq
    begins anew.
    """
    from ckpt_indexer.tools.watch import Follower, Options

    options = Options(query, **ranking)
    if options.mode is None:
        options = replace(options, mode=session.settings.metrics.directions.get(options.metric))
    ends = None if timeout is None else time.monotonic() + timeout
    with closing(session.app.open_catalog(session.settings)) as catalog:
        follower = Follower(catalog, options)
        freshness.tell_of_catalog(session, catalog)
        try:
            return _follow(follower, options, once=once, ends=ends, as_json=as_json)
        finally:
            session.say(f"seen up to seq {follower.seq} (--since {follower.seq} goes on there)")


def _follow(follower: Follower, options: Options, *, once: bool, ends: float | None, as_json: bool) -> int:
    """Print what happens until it is time to end; return the exit code."""
    while True:
        events = follower.look()
        stdout.lines(text.to_json(event.to_dict(options)) if as_json else described(event, options) for event in events)
        stdout.flush()
        if once and any(event.row is not None for event in events):
            return exits.OK
        left = POLL_S if ends is None else ends - time.monotonic()
        if left <= 0:
            return exits.NEGATIVE if once else exits.OK
        time.sleep(min(POLL_S, left))


def described(event: Event, options: Options) -> str:
    """Return one line about an event."""
    if event.row is None:
        return "reset      the catalog was built anew"
    row = event.row
    path = f"{text.shown(row['path'])} (id {row['id']})"
    if event.kind != "new_best":
        return f"{event.kind:<11}{path}{_facts(row)}"
    group = "" if options.by == "none" else f" of {options.by} {text.cell(event.group)}"
    before = "the first" if event.previous is None else f"was {text.cell(event.previous)}"
    return f"new best   {text.shown(options.metric)} {text.cell(row['value'])}{group}, {before}: {path}"


def _facts(row: Row) -> str:
    """Return what is known about a checkpoint, in few words."""
    words = [text.cell(row[key]) for key in FACTS if row[key] is not None]
    words += [f"{key} {text.cell(row[key])}" for key in ("epoch", "hmean") if row[key] is not None]
    words += [row["read_state"]] if row["read_state"] != "ok" else []
    return f"  {', '.join(words)}" if words else ""
