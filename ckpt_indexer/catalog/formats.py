"""Rows as CSV, JSON lines or Parquet, in pieces of bytes: whoever asks decides where they go. Pure.

A table of any size goes through: what is kept are the rows of one piece.
"""

from __future__ import annotations

import csv
import io
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.catalog.cells import csv_cell, to_json
from ckpt_indexer.catalog.views import ROW_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Values = Mapping[str, Any]  # a row: JSON values

PIECE = 2_000
"""Rows that become one piece of bytes."""


class Format(NamedTuple):
    """A way to write rows down."""

    name: str
    suffixes: tuple[str, ...]
    media_type: str
    pieces: Callable[[Iterable[Values]], Iterator[bytes]]
    """Rows -> the bytes of the whole file, in order."""


def csv_pieces(rows: Iterable[Values]) -> Iterator[bytes]:
    """Yield a header line of the row's keys and a line per row; cells as `csv_cell` writes them, nested ones JSON."""
    yield _csv([ROW_KEYS])
    for some in _several(rows):
        yield _csv([[row[key] for key in ROW_KEYS] for row in some])


def jsonl_pieces(rows: Iterable[Values]) -> Iterator[bytes]:
    """Yield one JSON object per line, a whole row each."""
    for some in _several(rows):
        yield "".join(to_json(dict(row)) + "\n" for row in some).encode("ascii")


def parquet_pieces(rows: Iterable[Values]) -> Iterator[bytes]:
    """Yield a Parquet file: a typed column per key, see `catalog.parquet`.

    Raises:
        CkptIndexerError: the package that writes it is not installed.
    """
    from ckpt_indexer.catalog.parquet import written

    yield from written(_several(rows))


FORMATS = {
    one.name: one
    for one in (
        Format("csv", (".csv",), "text/csv; charset=utf-8", csv_pieces),
        Format("jsonl", (".jsonl", ".ndjson"), "application/x-ndjson", jsonl_pieces),
        Format("parquet", (".parquet",), "application/vnd.apache.parquet", parquet_pieces),
    )
}
"""Name -> format, in the order in which they are offered."""


def format_of(file_name: str) -> Format | None:
    """Return the format a file name asks for by its suffix; None when it asks for none."""
    lower = file_name.lower()
    return next((one for one in FORMATS.values() if lower.endswith(one.suffixes)), None)


def _several(rows: Iterable[Values]) -> Iterator[list[Values]]:
    """Yield the rows in lists of at most `PIECE`."""
    rest = iter(rows)
    while some := list(islice(rest, PIECE)):
        yield some


def _csv(lines: Iterable[Sequence[Any]]) -> bytes:  # values of rows
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([csv_cell(value) for value in line] for line in lines)
    return text.getvalue().encode("utf-8", "backslashreplace")
