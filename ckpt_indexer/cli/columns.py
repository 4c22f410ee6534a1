"""What a table has: titles, how a row fills them, and what a narrow terminal does without. Values only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.cli import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ckpt_indexer.catalog.views import Page


class Column(NamedTuple):
    """One column of a table."""

    title: str
    show: Callable[[Mapping[str, Any]], str]
    """Row -> printable text."""
    right: bool = False
    droppable: int = 0
    """Narrow terminals leave out the columns with the highest number first; 0 stays."""


def column(title: str, key: str | None = None, *, right: bool = False, droppable: int = 0) -> Column:
    """Return a column that shows one key of the row."""
    name = title if key is None else key
    return Column(title, lambda row: text.cell(row[name]), right, droppable)


ROOT = column("root", droppable=7)


def shown_columns(columns: Sequence[Column], page: Page) -> Sequence[Column]:
    """Return the columns with the root before the last one, the path, when the catalog has several."""
    return (*columns[:-1], ROOT, columns[-1]) if len(page.roots) > 1 else columns
