"""The latest changes of a catalog: what was heard of them, and for what nobody heard, what the rows say. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.web import parts, words
from ckpt_indexer.web.markup import Html, tag
from ckpt_indexer.web.parts import Cell, Column
from ckpt_indexer.web.tail import MOST, Event
from ckpt_indexer.web.words import address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckpt_indexer.catalog.protocol import Catalog

    Row = Mapping[str, Any]  # JSON values

COLUMNS = tuple(map(Column, ("when (UTC)", "what happened", "file", "why", "root")))
"""The root only where there are several."""
_ABSENT = {"missing": "no file lies there any more", "unreachable": "its directory cannot be reached"}


def changed_last(catalog: Catalog) -> Sequence[Row]:
    """Return the rows that changed last, the latest first, whatever their presence."""
    return catalog.find("presence:any", sort="seq- id-", limit=MOST)


def highest_id(catalog: Catalog) -> int:
    """Return the largest id there is, 0 in an empty catalog."""
    return next((int(row["id"]) for row in catalog.find("presence:any", sort="id-", limit=1)), 0)


def latest(heard: Sequence[Event], rows: Sequence[Row]) -> list[Event]:
    """Return the latest events, newest first: those that were heard (the latest last), and the last change of each row
    that nobody heard of."""
    by_id = {row["id"]: row for row in rows}
    told = {(event.id, event.last) for event in heard}
    found = [_explained(event, by_id.get(event.id)) for event in reversed(heard)]
    found += [_unheard(row) for row in rows if (row["id"], row["seq"]) not in told]
    found.sort(key=lambda event: -event.seq)
    return found[:MOST]


def _explained(event: Event, row: Row | None) -> Event:
    """Return the event with what its row says, unless the row changed since."""
    if event.why is not None or row is None or row["seq"] != event.last:
        return event._replace(why=event.why or _ABSENT.get(event.what))
    return event._replace(why=reason(row))


def _unheard(row: Row) -> Event:
    is_there = row["presence"] == "present"
    what, at = ("written", row["mtime"]) if is_there else (row["presence"], None)
    return Event(row["seq"], row["seq"], at, what, row["id"], row["root"], row["path"], reason(row))


def reason(row: Row) -> str | None:
    """Return what is worth saying of a row's state in a few words; None where all is well."""
    if row["presence"] in _ABSENT:
        return _ABSENT[row["presence"]]
    if row["read_state"] == "pending":
        return "waits to be read"
    if row["problems"]:
        first, *others = row["problems"]
        more = f" (and {len(others)} more)" if others else ""
        return f"{row['read_state']}, {first['kind']}: {first['message']}{more}"
    if row["conflicts"]:
        return "sources disagree on " + ", ".join(dict.fromkeys(one["field"] for one in row["conflicts"]))
    if row["alias_of"] is not None:
        return f"another name of #{row['alias_of']}"
    if row["duplicate_of"] is not None:
        return f"same content as #{row['duplicate_of']}"
    return None if row["saved_as"] is None else f"saved as {row['saved_as']}"


def table(events: Sequence[Event]) -> Html:
    """Return the events, each with its checkpoint."""
    if not events:
        return tag("p", "Nothing happened yet.", class_="ckpt-dim")
    several = len({event.root for event in events if event.root is not None}) > 1
    columns = COLUMNS if several else COLUMNS[:-1]
    rows = [
        (_when(event.at), parts.said(event.what), _file(event), parts.said(event.why), parts.said(event.root))[
            : len(columns)
        ]
        for event in events
    ]
    return parts.table("Latest changes", columns, rows)


def _when(at: str | None) -> Cell:
    """Return a time to the second."""
    return Cell(words.UNKNOWN if at is None else at[:19].replace("T", " "), at or "")


def _file(event: Event) -> Cell:
    if event.id is None:
        return parts.said(event.path)
    href = address(id=str(event.id))
    return Cell(tag("a", event.path, href=href, data_open=event.id, class_="ckpt-path"), event.path)
