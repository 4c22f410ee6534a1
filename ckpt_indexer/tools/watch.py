"""Following a catalog: what is new, changed, gone or better since the last look. Asks, never writes.

The writer numbers every change (`seq`), so a look reads what came after the last number and nothing else. Whether a
daemon makes the changes or a scan, the catalog's file is the only place that is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.catalog.bests import new_bests, winners
from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.catalog.listing import Listing
from ckpt_indexer.errors import DatabaseLocked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.catalog.views import Page, Row


TRIES = 100
"""Looks that may fall on both sides of a commit before one of them has to do."""


class Event(NamedTuple):
    """One thing that happened."""

    kind: str
    """new | changed | missing | unreachable | back | new_best | reset."""
    seq: int
    row: Row | None
    """None for a reset: the catalog was built anew, and numbers start again."""
    group: str | None = None
    previous: float | None = None

    def to_dict(self, options: Options) -> dict[str, Any]:  # JSON values
        """Return the event as JSON values."""
        told: dict[str, Any] = {"event": self.kind, "seq": self.seq}
        if self.row is not None and self.kind == "new_best":
            told |= {"metric": options.metric, "by": options.by, "group": self.group}
            told |= {"value": self.row["value"], "previous": self.previous}
        return told if self.row is None else {**told, "row": dict(self.row)}


@dataclass(frozen=True, slots=True)
class Options:
    """What to follow."""

    query: tuple[str, ...] = ()
    metric: str = "hmean"
    by: str = "backbone"
    mode: str | None = None
    """`min` or `max`, where the catalog does not know which end of the metric is better."""
    since: int | None = None
    """Begin after this number; None: now."""


class Follower:
    """Remembers how far it looked, and what was the best then."""

    def __init__(self, catalog: Catalog, options: Options) -> None:
        """Take the present state as the one that changes are told against.

        Raises:
            InvalidFilter: the query is wrong, or nobody knows the direction of the metric.
        """
        self._catalog = catalog
        self._options = options
        self._told: dict[int, str] = {}
        """Id -> presence, of rows that were told of."""
        newest = self._take_stock()
        self.seq = newest if options.since is None else min(options.since, newest)
        """How far it looked."""
        self._changes(newest)  # a wrong query is told now, not at the first change

    def look(self) -> list[Event]:
        """Return what happened since the last look, in the order in which it did, new bests last; empty when nothing.

        A database that is locked at this moment is looked at the next time.
        """
        try:
            if self._catalog.version() == self.seq:
                return []
            return list(self._look())
        except DatabaseLocked:
            return []

    def _look(self) -> Iterator[Event]:
        changes = self._changes(self.seq)
        page = changes.first
        if page.catalog != self._identity or page.seq < self.seq:
            self._told = {}
            self.seq = self._take_stock()
            yield Event("reset", self.seq, None)
            return
        for row in changes:
            kind = self._kind(row) if row["seq"] <= page.seq else None  # later ones are the next look's
            if kind is not None:
                self._told[row["id"]] = row["presence"]
                yield Event(kind, row["seq"], row)
        self.seq = page.seq
        yield from self._new_bests()

    def _take_stock(self) -> int:
        """Learn what there is and what is best, at one moment; return its number."""
        for _ in range(TRIES):
            newest, ranking = self._catalog.find("presence:any", sort="id-", limit=1), self._ranking()
            if (newest.catalog, newest.seq) == (ranking.catalog, ranking.seq):
                break
        self._identity = newest.catalog
        self._last_id = newest[0]["id"] if newest else 0
        self._best = winners(ranking)
        return newest.seq

    def _changes(self, since: int) -> Listing:
        """Return the matching rows that changed after a number, whatever their presence, oldest change first."""
        return Listing(self._catalog, (*self._options.query, "presence:any", f"seq>{since}"), "seq+")

    def _kind(self, row: Row) -> str | None:
        """Return what happened to a row; None when nothing can be said: it is not read yet, or was told of before."""
        row_id, presence = row["id"], row["presence"]
        before = self._told.get(row_id)
        is_known = before is not None or row_id <= self._last_id
        if presence != "present":
            return str(presence) if is_known and before != presence else None
        if row["read_state"] == "pending":
            return None
        if not is_known:
            return "new"
        return "changed" if before in (None, "present") else "back"

    def _ranking(self) -> Page:
        options = self._options
        return self._catalog.best(options.metric, options.by, options.query, mode=options.mode)

    def _new_bests(self) -> Iterator[Event]:
        ranking = self._ranking()
        if ranking:
            for best in new_bests(self._best, ranking, self._mode()):
                yield Event("new_best", self.seq, best.row, best.group, best.previous)
        self._best = winners(ranking)

    def _mode(self) -> str:
        """Return which end is better: as told, as known, else as the catalog itself ranks."""
        options = self._options
        known = options.mode or PROMOTED.get(options.metric)
        if known is not None:
            return known
        own = self._catalog.best(options.metric, "none", options.query)
        top = self._catalog.best(options.metric, "none", options.query, mode="max")
        return "max" if own and top and own[0]["value"] == top[0]["value"] else "min"
