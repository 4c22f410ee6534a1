"""What happened while somebody looked, made of the news every open page hears. Kept in memory only. No clock inside."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.metadata.record import Presence
from ckpt_indexer.web import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Brief = Mapping[str, Any]  # JSON values: a row as the event stream tells it

MOST = 50
"""Events that are kept, and shown."""
REMEMBERED = 1000
"""Checkpoints whose last state is known, to say what became different."""
AT_ONCE = timedelta(seconds=60)
"""A file that comes is written, read, and its header looked into: changes within this time are one event."""


BEST, MANY = "new best", "many changes"
GROWING = ("new", "changed", "moved", "there again")
"""Events of files that go on changing for a moment."""


class Event(NamedTuple):
    """Something that happened, once."""

    seq: int
    """The change of the catalog it came with."""
    last: int
    """The last change that belongs to it: what the row has as `seq` as long as nothing else happened."""
    at: str | None
    """When, in UTC; None where nobody saw it and nothing says so."""
    what: str
    id: int | None = None
    root: str | None = None
    path: str | None = None
    why: str | None = None


class Tail:
    """The latest events. Belongs to the event loop's thread."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """`clock` returns the present moment, aware."""
        self._clock = clock
        self._events: deque[Event] = deque(maxlen=MOST)
        self._states: dict[int, Brief] = {}
        self._catalog: str | None = None
        self._highest = 0
        self._seq = 0

    @property
    def events(self) -> tuple[Event, ...]:
        """Return what was heard, the latest last."""
        return tuple(self._events)

    def begin(self, highest: int) -> None:
        """Listen from now on; `highest` is the largest id there is. States may have changed unheard."""
        self._highest = highest
        self._states.clear()

    def hear(self, kind: str, text: bytes) -> None:
        """Take in an event of the stream, as it was sent."""
        if kind not in ("hello", "catalog", "reset", "new_best"):
            return
        told = json.loads(text)
        if kind == "new_best":
            self._add(BEST, told, self._seq, _better(told))
            return
        self._place(told)
        if kind == "catalog":
            self._catalog_changed(told)

    def _place(self, told: Mapping[str, Any]) -> None:  # JSON values
        """Note which state of which catalog is told of; of another catalog nothing is known yet."""
        if told["catalog"] != self._catalog:
            if self._catalog is not None:
                self._events.clear()
                self._states.clear()
                self._highest = 0
            self._catalog = told["catalog"]
        self._seq = told["seq"]

    def _catalog_changed(self, told: Mapping[str, Any]) -> None:  # JSON values
        if told["truncated"] and not self._goes_on():
            self._add(MANY, {}, self._seq, "more at once than are told one by one")
        for row in told["changed"]:
            self._row_changed(row)

    def _goes_on(self) -> bool:
        """Count many changes to those just before, as a scan makes them; False where something else came last."""
        if not self._events or self._events[-1].what != MANY or not self._is_young(self._events[-1]):
            return False
        self._events[-1] = self._events[-1]._replace(seq=self._seq, last=self._seq)
        return True

    def _is_young(self, event: Event) -> bool:
        return event.at is not None and self._now() - datetime.fromisoformat(event.at) <= AT_ONCE

    def _row_changed(self, row: Brief) -> None:
        before = self._states.pop(row["id"], None)
        self._states[row["id"]] = row
        while len(self._states) > REMEMBERED:
            self._states.pop(next(iter(self._states)))
        what, why = _difference(before, row, is_new=row["id"] > self._highest)
        self._highest = max(self._highest, row["id"])
        if what != "changed" or not self._belongs(row):
            self._add(what, row, row["seq"], why)

    def _belongs(self, row: Brief) -> bool:
        """Count a change to what happened to the same checkpoint just before; False where nothing did."""
        places = range(len(self._events) - 1, -1, -1)
        mine = (place for place in places if self._events[place].id == row["id"])
        place = next((place for place in mine if self._events[place].what != BEST), None)
        if place is None:
            return False
        event = self._events[place]
        if event.what not in GROWING or not self._is_young(event):
            return False
        self._events[place] = event._replace(last=row["seq"])
        return True

    def _add(self, what: str, row: Brief, seq: int, why: str | None) -> None:
        at = self._now().isoformat(timespec="seconds")[:-6] + "Z"
        self._events.append(Event(seq, seq, at, what, row.get("id"), row.get("root"), row.get("path"), why))

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC)


def _difference(before: Brief | None, row: Brief, *, is_new: bool) -> tuple[str, str | None]:
    """Return what happened to a checkpoint, and why where it is plain from both states."""
    presence = row["presence"]
    if presence != Presence.PRESENT and (before is None or before["presence"] != presence):
        return presence, None
    if is_new:
        return "new", None
    if before is not None and (before["root"], before["path"]) != (row["root"], row["path"]):
        return "moved", f"was {before['path']}"
    if before is not None and before["presence"] != presence:
        return "there again", f"was {before['presence']}"
    return "changed", None


def _better(told: Mapping[str, Any]) -> str:  # JSON values
    of = "" if told["group"] is None else f" of {told['group']}"
    was = "the first" if told["previous"] is None else f"was {words.metric(told['previous'])}"
    return f"{told['metric']} {words.metric(told['value'])}{of}, {was}"
