"""Which checkpoint became the best of its backbone: derived from two rankings, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.api.desk import Desk
    from ckpt_indexer.catalog.views import Row

METRIC, BY = "hmean", "backbone"


class Leader(NamedTuple):
    """The best of a group."""

    row_id: int
    value: float


class BestNews:
    """Remembers the leaders, and says which are new."""

    def __init__(self) -> None:
        self._leaders: dict[str | None, Leader] = {}

    async def begin(self, desk: Desk) -> None:
        """Learn who leads now."""
        self._leaders = leaders(await desk.read(lambda catalog: list(catalog.best(METRIC, BY))))

    async def look(self, desk: Desk) -> list[dict[str, Any]]:  # JSON values
        """Return one description per group that has a better leader than before."""
        rows = await desk.read(lambda catalog: list(catalog.best(METRIC, BY)))
        before, self._leaders = self._leaders, leaders(rows)
        return [_told(row, before.get(row["group"])) for row in rows if is_better(row, before.get(row["group"]))]


def leaders(rows: Iterable[Row]) -> dict[str | None, Leader]:
    """Return group -> its leader."""
    return {row["group"]: Leader(row["id"], row["value"]) for row in rows}


def is_better(row: Row, before: Leader | None) -> bool:
    """Tell whether a leader beats the one before; one that only took the place of a lost one does not."""
    return before is None or row["value"] > before.value


def _told(row: Row, before: Leader | None) -> dict[str, Any]:  # JSON values
    return {
        "metric": METRIC, "by": BY, "group": row["group"], "value": row["value"],
        "previous": None if before is None else before.value, "id": row["id"], "root": row["root"],
        "path": row["path"], "experiment": row["experiment"], "epoch": row["epoch"],
    }  # fmt: skip
