"""Rows to stdout: JSON, JSON lines, CSV, paths, tables. What is printed is decided by the commands."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from ckpt_indexer.cli import stdout, text
from ckpt_indexer.cli.columns import Column, column
from ckpt_indexer.metadata import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ckpt_indexer.cli.options import Output
    from ckpt_indexer.cli.session import Session

    Values = Mapping[str, Any]  # a row: JSON values


def rows(
    session: Session, form: Output, found: Iterable[Values], columns: Sequence[Column], keys: Sequence[str]
) -> None:
    """Print a list of rows. `columns` make the table, `keys` the CSV header; the other forms hold whole rows."""
    match form.format:
        case "json":
            json_array(found)
        case "jsonl":
            for row in found:
                stdout.write(text.to_json(dict(row)) + "\n")
        case "csv":
            csv_lines(keys, ([row[key] for key in keys] for row in found))
        case "paths":
            paths(found, end=b"\0" if form.nul else b"\n")
        case _:
            table(session, found, columns)


def json_array(items: Iterable[Values]) -> None:
    """Print one JSON array, an item per line, without holding them all."""
    before = "[\n"
    for item in items:
        stdout.write(before + text.to_json(dict(item)))
        before = ",\n"
    stdout.write("[]\n" if before == "[\n" else "\n]\n")


def json_object(value: Values) -> None:
    """Print one JSON object for people and programs."""
    stdout.write(text.to_json(dict(value), indent=2) + "\n")


def answer(form: Output, value: Values, lines: Callable[[Values], Iterable[str]]) -> None:
    """Print one object: as JSON, or as the lines made of it."""
    if form.format == "json":
        json_object(value)
    else:
        stdout.lines(lines(value))


def records(
    session: Session, form: Output, titles: Sequence[str], found: Iterable[Sequence[Any]]
) -> None:  # SQL values
    """Print what SQL gave: plain records under the titles it gave them."""
    if form.format == "csv":
        csv_lines(titles, found)
    elif form.format == "table":
        keys = [str(place) for place in range(len(titles))]
        columns = [Column(text.shown(title), column(title, key).show) for key, title in zip(keys, titles, strict=True)]
        table(session, (dict(zip(keys, record, strict=True)) for record in found), columns)
    else:
        keys = distinct(titles)
        rows(session, form, (dict(zip(keys, record, strict=True)) for record in found), (), ())


def distinct(titles: Sequence[str]) -> list[str]:
    """Return the titles with `_2`, `_3` behind those that came before: an object holds a key once."""
    keys: list[str] = []
    for title in titles:
        key, number = title, 1
        while key in keys:
            number += 1
            key = f"{title}_{number}"
        keys.append(key)
    return keys


def csv_lines(header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:  # values of rows
    """Print a header and lines of comma separated values."""
    import csv

    writer = csv.writer(_Stdout(), lineterminator="\n")
    writer.writerow([text.csv_cell(name) for name in header])
    for line in lines:
        writer.writerow([text.csv_cell(value) for value in line])


class _Stdout:
    """What the csv module wants of a file."""

    def write(self, chunk: str) -> None:
        stdout.write(chunk)


def paths(found: Iterable[Values], *, end: bytes) -> None:
    """Print absolute paths as the bytes the file system holds."""
    stdout.write_bytes(path_bytes(row) + end for row in found)


def path_bytes(row: Values) -> bytes:
    r"""Return the absolute path of a row in bytes.

    A name that is no UTF-8 comes as text with `\xnn` and doubled backslashes. A name may hold just that text, too: then
    the one that is on disk counts.
    """
    shown = str(row["abs_path"])
    literal, decoded = naming.raw(shown), _undisplay(shown)
    if decoded == literal or naming.display(decoded) != shown or os.path.lexists(literal):
        return literal
    return decoded


def _undisplay(shown: str) -> bytes:
    def byte(match: re.Match[bytes]) -> bytes:
        return b"\\" if match[0] == b"\\\\" else bytes([int(match[1], 16)])

    return re.sub(rb"\\\\|\\x([0-9a-f]{2})", byte, naming.raw(shown))


def table(session: Session, found: Iterable[Values], columns: Sequence[Column]) -> None:
    """Print a table: drawn on a terminal, plain aligned text otherwise. Nothing at all when there are no rows."""
    cells = [[one.show(row) for one in columns] for row in found]
    if not cells:
        return
    if sys.stdout.isatty():
        from ckpt_indexer.cli.terminal import draw

        draw(columns, cells, color=session.color)
        return
    right = frozenset(place for place, one in enumerate(columns) if one.right)
    stdout.lines(text.columns([[one.title for one in columns], *cells], right=right))
