"""Values to JSON bytes. Adapts orjson."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import orjson

from ckpt_indexer.catalog.views import BEST_KEYS, ROW_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ckpt_indexer.catalog.views import Row

KEPT_ROWS = 2048


def encoded(value: Any) -> bytes:  # noqa: ANN401  # any JSON value
    """Return JSON. Numbers that are none become null; what orjson refuses (large integers, text that is no Unicode) is
    written by the standard library."""
    try:
        return orjson.dumps(value)
    except TypeError:
        import json

        return json.dumps(_finite(value), separators=(",", ":"), allow_nan=False).encode()


def _finite(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, orjson.Fragment):
        return orjson.loads(orjson.dumps(value))
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class RowBytes:
    """Rows as JSON, kept as long as they do not change: a row's `seq` is the number of its last change.

    Safe to share between threads.
    """

    def __init__(self, size: int = KEPT_ROWS) -> None:
        self._size = size
        self._kept: dict[tuple[str, int, int, str], bytes] = {}

    def of(self, catalog: str, row: Row) -> bytes:
        """Return a row of a catalog as a JSON object."""
        key = (catalog, row["id"], row["seq"], row["abs_path"])
        found = self._kept.get(key)
        if found is None:
            found = encoded({name: row[name] for name in ROW_KEYS})
            if len(self._kept) >= self._size:
                self._kept = {}
            self._kept[key] = found
        return found

    def ranked(self, catalog: str, row: Row) -> bytes:
        """Return a row of a ranking: with what the ranking adds."""
        return self.of(catalog, row)[:-1] + b"," + encoded({name: row[name] for name in BEST_KEYS})[1:]


def chosen(row: Mapping[str, Any], fields: Iterable[str]) -> bytes:
    """Return only some keys of a row as a JSON object, in the order asked for."""
    return encoded({name: row[name] for name in fields})
