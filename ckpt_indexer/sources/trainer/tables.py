"""Tables of measurements as trainers write them: comma-separated, one header, one line per moment. Pure.

A header that is repeated (timm writes it again when a run is resumed) and lines of another length are passed over.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.sources.trainer.rows import LIMITED, MAX_CELLS, UNREADABLE, History, Row, is_name, number, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckpt_indexer.sources.around_bytes import Lines
    from ckpt_indexer.sources.trainer.rows import Metrics

MAX_COLUMNS = 2_000


class Layout(NamedTuple):
    """How to read one kind of table."""

    step: str | None
    """Column of the step; None: the table has none and counts in epochs."""
    epoch: str
    picks: Callable[[str], bool]
    """Whether a column is an evaluation: a row counts when it has a value in one."""
    companions: Callable[[str], bool]
    """Whether a column is another measurement of such a row."""
    spoils: Callable[[str], bool]
    """Whether a value in this column makes a row one in which companions cannot be told from training's."""


class _Columns(NamedTuple):
    """Places of the columns of one table."""

    names: list[str]
    step: int | None
    epoch: int | None
    picked: list[int]
    companions: list[int]
    spoiling: list[int]


def read_table(lines: Lines, layout: Layout) -> History:
    """Return the evaluations in a table. One that lacks the columns it is known by has none."""
    history = History(complete=lines.complete)
    text = io.TextIOWrapper(io.BytesIO(lines.data), encoding="utf-8", errors="replace", newline="")
    try:
        _read(csv.reader(text, skipinitialspace=True), layout, history)
    except csv.Error as exc:
        history.problems.append((UNREADABLE, f"no table from some line on ({exc})"))
        history.complete = False
    if not lines.complete:
        history.problems.append((LIMITED, "the table is too large; only its last lines are read"))
    return history


def _read(lines: Iterator[list[str]], layout: Layout, history: History) -> None:
    columns = _columns([name.strip() for name in next(lines, [])], layout)
    if columns is None:
        return
    width, cells = len(columns.names), 0
    counted = columns.step if columns.step is not None else columns.epoch
    rows = history.rows
    for line in lines:
        place = whole(line[counted]) if len(line) == width and counted is not None else None
        if place is None:
            continue
        history.reach(place)
        if any(line[column] for column in columns.picked):
            row = _row(line, columns)
            rows.append(row)
            cells += len(row.metrics)
            if cells > MAX_CELLS:
                cells -= _let_go(history)


def _row(line: list[str], columns: _Columns) -> Row:
    wanted = columns.picked
    if columns.companions and not any(line[column] for column in columns.spoiling):
        wanted = wanted + columns.companions
    metrics: Metrics = {}
    for column in wanted:
        value = number(line[column])
        if value is not None:
            metrics[columns.names[column]] = value if abs(value) < float("inf") else None
    step = None if columns.step is None else whole(line[columns.step])
    epoch = None if columns.epoch is None else whole(line[columns.epoch])
    return Row(step, epoch, metrics)


def _let_go(history: History) -> int:
    """Drop the older half of the rows; return how many values that were."""
    half = max(1, len(history.rows) // 2)
    dropped = history.rows[:half]
    del history.rows[:half]
    if history.complete:
        history.complete = False
        history.problems.append((LIMITED, "too many evaluations; only the last ones are kept"))
    return sum(len(row.metrics) for row in dropped)


def _columns(names: list[str], layout: Layout) -> _Columns | None:
    """Return the columns of a table; None when it is no table of this kind."""
    if len(names) > MAX_COLUMNS or layout.epoch not in names or (layout.step is not None and layout.step not in names):
        return None
    own = {layout.step, layout.epoch}
    others = [place for place, name in enumerate(names) if name not in own and is_name(name)]
    picked = [place for place in others if layout.picks(names[place])]
    rest = [place for place in others if place not in set(picked)]
    return _Columns(
        names,
        None if layout.step is None else names.index(layout.step),
        names.index(layout.epoch),
        picked,
        [place for place in rest if layout.companions(names[place])],
        [place for place in rest if layout.spoils(names[place])],
    )
