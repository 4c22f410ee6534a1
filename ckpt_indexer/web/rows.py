"""What the table asks for: a stretch of a list, by position. Private to the page; other programs page with cursors.

The ids of the lists in use are kept in order until something is committed: a jump to the 900,000th row then costs as
much as the first screen.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import orjson
from starlette.responses import Response

from ckpt_indexer.api import problems
from ckpt_indexer.catalog.cells import shown
from ckpt_indexer.errors import CkptIndexerError, InvalidFilter

if TYPE_CHECKING:
    from array import array
    from collections.abc import Hashable, Mapping, Sequence

    from starlette.requests import Request

    from ckpt_indexer.api.desk import Desk
    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Page

TEXTS = (
    "experiment", "architecture", "backbone", "decoder", "head", "loss", "dataset", "split", "name", "path", "root",
    "source", "sidecar_state", "read_state", "presence", "saved_as", "format", "training_phase", "run_id",
)  # fmt: skip
VALUES = (
    "id", "epoch", "global_step", "hmean", "precision", "recall", "validation_loss", "size_bytes", "num_parameters",
    "created_at", "mtime", "pinned", "alias_of", "duplicate_of",
)  # fmt: skip
"""Row keys the table can show; `TEXTS` with what hides or reorders written out."""
MOST = 500
KEPT = 3
MAX_TEXT = 4096


class Windows(Protocol):
    """A catalog that knows its lists by position."""

    def ordered_ids(self, query: str, *, sort: str | None = None) -> array[int]:
        """Return the ids of all matching rows in order."""
        ...

    def rows_of(self, ids: Sequence[int]) -> Page:
        """Return the rows with these ids."""
        ...


class Wanted(NamedTuple):
    """One list, and which stretch of it."""

    query: str
    sort: str | None
    start: int
    end: int
    metrics: tuple[str, ...]
    """Names of logged metrics to give beside the keys."""


class Lists:
    """The lists in use. Asked on the event loop, read on the desk's threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stamp: Hashable = None
        self._ids: OrderedDict[tuple[str, str | None], array[int]] = OrderedDict()

    async def answer(self, request: Request) -> Response:
        """Answer one request of the table."""
        try:
            wanted = wanted_of(request.query_params)
            ids = await self._list(wanted)
            chosen = ids[wanted.start : wanted.end]
            page = await self._desk.read(lambda catalog: _windows(catalog).rows_of(chosen))
        except CkptIndexerError as error:
            return problems.of_error(error)
        rows = [cells(row, wanted.metrics) for row in page]
        body = {"rows": rows, "total": len(ids), "seq": page.seq, "as_of": page.as_of}
        return Response(orjson.dumps(body), media_type="application/json", headers={"cache-control": "no-store"})

    async def _list(self, wanted: Wanted) -> array[int]:
        stamp, key = self._desk.stamp(), (wanted.query, wanted.sort)
        if stamp != self._stamp:
            self._ids.clear()
            self._stamp = stamp
        if key in self._ids:
            self._ids.move_to_end(key)
            return self._ids[key]
        ids = await self._desk.read(lambda catalog: _windows(catalog).ordered_ids(wanted.query, sort=wanted.sort))
        if stamp is not None and stamp == self._stamp:
            self._ids[key] = ids
            while len(self._ids) > KEPT:
                self._ids.popitem(last=False)
        return ids


def count(catalog: Catalog, query: str) -> int:
    """Return how many rows the table has for a query. Raises InvalidFilter."""
    return len(_windows(catalog).ordered_ids(query))


def wanted_of(given: Mapping[str, str]) -> Wanted:
    """Return what a request asks for.

    Raises:
        InvalidFilter: a number is none, or a text is too long.
    """
    query, sort, metrics = given.get("q", ""), given.get("sort") or None, given.get("metrics", "")
    if max(len(query), len(sort or ""), len(metrics)) > MAX_TEXT:
        raise InvalidFilter(f"a text is at most {MAX_TEXT} characters", limit=MAX_TEXT)
    start, end = (_number(given.get(name, "0")) for name in ("start", "end"))
    names = tuple(name for name in metrics.split("\n") if name)[:20]
    return Wanted(query, sort, start, min(end, start + MOST), names)


def cells(row: Mapping[str, Any], metrics: Sequence[str] = ()) -> dict[str, Any]:  # JSON values
    """Return what the table shows of a row."""
    made: dict[str, Any] = {key: row[key] for key in VALUES}
    made |= {key: None if row[key] is None else shown(row[key]) for key in TEXTS}
    made["problems"], made["conflicts"] = len(row["problems"]), len(row["conflicts"])
    made["tags"] = [shown(one) for one in row["tags"]]
    if metrics:
        made["metrics"] = [row["metrics"].get(name) for name in metrics]
    return made


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise InvalidFilter("start and end are numbers of rows")
    return int(text)


def _windows(catalog: Catalog) -> Windows:
    """Return the catalog as the daemon has it: one in this process, which knows positions."""
    return cast("Windows", catalog)
