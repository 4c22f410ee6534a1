"""New bests: which groups have a better winner than before. Pure; both rankings come from the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ckpt_indexer.catalog.views import Row


class Winner(NamedTuple):
    """The best row of a group at one moment."""

    id: int
    value: float


class NewBest(NamedTuple):
    """A group's winner that beats the one before."""

    group: str | None
    row: Row
    previous: float | None
    """The value that was the best until then; None for the first of its group."""


def winners(ranking: Iterable[Row]) -> dict[str | None, Winner]:
    """Return group -> the first of each group of a ranking."""
    found: dict[str | None, Winner] = {}
    for row in ranking:
        found.setdefault(row["group"], Winner(row["id"], row["value"]))
    return found


def new_bests(before: Mapping[str | None, Winner], ranking: Iterable[Row], mode: str) -> list[NewBest]:
    """Return the groups whose best value is better now, first ones included; `mode` is `min` or `max`.

    A winner that only takes the place of one that is gone is none, nor is an equal one.
    """
    found, seen = [], set[str | None]()
    for row in ranking:
        group, value = row["group"], row["value"]
        old = before.get(group)
        if group not in seen and (old is None or (value > old.value if mode == "max" else value < old.value)):
            found.append(NewBest(group, row, None if old is None else old.value))
        seen.add(group)
    return found
