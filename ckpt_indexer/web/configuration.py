"""What an experiment was made of and trained with, as rows of key and value that a reader can search. Pure.

Its checkpoints mostly agree; where they do not, as after a resumed training, each value is shown once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.web import parts, words
from ckpt_indexer.web.markup import Html, join, tag
from ckpt_indexer.web.parts import Cell, Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Row = Mapping[str, Any]  # JSON values

FACTS = (
    "architecture", "backbone", "decoder", "head", "loss", "num_parameters", "dataset", "split", "training_phase",
    "max_epochs", "monitor", "monitor_mode", "run_id", "run_dir", "wandb_run_id", "config_path",
)  # fmt: skip
"""Row keys that say it; components follow, and hyper-parameters as queries name them."""
MOST, MOST_VALUES, LONGEST = 2000, 5, 1000
"""Rows, values of one row, and characters of a value that are shown."""


def configuration(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return name -> its values, in the order in which they came up; what nobody says is left out."""
    found: dict[str, dict[str, None]] = {}
    before: Row = {}
    for row in rows:
        for name, value in _facts(row, before):
            if value is not None:
                found.setdefault(name, {})[words.plain(value)] = None
        before = row
    return {name: list(values) for name, values in found.items()}


def _facts(row: Row, before: Row) -> Iterator[tuple[str, Any]]:  # JSON values
    """Yield what a row says; components and hyper-parameters only where they are not those of the row before."""
    yield from ((key, row[key]) for key in FACTS)
    if row["components"] != before.get("components"):
        for part in row["components"]:
            role = f"components.{part.get('role')}"
            yield role, part.get("name")
            yield from ((f"{role}.{key}", value) for key, value in (part.get("params") or {}).items())
    if row["params"] != before.get("params"):
        yield from ((f"param.{key}", value) for key, value in row["params"].items())


def section(rows: Sequence[Row]) -> Html | None:
    """Return the configuration of some rows with the field that searches it; None where nobody says any."""
    found = configuration(rows)
    if not found:
        return None
    listed = list(found.items())[:MOST]
    field = tag(
        "input", type="search", id="ckpt-q", name="find", placeholder="search names and values", autocomplete="off",
        spellcheck="false", aria_label="Search the configuration", aria_controls="ckpt-configuration", maxlength=200,
        data_narrows="ckpt-configuration",
    )  # fmt: skip
    more = None if len(found) <= MOST else tag("p", f"The first {MOST:,} of {len(found):,}.", class_="ckpt-dim")
    table = parts.table(
        "Configuration", (Column("name"), Column("value")), [(Cell(name, name), _value(said)) for name, said in listed]
    )
    return tag(
        "section",
        tag("h2", "Configuration"),
        tag("div", field, " ", tag("span", f"{len(listed):,} values", role="status", class_="ckpt-dim"),
            class_="ckpt-row ckpt-find"),
        more,
        tag("div", table, id="ckpt-configuration"),
        class_="ckpt-card",
    )  # fmt: skip


def _value(said: Sequence[str]) -> Cell:
    shown = [one if len(one) <= LONGEST else one[:LONGEST] + "…" for one in said[:MOST_VALUES]]
    if len(said) > MOST_VALUES:
        shown.append(f"and {len(said) - MOST_VALUES:,} more")
    lines = [tag("div", one) for one in shown]
    return Cell(join(lines) if len(lines) > 1 else shown[0], said[0][:LONGEST])
