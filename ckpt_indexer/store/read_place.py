"""Where the file of a row lies: the bytes of its path, which the public row shows as text only."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from ckpt_indexer.store.readonly import open_readonly, reading

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

_PLACE = """
SELECT c.id, r.path_bytes, c.path_bytes, c.kind, c.alias_of
FROM checkpoints c JOIN roots r ON r.id = c.root_id WHERE c.id = ?"""


class Place(NamedTuple):
    """The place of one row."""

    id: int
    root: bytes
    """Absolute real path of the root."""
    path: bytes
    """Relative to the root."""
    kind: str
    """file | directory | symlink, as `candidate.Kind`."""
    alias_of: int | None
    """Id of the row whose file this one is another name of."""


def places_of(database: str | os.PathLike[str], ids: Iterable[int]) -> list[Place]:
    """Return the place of each id, in the same order; ids without a row are left out. Raises StoreError."""
    found = []
    with closing(open_readonly(database)) as connection, reading(str(database)):
        for row_id in ids:
            values = connection.execute(_PLACE, (row_id,)).fetchone()
            if values is not None:
                found.append(Place(*values))
    return found
