"""Facet counts: what one transaction adds to and takes from them. Pure sums; `recount` is the same from scratch."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from ckpt_indexer.store.fields import FACETS, GROUPS, PROMOTED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.store.engine import Values
    from ckpt_indexer.store.mapping import Row

Key: TypeAlias = tuple[str, str, int, str]
"""(field, value, is_null, metric)."""
Shown: TypeAlias = tuple[str | None, ...]

COUNTED = frozenset((*FACETS, "presence", "size_bytes", "rankable", "nested", *(name for name, _ in PROMOTED)))
"""Columns whose change can change a count."""

_facets: Callable[[Row], Shown] = itemgetter(*FACETS)


class Tally:
    """Sums rows that came and went; rows that look alike cost one entry."""

    def __init__(self) -> None:
        self._shown: dict[Shown, list[int]] = {}
        self._presence: dict[str, list[int]] = {}
        self._ranked: dict[tuple[Shown, Sequence[str]], int] = {}

    def add(self, row: Row, own: Callable[[], Sequence[str]], *, sign: int = 1) -> None:
        """Count a row in (`sign` 1) or out (-1); `own` returns its ranked names, asked if it ranks."""
        size = sign * row["size_bytes"]
        _bump(self._presence, row["presence"], sign, size)
        if row["presence"] == "present":
            shown = _facets(row)
            _bump(self._shown, shown, sign, size)
            if row["rankable"]:
                key = (shown[: len(GROUPS)], tuple(own()))
                self._ranked[key] = self._ranked.get(key, 0) + sign

    def differences(self) -> dict[Key, list[int]]:
        """Return [rows, bytes] to add per facet; entries that cancel out are left out."""
        sums: dict[Key, list[int]] = {}
        for presence, (count, size) in self._presence.items():
            _bump(sums, ("presence", presence, 0, ""), count, size)
        for shown, (count, size) in self._shown.items():
            if count or size:
                _bump(sums, ("", "", 0, ""), count, size)
                for field, value in zip(FACETS, shown, strict=True):
                    _bump(sums, (field, value or "", int(value is None), ""), count, size)
        for (groups, metrics), count in self._ranked.items():
            if count:
                _rank(sums, groups, metrics, count)
        return {key: total for key, total in sums.items() if total[0] or total[1]}


def upserts(differences: dict[Key, list[int]]) -> list[Values]:
    """Return parameters of `statements.ADD_FACET`."""
    return [(*key, count, size) for key, (count, size) in differences.items()]


def emptied(differences: dict[Key, list[int]]) -> list[Values]:
    """Return parameters of `statements.DROP_EMPTY_FACET`: the facets that may have come to nothing."""
    return [key for key, (count, _) in differences.items() if count < 0]


def _rank(sums: dict[Key, list[int]], groups: Shown, metrics: Sequence[str], count: int) -> None:
    fields = [(field, value or "", int(value is None)) for field, value in zip(GROUPS, groups, strict=True)]
    fields.append(("", "", 0))
    for metric in metrics:
        for field, value, is_null in fields:
            _bump(sums, (field, value, is_null, metric), count, 0)


def _bump(sums: dict[Any, list[int]], key: Any, count: int, size: int) -> None:  # noqa: ANN401  # keys of three shapes
    total = sums.get(key)
    if total is None:
        sums[key] = [count, size]
    else:
        total[0] += count
        total[1] += size
