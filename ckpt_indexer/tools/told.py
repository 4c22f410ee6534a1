"""What all sources say about one candidate, asked for when it is first wanted, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.errors import CkptIndexerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.record import Record

    Describe = Callable[[Candidate], Record]


class Told:
    """The record of a candidate, or why there is none."""

    def __init__(self, describe: Describe, candidate: Candidate) -> None:
        self._describe = describe
        self._candidate = candidate
        self._record: Record | None = None
        self._error: CkptIndexerError | None = None

    def record(self) -> Record:
        """Return it. Raises CkptIndexerError when it cannot be told, the same one each time."""
        if self._error is not None:
            raise self._error
        if self._record is None:
            try:
                self._record = self._describe(self._candidate)
            except CkptIndexerError as error:
                self._error = error
                raise
        return self._record
