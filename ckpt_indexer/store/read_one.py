"""One checkpoint by id, path or query."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ckpt_indexer.errors import CheckpointNotFound
from ckpt_indexer.metadata.naming import display, raw
from ckpt_indexer.store.read_rows import SELECTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ckpt_indexer.catalog.views import Page, Row
    from ckpt_indexer.store.read_rows import Look

LISTED = 5
_MAX_ID = 2**63
_MAX_REF = 8192


def by_id(look: Look, row_id: int) -> Row:
    """Return the row of an id, whatever its presence. Raises CheckpointNotFound."""
    found = look.all(f"SELECT {SELECTED} FROM checkpoints c WHERE c.id = ?", (row_id,)) if row_id < _MAX_ID else []
    if not found:
        raise CheckpointNotFound(f"there is no checkpoint with the id {row_id}", ref=str(row_id))
    return look.row(found[0])


def find_by_path(look: Look, ref: str) -> Row | None:
    """Return the row of a path: relative, ROOT:path, absolute, or the end of just one path; None when there is none.

    Raises:
        CheckpointNotFound: several paths end like this.
    """
    if not ref or len(ref) > _MAX_REF or "\x00" in ref:
        return None
    try:
        exact = [row for root, path in _places(look, ref) for row in _at(look, root, path)]
        if exact:
            return _only(exact, ref)
        return _only(_escaped(look, ref) if ref.startswith("/") else _ending(look, ref), ref)
    except UnicodeEncodeError:
        return None


def _places(look: Look, ref: str) -> Iterator[tuple[str | None, bytes]]:
    """Yield (root, path) where a reference may point to; root None is any."""
    yield None, raw(ref.rstrip("/"))
    name, colon, rest = ref.partition(":")
    if colon and rest and name in look.places:
        yield name, raw(rest)
    absolute = os.path.abspath(ref)  # pathlib is slow to import
    directory, _, base = absolute.rpartition("/")
    real = f"{os.path.realpath(directory or '/').rstrip('/')}/{base}"
    for place in dict.fromkeys((absolute, real)):
        for root, prefix in look.places.items():
            shown = display(raw(place))
            if shown.startswith(prefix):
                yield root, raw(shown[len(prefix) :])
                if place.startswith(prefix):
                    yield root, raw(place[len(prefix) :])


def _at(look: Look, root: str | None, path: bytes) -> list[Row]:
    return look.rows(
        look.all(
            f"SELECT {SELECTED} FROM roots r CROSS JOIN checkpoints c ON c.root_id = r.id AND c.path_bytes = :path "
            "WHERE :root IS NULL OR r.name = :root",
            {"path": path, "root": root},
        )
    )


def _escaped(look: Look, ref: str) -> list[Row]:
    """Return rows whose absolute path is shown like this because its bytes are no text."""
    if "\\" not in ref:
        return []
    statement = f"SELECT {SELECTED} FROM checkpoints c WHERE c.root = :root AND c.path = :path"
    found = [
        values
        for root, prefix in look.places.items()
        if ref.startswith(prefix)
        for values in look.all(statement, {"root": root, "path": ref[len(prefix) :]})
    ]
    return look.rows(found)


def _ending(look: Look, ref: str) -> list[Row]:
    """Return rows whose path, as bytes or as shown, is the reference or ends with it after a slash."""
    tail = raw("/" + ref.removeprefix("./").strip("/"))
    shown = tail.decode("utf-8", "replace")
    return look.rows(
        look.all(
            f"SELECT {SELECTED} FROM checkpoints c WHERE substr(c.path_bytes, -:size) = :tail "
            "OR substr('/' || c.path, -:length) = :shown OR c.path = :ref ORDER BY c.root, c.path_bytes LIMIT 100",
            {"tail": tail, "size": len(tail), "shown": shown, "length": len(shown), "ref": shown[1:]},
        )
    )


def _only(rows: Sequence[Row], ref: str) -> Row | None:
    """Return the one row; among several the one that is present."""
    unique = list({row["id"]: row for row in rows}.values())
    present = [row for row in unique if row["presence"] == "present"]
    chosen = present if len(present) == 1 else unique
    if len(chosen) > 1:
        raise several(chosen, ref, len(chosen))
    return chosen[0] if chosen else None


def several(rows: Sequence[Row], ref: str, count: int | None) -> CheckpointNotFound:
    """Return the error that lists the first of several answers."""
    listed = tuple(f"{row['id']} {row['root']}:{row['path']}" for row in rows[:LISTED])
    much = "more than " + str(LISTED) if count is None else str(count)
    return CheckpointNotFound(
        f"{ref[:200]!r} means {much} checkpoints; say which: {'; '.join(listed)}", ref=ref[:200], matches=listed
    )


def only_answer(page: Page, ref: str) -> Row:
    """Return the one row a query found. Raises CheckpointNotFound."""
    if not page:
        raise CheckpointNotFound(f"no checkpoint is or matches {ref[:200]!r}", ref=ref[:200])
    if len(page) > 1:
        raise several(page, ref, None if page.next is not None else len(page))
    return page[0]
