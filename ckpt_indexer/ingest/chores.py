"""What is done when there is nothing to do: old rows derived anew, headers read that nobody waits for, the long missing
forgotten, memory given back."""

from __future__ import annotations

import ctypes
import gc
from datetime import timedelta
from typing import TYPE_CHECKING

from ckpt_indexer.ingest.decide import DERIVATION

if TYPE_CHECKING:
    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.inbox import Delivery
    from ckpt_indexer.ingest.intake import Intake
    from ckpt_indexer.ingest.options import Options
    from ckpt_indexer.store.writer import Writer

REDERIVE_PER_STEP = 200
FILL_AT_ONCE = 8
"""Headers read at a time."""
FILL_QUIET_S = 0.25
"""Headers wait while things happen: a new file's row comes first."""
FILL_AT_LATEST_S = 2.0
"""Where it is never quiet, some are read this often all the same."""
FORGET_EVERY_S = 3600.0
TIDY_QUIET_S = 5.0
"""How long after the last work memory is given back to the system."""


def give_back_memory() -> None:
    """Collect what is garbage, which the daemon does rarely, and return free memory to the system where libc can
    (https://man7.org/linux/man-pages/man3/malloc_trim.3.html)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Chores:
    """The idle work of one indexer, a little at a time. Runs on the writer's thread."""

    def __init__(self, *, writer: Writer, intake: Intake, clock: Clock, options: Options) -> None:
        self._writer = writer
        self._intake = intake
        self._clock = clock
        self._options = options
        self._rederived = False
        self._forget_at = 0.0
        self._filled_to = 0
        """Id of the last row whose header was asked for in this round."""
        self._quiet_from = self._late_from = 0.0
        self._tidy_at: float | None = clock.monotonic() + TIDY_QUIET_S
        """When memory is to be given back; None when it was."""

    def wake(self, delivery: Delivery) -> None:
        """Something happened: there may be old rows again, and a new file's row comes before anything done here."""
        self._rederived = False
        if delivery.has_work:
            self.stir()
        if delivery.hints:
            self._quiet_from = self._clock.monotonic() + FILL_QUIET_S

    def stir(self) -> None:
        """Some work was done, which took memory."""
        self._tidy_at = self._clock.monotonic() + TIDY_QUIET_S

    def next_due(self) -> float | None:
        """Return when there is something to do again here; None when nothing waits for a time."""
        waits = [min(self._quiet_from, self._late_from)] if self._may_fill() else []
        if self._tidy_at is not None:
            waits.append(self._tidy_at)
        return min(waits, default=None)

    def do(self) -> bool:
        """Begin what is due; return whether rows must be looked at right now."""
        if not self._rederived:
            self._rederived = True
            if self.rederive():
                return True
        self._forget()
        self._fill()
        self._tidy()
        return False

    def rederive(self) -> frozenset[int]:
        """Have some rows of an older release derived anew; return their ids, none when all are up to date."""
        rows = self._writer.outdated(DERIVATION, REDERIVE_PER_STEP)
        for row in rows:
            self._intake.again.setdefault(self._intake.place_of(row), False)
        return frozenset(row.id for row in rows)

    def _forget(self) -> None:
        """Once an hour drop rows whose files have been missing for too long."""
        now = self._clock.monotonic()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY_S
            before = self._clock.now() - timedelta(days=self._options.keep_missing_days)
            self._writer.forget_missing(before.isoformat(timespec="microseconds").replace("+00:00", "Z"))

    def _tidy(self) -> None:
        """Give memory back once it has been quiet for a while."""
        if self._tidy_at is not None and self._clock.monotonic() >= self._tidy_at:
            self._tidy_at = None
            self._writer.shrink()
            give_back_memory()

    def _may_fill(self) -> bool:
        intake = self._intake
        return self._options.fill and intake.unfilled and intake.elsewhere.filling <= FILL_AT_ONCE // 2

    def _fill(self) -> None:
        """Have the next few files read whose rows do not say yet what their headers say."""
        intake, now = self._intake, self._clock.monotonic()
        if not self._may_fill() or now < min(self._quiet_from, self._late_from):
            return
        self._late_from = now + FILL_AT_LATEST_S
        found = self._writer.unread(self._filled_to, FILL_AT_ONCE)
        if not found:
            intake.unfilled, self._filled_to = False, 0
            return
        for row in found:
            self._filled_to = row.id
            root = intake.roots.get(row.root_id)
            sighting = None if root is None else intake.sight(root, row.path)
            if sighting is not None and sighting.candidate.fingerprint == row.fingerprint:
                intake.elsewhere.fill(row.root_id, sighting.candidate)
