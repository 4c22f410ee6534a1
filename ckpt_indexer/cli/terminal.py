"""Tables and moving lines on a terminal. Adapts rich, which is imported here and nowhere else, only when needed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ckpt_indexer.cli import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ckpt_indexer.cli.columns import Column

PATH_ROOM = 24
"""A last column narrower than this is no use: rather leave out another one."""
GAP = 2


def fitting(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the places of the columns that fit side by side. The last may wrap, down to `PATH_ROOM`; pure."""
    kept = list(range(len(columns)))
    needs = [
        max(text.width(cell) for cell in [column.title, *(row[place] for row in cells)])
        for place, column in enumerate(columns)
    ]
    needs[-1] = min(needs[-1], PATH_ROOM)
    while sum(needs[place] + GAP for place in kept) - GAP > width:
        droppable = max(kept, key=lambda place: (columns[place].droppable, place))
        if columns[droppable].droppable == 0:
            break
        kept.remove(droppable)
    return kept


def draw(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], *, color: bool, console: Console | None = None
) -> None:
    """Print a table as wide as the terminal. Cells are text, never markup."""
    console = console or Console(file=sys.stdout, no_color=None if color else True, highlight=False, soft_wrap=False)
    kept = fitting(columns, cells, console.width)
    bold, dim = ("bold", "dim") if color and not console.no_color else ("", "")
    drawn = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style=bold)
    for place in kept:
        last = place == len(columns) - 1
        drawn.add_column(
            Text(columns[place].title),
            justify="right" if columns[place].right else "left",
            no_wrap=not last,
            overflow="fold" if last else "ellipsis",
        )
    for row in cells:
        drawn.add_row(*(Text(row[place], style=dim if row[place] == text.UNKNOWN else "") for place in kept))
    console.print(drawn)


@contextmanager
def moving_line(first: str, *, color: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that replaces the text of one line on stderr, which vanishes at the end."""
    console = Console(file=sys.stderr, no_color=None if color else True, highlight=False)
    with console.status(Text(first)) as status:
        yield lambda line: status.update(Text(line))
