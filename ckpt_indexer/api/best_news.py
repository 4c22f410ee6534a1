"""Which checkpoint became the best of its backbone, as the event stream tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.catalog.bests import new_bests, winners
from ckpt_indexer.catalog.fields import PROMOTED

if TYPE_CHECKING:
    from ckpt_indexer.api.desk import Desk
    from ckpt_indexer.catalog.bests import NewBest, Winner
    from ckpt_indexer.catalog.views import Row

METRIC, BY = "hmean", "backbone"


class BestNews:
    """Remembers who is the best, and says who is new."""

    def __init__(self) -> None:
        self._before: dict[str | None, Winner] = {}

    async def begin(self, desk: Desk) -> None:
        """Learn who is the best now."""
        self._before = winners(await _ranking(desk))

    async def look(self, desk: Desk) -> list[dict[str, Any]]:  # JSON values
        """Return one description per group that has a better one than before."""
        rows = await _ranking(desk)
        found = new_bests(self._before, rows, PROMOTED[METRIC])
        self._before = winners(rows)
        return [_told(one) for one in found]


async def _ranking(desk: Desk) -> list[Row]:
    return await desk.read(lambda catalog: list(catalog.best(METRIC, BY, mode=PROMOTED[METRIC])))


def _told(one: NewBest) -> dict[str, Any]:  # JSON values
    row = one.row
    return {
        "metric": METRIC, "by": BY, "group": one.group, "value": row["value"], "previous": one.previous,
        "id": row["id"], "root": row["root"], "path": row["path"], "experiment": row["experiment"],
        "epoch": row["epoch"],
    }  # fmt: skip
