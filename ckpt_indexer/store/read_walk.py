"""Rankings by a metric that has no column: a walk down the index of (name, value), best first.

The writer's counts say which groups there are and how many rows each ranks, so the walk ends when every group has its
rows. Groups still empty after a while (a backbone whose best is mediocre) are looked up by their own rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.catalog.fields import PROMOTED
from ckpt_indexer.store.read_direction import direction
from ckpt_indexer.store.read_ranking import Entry, finish, in_order
from ckpt_indexer.store.read_rows import SELECTED

if TYPE_CHECKING:
    from ckpt_indexer.catalog.views import Page
    from ckpt_indexer.store.read_rows import Look

PATIENCE = 10_000
"""Rows walked before groups without their rows are looked up one by one."""
MAX_OWN_ROWS = 100_000
"""A group with more rows than this is not looked up: the walk goes on instead."""

Place = tuple[float, bool, int, bytes, str, int]
"""Value (negated where high is better), epoch is unknown, epoch, path bytes, root, id: sorts best first."""


def best(
    look: Look, metric: str, group: str | None, *, k: int, mode: str | None, patience: int = PATIENCE
) -> Page:  # fmt: skip
    """Return the best `k` rows of each group. `patience`: see `PATIENCE`.

    Raises:
        InvalidFilter: nobody knows the direction.
    """
    expected = _expected(look, metric, group)
    if not expected:
        return finish(look, [], metric, group)
    falling = (mode or direction(look, metric)) == "max"
    podiums = {name: Podium(k, n) for name, n in expected.items()}
    _Walk(look, metric, group, sign=-1 if falling else 1).fill(podiums, patience)
    entries = []
    for name, podium in podiums.items():
        for place, ties in podium.winners():
            values = look.all(f"SELECT {SELECTED} FROM checkpoints c WHERE c.id = ?", (place[-1],))[0]
            value = -place[0] if falling else place[0]
            entries.append(Entry(values, name, value, podium.n, ties, place[1:5]))
    return finish(look, in_order(look, entries, falling=falling), metric, group)


class Podium:
    """Collects the rows of one group, best first, until the best `k` and all that tie with them are there."""

    def __init__(self, k: int, n: int) -> None:
        self.k = k
        self.n = n
        """How many rows of the group are ranked."""
        self._places: list[Place] = []
        self.done = False

    def offer(self, place: Place) -> None:
        """Take the next row in order of value."""
        places = self._places
        if len(places) >= self.k and place[0] > places[self.k - 1][0]:
            self.done = True
            return
        places.append(place)
        if len(places) >= self.n:
            self.done = True

    def settle(self, places: list[Place]) -> None:
        """Take the best `k` and all that tie with them at once, in any order."""
        self._places, self.done = places, True

    def winners(self) -> list[tuple[Place, int]]:
        """Return the best `k` places, and how many rows share the value of each."""
        same: dict[float, int] = {}
        for place in self._places:
            same[place[0]] = same.get(place[0], 0) + 1
        return [(place, same[place[0]]) for place in sorted(self._places)[: self.k]]


def _expected(look: Look, metric: str, group: str | None) -> dict[str | None, int]:
    """Return how many rows each group ranks by the metric."""
    found = look.all(
        "SELECT value, is_null, n FROM facets WHERE field = ? AND metric = ? AND n > 0", (group or "", metric)
    )
    return {None if is_null or group is None else value: n for value, is_null, n in found}


def walking(group: str | None, *, falling: bool) -> str:
    """Return the statement that yields every ranked row of a metric, best value first."""
    return f"""
SELECT {f"c.{group}" if group else "NULL"}, m.value, c.epoch, c.path_bytes, c.root, c.id
FROM metrics m INDEXED BY ix_metrics_name_value CROSS JOIN checkpoints c ON c.id = m.checkpoint_id
WHERE m.name = :metric AND m.value IS NOT NULL AND m.stale = 0 AND c.rankable = 1
ORDER BY m.value {"DESC" if falling else "ASC"}"""


def own_rows(group: str, headline: str) -> str:
    """Return the statement over one group's rows that have a headline metric: the wanted metric's value, and the id."""
    return f"""
SELECT m.value, m.checkpoint_id FROM checkpoints c INDEXED BY ix_checkpoints_{group}_{headline}
CROSS JOIN metrics m ON m.checkpoint_id = c.id
WHERE c.rankable = 1 AND c.{headline} IS NOT NULL AND c.{group} IS :group
  AND m.name = :metric AND m.stale = 0 AND m.value IS NOT NULL"""


class _Walk:
    """The search for one ranking's rows. `sign` is -1 where high values are better."""

    def __init__(self, look: Look, metric: str, group: str | None, *, sign: int) -> None:
        self._look = look
        self._metric = metric
        self._group = group
        self._sign = sign

    def fill(self, podiums: dict[str | None, Podium], patience: int) -> None:
        """Offer rows best first until every podium is done."""
        statement = walking(self._group, falling=self._sign < 0)
        waiting = len(podiums)
        for steps, found in enumerate(self._look.connection.execute(statement, {"metric": self._metric}), 1):
            podium = podiums.get(found[0])
            if podium is not None and not podium.done:
                podium.offer(self._place(*found[1:]))
                waiting -= podium.done
            if steps == patience and self._group is not None:
                for name, slow in podiums.items():
                    waiting -= not slow.done and self._look_up(self._group, name, slow)
            if not waiting:
                return

    def _place(self, value: float, epoch: int | None, path: bytes, root: str, row_id: int) -> Place:
        return (self._sign * value, epoch is None, epoch or 0, path, root, row_id)

    def _look_up(self, group: str, name: str | None, podium: Podium) -> bool:
        """Fill one group from its own rows; False when no index leads to all of them."""
        headline = self._covering(group, name, podium.n)
        if headline is None:
            return False
        found = self._look.all(own_rows(group, headline), {"group": name, "metric": self._metric})
        if len(found) != podium.n:
            return False
        found.sort(key=lambda one: self._sign * one[0])
        last = found[min(podium.k, len(found)) - 1][0]
        facts = "SELECT c.epoch, c.path_bytes, c.root, c.id FROM checkpoints c WHERE c.id = ?"
        podium.settle(
            [
                self._place(value, *self._look.all(facts, (row_id,))[0])
                for value, row_id in found
                if self._sign * value <= self._sign * last
            ]
        )
        return True

    def _covering(self, group: str, name: str | None, n: int) -> str | None:
        """Return the headline metric most rows of the group have, if it may be all that are wanted and not too many."""
        counts = self._look.all(
            "SELECT metric, n FROM facets WHERE field = ? AND value = ? AND is_null = ? AND n BETWEEN ? AND ?",
            (group, name or "", name is None, n, MAX_OWN_ROWS),
        )
        headlines = [(count, metric) for metric, count in counts if metric in PROMOTED]
        return max(headlines)[1] if headlines else None
