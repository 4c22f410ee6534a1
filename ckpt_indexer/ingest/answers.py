"""What children answered, taken in: still current, still wanted, and whose row it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ckpt_indexer.ingest.absence import is_in_place
from ckpt_indexer.ingest.describe import Outcome, is_current
from ckpt_indexer.ingest.identity import moved_from
from ckpt_indexer.store.changes import Moved

if TYPE_CHECKING:
    from ckpt_indexer.ingest.describe import Description
    from ckpt_indexer.ingest.intake import Intake
    from ckpt_indexer.ingest.outbox import Outbox
    from ckpt_indexer.store.changes import Known


class Answers:
    """Turns readings done elsewhere into changes."""

    def __init__(self, *, intake: Intake, outbox: Outbox) -> None:
        self._intake = intake
        self._outbox = outbox

    def take(self, reading: Description) -> None:
        """Take the outcome of a reading. When the file or its documents changed meanwhile, it is looked at again; when
        it was described meanwhile, the outcome is of no use any more."""
        intake = self._intake
        claim = intake.elsewhere.claim(reading)
        if claim is None:
            return
        place = (reading.candidate.root, reading.candidate.path)
        waiting = [] if claim.is_fill else [place, *claim.aliases]
        if reading.outcome is Outcome.SHORT:
            for short in waiting:
                intake.retry(short)
            return
        known = self._outbox.writer.known_at(reading.root_id, reading.candidate.path)
        overtaken = claim.is_fill and (known is None or known.fingerprint != reading.candidate.fingerprint)
        if overtaken or not is_current(reading):
            intake.again.update(dict.fromkeys(waiting, True))
            return
        intake.elsewhere.remember(reading)
        self._move(reading, known)
        intake.finish(reading, known, counted=not claim.is_fill)
        for sighting, row_id in claim.aliases.values():
            described = replace(reading, root_id=sighting.root.id, candidate=sighting.candidate)
            intake.finish(described, sighting.known, alias_of=row_id)

    def _move(self, reading: Description, known: Known | None) -> None:
        """A file that came by way of another disk keeps its row, when its content was known of one file that is gone
        and lies nowhere else."""
        content = None if reading.record is None else reading.record.facts.get("content_id")
        if content is None or known is None or known.alias_of is not None:
            return
        others = self._outbox.writer.known_by_content(content)
        gone = moved_from(known, others, is_gone=self._is_gone, still_there=self._intake.still_there)
        place = (reading.candidate.root, reading.candidate.path)
        if gone is not None and not self._intake.is_claimed(gone, place):
            self._outbox.add(Moved(gone.id, reading.root_id, reading.candidate))
            self._intake.moved += 1

    def _is_gone(self, row: Known) -> bool:
        """Tell whether the row's path leads to another file, or nowhere, while its root is in place."""
        root = self._intake.roots.get(row.root_id)
        return root is not None and is_in_place(root) and not self._intake.still_there(row)
