"""`ckpt-indexer best`: the best checkpoints of each group."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from ckpt_indexer.catalog.fields import GROUPS
from ckpt_indexer.catalog.views import BEST_KEYS, ROW_KEYS
from ckpt_indexer.cli import exits, freshness, output
from ckpt_indexer.cli.columns import column, shown_columns
from ckpt_indexer.cli.command import QueryCommand
from ckpt_indexer.cli.options import (
    LIST_FORMATS,
    Output,
    metric_option,
    output_options,
    query_argument,
    refresh_option,
)
from ckpt_indexer.cli.progress import reconcile

if TYPE_CHECKING:
    from ckpt_indexer.cli.columns import Column
    from ckpt_indexer.cli.session import Session

BY = (*GROUPS, "none")


def columns(metric: str, by: str, k: int) -> tuple[Column, ...]:
    """Return the columns of a ranking; the group is called by its name, the value by that of the metric."""
    group = (column(by, "group"),) if by != "none" else ()
    rank = (column("rank", right=True, droppable=1),) if k > 1 or by == "none" else ()
    experiment = () if by == "experiment" else (column("experiment", droppable=3),)
    return (
        *group,
        *rank,
        column(metric, "value", right=True),
        column("n", right=True, droppable=4),
        column("ties", right=True, droppable=5),
        *experiment,
        column("epoch", right=True, droppable=2),
        column("path"),
    )


@click.command(
    "best",
    cls=QueryCommand,
    codes=(exits.DATABASE, exits.LOCKED, exits.FUTURE),
    examples=(
        "ckpt-indexer best",
        "ckpt-indexer best --by experiment -k 3 backbone:resnet50",
        "ckpt-indexer best --metric val/iou --by decoder epoch:5.. -o csv",
        "ckpt-indexer best --metric my_error --mode min --json",
        "cp $(ckpt-indexer best --by none -o paths) release.ckpt",
    ),
)
@query_argument
@metric_option("Rank by this metric.")
@click.option("--by", type=click.Choice(BY), default="backbone", show_default=True, metavar="|".join(BY))
@click.option("-k", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="So many per group.")
@click.option("--mode", type=click.Choice(["min", "max"]), help="Which end is better, where that is not known.")
@refresh_option
@output_options(*LIST_FORMATS)
@click.pass_obj
def command(
    session: Session, query: tuple[str, ...],
    *, metric: str, by: str, k: int, mode: str | None, refresh: bool, form: Output,
) -> None:  # fmt: skip
    """Rank checkpoints by a metric: the best of each group, the best group first.

    Ranked are files that are there and have a value of their own, measured at their own step; `n` says how many,
    `ties` how many share the value. QUERY narrows them down, as in `ls`.
    """
    if refresh:
        reconcile(session)
    mode = mode or session.settings.metrics.directions.get(metric)
    with closing(session.app.open_catalog(session.settings)) as catalog:
        page = catalog.best(metric, by, query, k=k, mode=mode)
        output.rows(session, form, page, shown_columns(columns(metric, by, k), page), (*BEST_KEYS, *ROW_KEYS))
        freshness.tell(session, page)
        for warning in page.warnings:
            session.say(warning)
