"""How much room checkpoints take, by what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.catalog.fields import find_field, nearest
from ckpt_indexer.errors import InvalidFilter
from ckpt_indexer.store.compile import PRESENT
from ckpt_indexer.store.fields import FACETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.store.read_rows import Look

MAX_FIELDS = 3


def disk(look: Look, by: Sequence[str]) -> list[dict[str, Any]]:
    """Return {field: value..., count, size_bytes} of the present rows, the largest first.

    Raises:
        InvalidFilter: no field, too many, or one that nothing is counted by.
    """
    fields = [_field(name) for name in dict.fromkeys(by)]
    if not 1 <= len(fields) <= MAX_FIELDS:
        raise InvalidFilter(f"name 1 to {MAX_FIELDS} fields (known: {', '.join(FACETS)})", known=FACETS)
    if len(fields) == 1:
        found = look.all(_KEPT, (fields[0],))
        return [
            {fields[0]: None if is_null else value, "count": n, "size_bytes": size} for value, is_null, n, size in found
        ]
    columns = ", ".join(f"c.{name}" for name in fields)
    statement = (
        f"SELECT {columns}, count(*) AS count, sum(c.size_bytes) AS size_bytes FROM checkpoints c WHERE {PRESENT} "
        f"GROUP BY {columns} ORDER BY size_bytes DESC, {columns}"
    )
    return look.mappings(statement)


_KEPT = """SELECT value, is_null, n, size_bytes FROM facets
WHERE field = ? AND metric = '' AND n > 0 ORDER BY size_bytes DESC, is_null, value"""


def _field(name: str) -> str:
    field = find_field(name)
    if field is not None and field.name in FACETS:
        return field.name
    near = nearest(name, FACETS)
    hint = f"; did you mean {near}?" if near else ""
    raise InvalidFilter(f"there are no sizes by {name[:60]!r}{hint} (known: {', '.join(FACETS)})", known=FACETS)
