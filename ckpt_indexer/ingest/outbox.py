"""Changes on their way to the store. They stay here, in order, until a transaction has taken them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckpt_indexer.store.changes import Change
    from ckpt_indexer.store.writer import Writer


class Outbox:
    """An ordered list of changes with one promise: what could not be written is kept and tried again."""

    def __init__(self, writer: Writer, *, batch: int = 2000) -> None:
        self.writer = writer
        self._batch = batch
        self._changes: list[Change] = []

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, change: Change) -> None:
        """Append one change."""
        self._changes.append(change)

    @property
    def is_full(self) -> bool:
        """Tell whether a batch is worth writing now."""
        return len(self._changes) >= self._batch

    def flush(self) -> int:
        """Write everything in one transaction and return how many changes that were.

        Raises:
            StoreError: nothing was written; the changes are still here.
        """
        count = len(self._changes)
        if count:
            self.writer.apply(self._changes)
            self._changes = []
        return count
