"""The best rows of a ranking, seen from two sides: what they have in common, and how they trade precision for recall.
Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.web import charts, parts
from ckpt_indexer.web.parallel import Axis, parallel
from ckpt_indexer.web.parts import Column
from ckpt_indexer.web.words import address, metric_field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.web.charts import Options
    from ckpt_indexer.web.markup import Html

    Row = Mapping[str, Any]  # JSON values

LEVELS = (0.80, 0.85, 0.90, 0.95)
KINDS = ("backbone", "decoder", "dataset")
NUMBERS = ("num_parameters", "precision", "recall")


class Question(NamedTuple):
    """A ranking, as an address asks for it."""

    metric: str
    """Empty: what the models are judged by."""
    by: str
    """Empty: the backbone, or what is known in its place."""
    query: str
    mode: str | None


class Drawing(NamedTuple):
    """A chart and its numbers."""

    title: str
    options: Options
    table: Html
    axes: Sequence[Axis] = ()
    """What lines cross, if they do."""


def common(rows: Sequence[Row], metric: str) -> Drawing | None:
    """Return a line for each row over what tells rows apart; None where nothing does but the metric itself."""
    axes = [
        axis
        for axis in _axes(rows)
        if axis.name != metric and len({value for value in axis.values if value is not None}) > 1
    ]
    if not axes or len(rows) < 2:
        return None
    ranked = [row["value"] for row in rows]
    is_inverted = ranked[0] < ranked[-1]  # the best comes first, and stands on top
    whole = [*axes, Axis(metric, ranked, is_number=True, is_inverted=is_inverted, field=metric_field(metric))]
    columns = [Column("checkpoint"), *(Column(axis.name.replace("_", " "), axis.is_number) for axis in whole)]
    made = [
        (_link(row), *(_cell(axis, place) for axis in whole))
        for place, row in enumerate(rows)
    ]  # fmt: skip
    title = f"What the best {len(rows):,} have in common"
    return Drawing(title, parallel(whole), parts.table(title, columns, made), whole)


def trade(rows: Sequence[Row]) -> Drawing | None:
    """Return precision over recall; None where no row has both."""
    points = [row for row in rows if row["precision"] is not None and row["recall"] is not None]
    if not points:
        return None
    columns = (Column("checkpoint"), *(Column(name, is_number=True) for name in ("precision", "recall", "hmean")))
    made = [(_link(row), *(parts.metric(row[name]) for name in ("precision", "recall", "hmean"))) for row in points]
    pairs = [(row["recall"], row["precision"]) for row in points]
    title = f"Precision and recall of the best {len(points):,}"
    options = charts.scatter(pairs, x="recall", y="precision", curves=LEVELS)
    return Drawing(title, options, parts.table(title, columns, made))


def _axes(rows: Sequence[Row]) -> list[Axis]:
    kinds = [Axis(name, [row[name] for row in rows]) for name in KINDS]
    when = "epoch" if any(row["epoch"] is not None for row in rows) else "global_step"
    return kinds + [Axis(name, [row[name] for row in rows], is_number=True) for name in (when, *NUMBERS)]


def _cell(axis: Axis, place: int) -> parts.Cell:
    value = axis.values[place]
    if not axis.is_number:
        return parts.said(value)
    return parts.number(value) if isinstance(value, int) else parts.metric(value)


def _link(row: Row) -> parts.Cell:
    return parts.link(row["name"], address(id=str(row["id"])), opens=row["id"])
