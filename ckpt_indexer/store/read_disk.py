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
MONTH = "month"
"""Of `created_at`, in UTC: what the query `created:2026-03` is about."""
KNOWN = (*FACETS, MONTH)


def disk(look: Look, by: Sequence[str]) -> list[dict[str, Any]]:
    """Return {field: value..., count, size_bytes} of the present rows, the largest first; `month` reads `2026-03`.

    Raises:
        InvalidFilter: no field, too many, or one that nothing is counted by.
    """
    fields = list(dict.fromkeys(map(_field, by)))
    if not 1 <= len(fields) <= MAX_FIELDS:
        raise InvalidFilter(f"name 1 to {MAX_FIELDS} fields (known: {', '.join(KNOWN)})", known=KNOWN)
    if len(fields) == 1 and fields[0] in FACETS:
        found = look.all(_KEPT, (fields[0],))
        return [
            {fields[0]: None if is_null else value, "count": n, "size_bytes": size} for value, is_null, n, size in found
        ]
    return look.mappings(grouped(fields))


def grouped(fields: Sequence[str]) -> str:
    """Return the statement that adds up the rows themselves, for what the writer keeps no sums of."""
    columns = [f"substr(c.created_at, 1, 7) AS {MONTH}" if name == MONTH else f"c.{name}" for name in fields]
    places = ", ".join(str(place) for place in range(1, len(fields) + 1))
    return (
        f"SELECT {', '.join(columns)}, count(*) AS count, sum(c.size_bytes) AS size_bytes FROM checkpoints c "
        f"WHERE {PRESENT} GROUP BY {places} ORDER BY size_bytes DESC, {places}"
    )


_KEPT = """SELECT value, is_null, n, size_bytes FROM facets
WHERE field = ? AND metric = '' AND n > 0 ORDER BY size_bytes DESC, is_null, value"""


def _field(name: str) -> str:
    if name.lower() == MONTH:
        return MONTH
    field = find_field(name)
    if field is not None and field.name in FACETS:
        return field.name
    near = nearest(name, KNOWN)
    hint = f"; did you mean {near}?" if near else ""
    raise InvalidFilter(f"there are no sizes by {name[:60]!r}{hint} (known: {', '.join(KNOWN)})", known=KNOWN)
