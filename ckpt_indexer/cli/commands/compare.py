"""`ckpt-indexer compare`: checkpoints side by side."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from ckpt_indexer.catalog.compare import differ, side_by_side
from ckpt_indexer.cli import comparison, exits, freshness, output, stdout
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import OBJECT_FORMATS, Output, output_options, refresh_option, refs_argument
from ckpt_indexer.cli.progress import reconcile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.cli.session import Session
    from ckpt_indexer.readers.structures import Structure
    from ckpt_indexer.tools.compare_weights import WeightsPair

MOST = 12


@click.command(
    "compare",
    cls=Command,
    codes=(exits.NEGATIVE, exits.DATABASE, exits.LOCKED, exits.FUTURE),
    examples=(
        "ckpt-indexer compare 42 57",
        "ckpt-indexer compare runs/a/checkpoints/best.ckpt runs/b/checkpoints/best.ckpt --all",
        "ckpt-indexer compare 42 57 --weights",
        "ckpt-indexer compare 42 57 63 --json | jq .fields.hmean",
    ),
)
@refs_argument("REF REF...")
@click.option("--all", "everything", is_flag=True, help="Show equal values and every tensor, too.")
@click.option("--weights", is_flag=True, help="Compare names, shapes and types of the tensors; reads the files.")
@refresh_option
@output_options(*OBJECT_FORMATS)
@click.pass_obj
def command(
    session: Session, refs: tuple[str, ...], *, everything: bool, weights: bool, refresh: bool, form: Output
) -> int:
    """Show checkpoints side by side: metrics, training, model, hyper-parameters, files; only what differs.

    REF is an id, a path, or a query with one answer; 2 to 12 of them. With --weights the state dicts of the first and
    of each other one are compared, by names and shapes; no weights are loaded. A prefix that a wrapper put before all
    names does not count. Exit 1 when the tensors of one of them cannot be read.

    The JSON object has the keys rows, fields {field: [value per row]}, and with --weights
    weights {checkpoints [{id, tensors, left_out, message}], pairs [{first, other, same, only_first, only_other, shapes,
    dtypes, prefixes, up_to}]}.
    """
    if not 2 <= len(refs) <= MOST:
        raise click.UsageError(f"name 2 to {MOST} checkpoints; {len(refs)} were named")
    if refresh:
        reconcile(session)
    with closing(session.app.open_catalog(session.settings)) as catalog:
        rows = catalog.compare(refs)["rows"]
        fields = {name: values for name, values in side_by_side(rows).items() if everything or differ(values)}
        found = session.app.structures(session.settings, [row["id"] for row in rows]) if weights else []
        pairs = _pairs(found)
        if form.format == "json":
            output.json_object(to_json(rows, fields, found, pairs))
        else:
            stdout.lines(comparison.described(rows, fields))
            stdout.lines(comparison.weights(rows, found, pairs, everything=everything))
        freshness.tell_of_catalog(session, catalog)
    if not fields.keys() - {"path"}:
        session.say("what is known of them does not differ")
    _tell_of_trouble(session, rows, found)
    return exits.NEGATIVE if any(not one.tensors for one in found) else exits.OK


def _pairs(found: Sequence[Structure]) -> list[WeightsPair]:
    """Return the first state dict against each other one."""
    from ckpt_indexer.tools.compare_weights import compare_weights

    return [compare_weights(found[0], other) for other in found[1:]]


def _tell_of_trouble(session: Session, rows: Sequence[Row], found: Sequence[Structure]) -> None:
    for row, structure in zip(rows, found, strict=False):
        if structure.trouble is not None:
            session.say(f"{row['path']} (id {row['id']}): {structure.trouble}")


def to_json(
    rows: Sequence[Row], fields: dict[str, list[Any]], found: Sequence[Structure], pairs: Sequence[WeightsPair]
) -> dict[str, Any]:  # JSON values
    """Return the object that `--json` prints."""
    made: dict[str, Any] = {"rows": [dict(row) for row in rows], "fields": fields}
    if found:
        told = [
            {"id": row["id"], "tensors": len(one.tensors), "left_out": one.left_out, "message": one.trouble}
            for row, one in zip(rows, found, strict=True)
        ]
        others = [
            {"first": rows[0]["id"], "other": row["id"], **pair.to_dict()}
            for row, pair in zip(rows[1:], pairs, strict=True)
        ]
        made["weights"] = {"checkpoints": told, "pairs": others}
    return made
