"""`ckpt-indexer show`: all about one checkpoint."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from ckpt_indexer.catalog.views import ROW_KEYS
from ckpt_indexer.cli import exits, freshness, output, stdout, text
from ckpt_indexer.cli.command import Command
from ckpt_indexer.cli.options import LIST_FORMATS, Output, output_options, ref_argument, refresh_option
from ckpt_indexer.cli.progress import reconcile
from ckpt_indexer.cli.sections import section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ckpt_indexer.catalog.views import Row
    from ckpt_indexer.cli.session import Session

SECTIONS = (
    ("what", ("experiment", "run_id", "epoch", "global_step", "max_epochs", "training_phase", "saved_as", "created_at",
              "dataset", "split", "monitor", "monitor_mode", "wandb_run_id", "tags", "notes", "pinned")),
    ("model", ("architecture", "backbone", "decoder", "head", "loss", "num_parameters")),
    ("files", ("abs_path", "root", "format", "size_bytes", "mtime", "run_dir", "config_path", "has_sidecar",
               "sidecar_state", "schema_version", "read_state", "presence", "alias_of", "duplicate_of")),
)  # fmt: skip
HEADLINE = ("hmean", "precision", "recall", "validation_loss")
EMPTY: tuple[object, ...] = (None, "", [], {})


@click.command(
    "show",
    cls=Command,
    codes=(exits.NEGATIVE, exits.DATABASE, exits.LOCKED, exits.FUTURE),
    examples=(
        "ckpt-indexer show 42",
        "ckpt-indexer show outputs/dbnet/checkpoints/best.ckpt",
        "ckpt-indexer show 'exp:dbnet-1 saved_as:last' --json",
        "ckpt-indexer show 42 --explain",
    ),
)
@ref_argument
@click.option("--explain", is_flag=True, help="Field by field: who said what.")
@refresh_option
@output_options(*LIST_FORMATS)
@click.pass_obj
def command(session: Session, ref: str, *, explain: bool, refresh: bool, form: Output) -> None:
    """Show one checkpoint: what it is, its numbers, its files, who said so, what is wrong.

    REF is an id, a path, or a query with one answer. The JSON object is the row as `ls` gives it.
    """
    if refresh:
        reconcile(session)
    with closing(session.app.open_catalog(session.settings)) as catalog:
        row = catalog.get(ref)
        if form.format == "json":
            output.json_object(row)
        elif form.format == "table":
            stdout.lines(explained(row) if explain else described(row))
        else:
            output.rows(session, form, [row], (), ROW_KEYS)
        freshness.tell_of_catalog(session, catalog)


def described(row: Row) -> Iterator[str]:
    """Yield the sections of one checkpoint."""
    yield f"{text.shown(row['path'])} (id {row['id']})"
    sections = [(title, {key: row[key] for key in keys if row[key] not in EMPTY}) for title, keys in SECTIONS]
    yield from section(*sections[0])
    yield from section("metrics", _metrics(row))
    model = sections[1][1] | {
        f"{part['role']} params": part["params"] for part in row["components"] if part.get("params")
    }
    yield from section("model", model)
    if row["params"]:
        yield from section("parameters", row["params"])
    yield from section("files", sections[2][1] | {"size_bytes": _exact_size(row)})
    yield from section("provenance", _provenance(row))
    yield from section("problems", [f"{problem['kind']}: {problem['message']}" for problem in row["problems"]])
    yield from section("conflicts", [_conflict(conflict) for conflict in row["conflicts"]])


def _metrics(row: Row) -> dict[str, Any]:  # JSON values
    headline = {name: row[name] for name in HEADLINE if row[name] is not None}
    step = {} if row["metrics_step"] is None else {"measured at step": row["metrics_step"]}
    return headline | {name: value for name, value in row["metrics"].items() if name not in headline} | step


def _exact_size(row: Mapping[str, Any]) -> str:  # JSON values
    return f"{text.size(row['size_bytes'])} ({row['size_bytes']:,} bytes)"


def _provenance(row: Row) -> dict[str, str]:
    details = row.details()
    return {
        field: f"{source} ({details[source]})" if source in details else source
        for field, source in row["provenance"].items()
    }


def _conflict(conflict: Mapping[str, Any]) -> str:  # JSON values
    kept, other = text.cell(conflict["kept"]), text.cell(conflict["other"])
    return f"{conflict['field']}: {kept} ({conflict['kept_source']}) kept, {conflict['other_source']} says {other}"


def explained(row: Row) -> Iterator[str]:
    """Yield a line per field: its value, the source it came from and where there, what others say."""
    details = row.details()
    others: dict[str, list[str]] = {}
    for conflict in row["conflicts"]:
        said = f"{conflict['other_source']}: {text.cell(conflict['other'])}"
        others.setdefault(conflict["field"], []).append(said)
    lines = [("field", "value", "source", "where", "others say")]
    said_by = row["provenance"]
    for field in [*said_by, *(field for field in others if field not in said_by)]:
        source = said_by.get(field)
        where = text.cell(details.get(source)) if source is not None else text.UNKNOWN
        for name, value in _values(row, field):
            disagreeing = "; ".join(others.get(name, ())) or text.UNKNOWN
            lines.append((name, value, text.cell(source), where, disagreeing))
    yield from text.columns([tuple(map(text.shown, line)) for line in lines])


def _values(row: Row, field: str) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of a field: one line per metric, parameter and component."""
    said_alone = row["provenance"].keys()
    if field in {"metrics", "params"}:
        for name, value in row[field].items():
            if f"{field}.{name}" not in said_alone:
                yield f"{field}.{name}", text.cell(value)
    elif field == "components":
        for part in row["components"]:
            params = ", ".join(f"{key}={text.cell(value)}" for key, value in part["params"].items())
            yield f"components.{part['role']}", f"{text.cell(part['name'])} {f'({params})' if params else ''}".rstrip()
    elif field in ROW_KEYS:
        yield field, text.cell(row[field])
    else:
        yield field, text.cell(_inside(row, *field.split(".", 1)))


def _inside(row: Row, section_name: str, name: str = "") -> object:
    """Return the value of `metrics.NAME`, `params.KEY` or `components.ROLE.PARAM`; None when there is none."""
    inner = row[section_name] if section_name in ROW_KEYS else {}
    if isinstance(inner, dict):
        return inner.get(name)
    role, _, param = name.partition(".")
    return next((part["params"].get(param) for part in inner if part["role"] == role), None)
