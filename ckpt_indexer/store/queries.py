"""Every question a catalog answers, over one read-only connection: the front door of the store's read side.

Query text is parsed here against the metric names of this catalog; the SQL lives in the `read_*` modules, which are
imported when first needed: the command line answers `best` without loading the rest.
"""

from __future__ import annotations

import operator
import os
from typing import TYPE_CHECKING, Any

from ckpt_indexer.catalog.query import Query, parse, parse_sort

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from ckpt_indexer.catalog.protocol import Ref
    from ckpt_indexer.catalog.views import Page, Row
    from ckpt_indexer.store.read_rows import Look

EVERYTHING = Query()


def parsed(look: Look, text: str | Sequence[str], sort: str | None = None) -> Query:
    """Return the query as this catalog understands it; `sort` replaces the query's own. Raises InvalidFilter."""
    if not text and not sort:
        return EVERYTHING
    names = look.metric_names()
    query = parse(text, names)
    return query._replace(sorts=parse_sort(sort, names)) if sort else query


def best(look: Look, metric: str, by: str, text: str | Sequence[str], *, k: int, mode: str | None) -> Page:
    """See `Catalog.best`."""
    from ckpt_indexer.store import read_best

    return read_best.best(look, metric, by, parsed(look, text), k=k, mode=mode)


def find(
    look: Look, text: str | Sequence[str], *, sort: str | None = None, limit: int | None = None,
    cursor: str | None = None,
) -> Page:  # fmt: skip
    """See `Catalog.find`."""
    from ckpt_indexer.store import read_find

    return read_find.find(look, parsed(look, text, sort), limit=limit, cursor=cursor)


def ordered_ids(look: Look, text: str | Sequence[str], *, sort: str | None = None) -> array[int]:
    """Return the ids of all matching rows in order. Raises InvalidFilter."""
    from ckpt_indexer.store import read_window

    return read_window.ordered_ids(look, parsed(look, text, sort))


def count(look: Look, text: str | Sequence[str]) -> int:
    """See `Catalog.count`."""
    from ckpt_indexer.store import read_window

    return read_window.count(look, parsed(look, text))


def rows_of(look: Look, ids: Sequence[int]) -> Page:
    """Return the rows with these ids, in their order."""
    from ckpt_indexer.store import read_window

    return read_window.rows_of(look, ids)


def get(look: Look, ref: Ref) -> Row:
    """See `Catalog.get`."""
    from ckpt_indexer.errors import CheckpointNotFound, InvalidFilter
    from ckpt_indexer.store import read_one

    if isinstance(ref, os.PathLike):
        ref = os.fsdecode(ref)
    if not isinstance(ref, str):
        return read_one.by_id(look, operator.index(ref))  # numpy's integers are ids, too
    if ref.isascii() and ref.isdigit():
        return read_one.by_id(look, int(ref[:40]))
    row = read_one.find_by_path(look, ref)
    if row is not None:
        return row
    if ref.startswith("/"):
        raise CheckpointNotFound(f"no checkpoint of this catalog lies at {ref[:200]}", ref=ref[:200])
    if not ref.strip():
        raise InvalidFilter("the reference is empty: name a checkpoint by id, path, or a query with one answer")
    return read_one.only_answer(find(look, ref, limit=read_one.LISTED), ref)


def compare(look: Look, refs: Sequence[Ref]) -> dict[str, Any]:
    """See `Catalog.compare`."""
    from ckpt_indexer.catalog.compare import compared

    return compared([get(look, ref) for ref in refs])


def experiments(look: Look, text: str | Sequence[str]) -> list[dict[str, Any]]:
    """See `Catalog.experiments`."""
    from ckpt_indexer.store import read_reports

    return read_reports.experiments(look, parsed(look, text))


def curve(look: Look, experiment: str, metric: str) -> list[dict[str, Any]]:
    """See `Catalog.curve`."""
    from ckpt_indexer.store import read_reports

    return read_reports.curve(look, experiment, metric)


def facets(look: Look, fields: Sequence[str]) -> dict[str, dict[str | None, int]]:
    """See `Catalog.facets`."""
    from ckpt_indexer.store import read_reports

    return read_reports.facets(look, fields)


def disk(look: Look, by: Sequence[str]) -> list[dict[str, Any]]:
    """See `Catalog.disk`."""
    from ckpt_indexer.store import read_disk

    return read_disk.disk(look, by)


def stats(look: Look) -> dict[str, Any]:
    """See `Catalog.stats`."""
    from ckpt_indexer.store import read_reports

    return read_reports.stats(look)


def problems(look: Look, text: str | Sequence[str]) -> list[dict[str, Any]]:
    """See `Catalog.problems`."""
    from ckpt_indexer.store import read_reports

    return read_reports.problems(look, parsed(look, text))


def changes_since(look: Look, seq: int, limit: int | None) -> Page:
    """See `Catalog.changes_since`."""
    from ckpt_indexer.store import read_reports

    return read_reports.changes_since(look, seq, limit)


def options(look: Look, text: str | Sequence[str]) -> list[dict[str, Any]]:
    """See `Catalog.options`. Paths are absolute: a dropdown's program opens them."""
    from ckpt_indexer.catalog.labels import label

    return [
        {
            "value": row["id"],
            "label": label(row),
            "path": row["abs_path"],
            "config_path": _absolute(look, row["root"], row["config_path"]),
        }
        for row in find(look, text)
    ]


def _absolute(look: Look, root: str, path: str | None) -> str | None:
    return path if path is None or path.startswith("/") else look.places.get(root, "") + path
