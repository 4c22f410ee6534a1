"""Rows of roots that went away turn unreachable, a few at a time: the writer goes on listening meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.metadata.record import Presence
from ckpt_indexer.store.changes import PresenceChanged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.ingest.outbox import Outbox
    from ckpt_indexer.store.changes import RootRow

AT_ONCE = 1000


class LostRoots:
    """Which rows of unreachable roots still say that they are present. Runs on the writer's thread."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._after: dict[int, int | None] = {}
        """Root that is unreachable -> id of the last row looked at; None once all were."""

    def reload(self, roots: Iterable[RootRow]) -> None:
        """Learn which roots are unreachable now; of those that were before, what is done is not done again."""
        gone = [root.id for root in roots if root.state == "unreachable"]
        self._after = {root_id: self._after.get(root_id, 0) for root_id in gone}

    @property
    def busy(self) -> bool:
        """Tell whether rows are left to be looked at."""
        return any(after is not None for after in self._after.values())

    def do(self) -> None:
        """Look at the next rows, unless much waits to be written already."""
        root_id = next((root_id for root_id, after in self._after.items() if after is not None), None)
        if root_id is None or self._outbox.is_full:
            return
        ids = self._outbox.writer.present_ids(root_id, self._after[root_id] or 0, AT_ONCE)
        for row_id in ids:
            self._outbox.add(PresenceChanged(row_id, Presence.UNREACHABLE))
        self._after[root_id] = ids[-1] if ids else None
