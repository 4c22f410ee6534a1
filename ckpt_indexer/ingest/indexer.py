"""The one writer: a single thread that takes hints and scans in by one door and writes rows in batches.

    inbox + scans + due looks -> intake -> outbox -> one transaction

`step` does one bounded piece of work; the daemon calls it forever, `scan` until nothing is left to do.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ckpt_indexer.discovery.scanner import is_special
from ckpt_indexer.discovery.settle import Settle
from ckpt_indexer.errors import DatabaseCorrupt, StoreError
from ckpt_indexer.ingest.absence import Absences
from ckpt_indexer.ingest.decide import DERIVATION
from ckpt_indexer.ingest.expand import places_of
from ckpt_indexer.ingest.intake import Intake
from ckpt_indexer.ingest.links import Links
from ckpt_indexer.ingest.outbox import Outbox
from ckpt_indexer.ingest.scan import Parts, Scan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.discovery.listing import Hint
    from ckpt_indexer.discovery.place import Reach
    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.inbox import Delivery, Inbox
    from ckpt_indexer.ingest.intake import Readers
    from ckpt_indexer.ingest.sighting import Place, Rules, Sighting
    from ckpt_indexer.sources.chain import Chain
    from ckpt_indexer.store.changes import RootRow
    from ckpt_indexer.store.writer import Writer

log = logging.getLogger(__name__)

SLICE_S = 0.05
"""How long a scan may run before events are looked at again."""
GATHER_S = 0.25
"""How long a scan gathers rows before they are written, when no event came in meanwhile."""
PATHS_PER_STEP = 500
REDERIVE_PER_STEP = 200


@dataclass(frozen=True, slots=True)
class Options:
    """How patient the indexer is."""

    settle_s: float = 0.5
    """A file without a closing event is at rest after this long without a change."""
    grace_s: float = 2.0
    """A file that seems gone is looked at again after this long: one renamed across roots is back by then."""
    keep_missing_days: int = 30
    """Rows of files that are gone are kept this long."""


class Indexer:
    """Makes the catalog equal the disk. Every method but those of `inbox` belongs to one thread."""

    def __init__(
        self, *, writer: Writer, quick: Chain, readers: Readers, inbox: Inbox, clock: Clock,
        options: Options, rules: Rules,
    ) -> None:  # fmt: skip
        self.writer = writer
        self.inbox = inbox
        self.trouble: StoreError | None = None
        """Why the last transaction could not be written; None when it was."""
        self._clock = clock
        self._options = options
        self._readers = readers
        self._forget_at = 0.0
        self._outbox = Outbox(writer)
        self._settle: Settle[Place] = Settle(options.settle_s)
        self.intake = Intake(
            outbox=self._outbox, quick=quick, readers=readers, settle=self._settle, clock=clock, rules=rules
        )
        self._links = Links(intake=self.intake, writer=writer, quick=quick)
        self._absences = Absences(
            outbox=self._outbox, intake=self.intake, clock=clock, rules=rules, grace_s=options.grace_s
        )
        self._parts = Parts(self._outbox, self.intake, self._absences, clock, rules)
        self._scans: deque[Scan] = deque()
        self._retry_at = self._written_at = 0.0
        self._retry_s = 0.0
        self._idle_checked = False
        self._in_hand = False
        """Hints and readings have been taken out of the inbox and not been looked at yet."""
        self.load_roots()

    def load_roots(self) -> None:
        """Learn the roots from the store, after one was added or changed."""
        self.intake.roots = {root.id: root for root in self.writer.roots()}
        self._by_path = {root.path: root for root in self.intake.roots.values()}

    def root_at(self, path: bytes) -> RootRow | None:
        """Return the root with this absolute path."""
        return self._by_path.get(path)

    def start_scan(self, root: RootRow, start: bytes = b"", *, full: bool = False) -> Scan:
        """Begin a scan; it advances with every step. One that covers it and has not looked at anything yet is returned
        instead."""
        for running in self._scans:
            covers = running.start in {b"", start} and (running.full or not full)
            if running.root.id == root.id and covers and not running.begun:
                return running
        begun = Scan(self._parts, root, start, full=full)
        self._scans.append(begun)
        return begun

    @property
    def busy(self) -> bool:
        """Tell whether anything is left to do without waiting for new hints."""
        return bool(self._in_hand or self._scans or self.intake.busy or self.inbox.depth())

    def step(self, *, timeout_s: float) -> None:
        """Do one bounded piece of work, waiting up to `timeout_s` when there is none."""
        if self.trouble is not None and not self._try_again():
            self._answer_calls(self.inbox.take_calls(timeout_s=self._until_retry(timeout_s)))
            return
        delivery = self.inbox.take(max_paths=PATHS_PER_STEP, timeout_s=self._patience(timeout_s))
        self._in_hand = delivery.has_work
        self._answer_calls(delivery)
        self._idle_checked = self._idle_checked and not delivery
        self._take_hints(delivery)
        self._in_hand = False
        self._take_due()
        self._advance_scans()
        if self._may_wait(delivery) or not self._flush():
            return
        self._links.resolve()
        self._flush()

    def close(self) -> None:
        """Write what is finished, fold the write-ahead log in, and close the store."""
        self._readers.close()
        try:
            self._outbox.flush()
        finally:
            self.writer.close()

    def suspect_tree(self, root: RootRow, path: bytes) -> None:
        """Verify every row at or below a path after the grace time."""
        self._absences.suspect_tree(root, path)

    # -- hints

    def _take_hints(self, delivery: Delivery) -> None:
        for path in delivery.roots:
            root = self.root_at(path)
            if root is not None:
                self.start_scan(root)
        for hint in delivery.trees:
            self._take_tree(hint)
        self._look_at_hints(delivery.paths)
        for reading in delivery.readings:
            self.intake.take_reading(reading)

    def _take_tree(self, hint: Hint) -> None:
        root = self.root_at(hint.root)
        if root is None:
            return
        if hint.gone:
            self._absences.suspect_tree(root, hint.path)
        else:
            self.start_scan(root, hint.path)

    def _look_at_hints(self, hints: Iterable[Hint]) -> None:
        """Look at each path of the hints once, and at the checkpoints that a hinted document describes."""
        wanted: dict[Place, bool] = {}
        for hint in hints:
            root = self.root_at(hint.root)
            if root is None:
                continue
            for path in places_of(root, hint.path, self.writer):
                finished = hint.finished and path == hint.path
                wanted[hint.root, path] = wanted.get((hint.root, path), False) or finished
        self._look_at((place, finished, False) for place, finished in wanted.items())

    def _look_at(self, places: Iterable[tuple[Place, bool, bool]]) -> None:
        """Take in what lies at each place; arguments are (place, its writer has finished, read it in any case)."""
        sightings: list[Sighting] = []
        memos: dict[bytes, dict[bytes, Reach]] = {}
        for place, finished, forced in places:
            root = self._by_path.get(place[0])
            if root is None:
                continue
            sighting = self.intake.sight(root, place[1], memos.setdefault(root.path, {}))
            if sighting is not None:
                self.intake.forget_dangling(place)
                sightings.append(sighting._replace(finished=finished, forced=forced))
                continue
            self._settle.forget(place)
            self.intake.retries.forget(place)
            if self.writer.known_at(root.id, place[1]) is not None:
                self._absences.suspect(root, place[1])
            if is_special(place[0] + b"/" + place[1]) and self.intake.note_dangling(place):
                self.start_scan(root, place[1].rpartition(b"/")[0])  # its listing says what is wrong with it
        self.intake.take(sightings)

    # -- time

    def _take_due(self) -> None:
        """Look again at what was not at rest, at what seemed gone, and at what changed while it was read."""
        again, self.intake.again = self.intake.again, {}
        for place in self._settle.due(self._clock.monotonic()):
            again.setdefault(place, False)
        again.update(dict.fromkeys(self.intake.retries.due(self._clock.monotonic()), True))
        self._look_at((place, False, forced) for place, forced in again.items())
        self._absences.settle()

    def _patience(self, timeout_s: float) -> float:
        """Return how long to wait for hints: not at all while there is work, else until the next look is due."""
        if self._scans or self.intake.again or self.intake.links or len(self._outbox):
            return 0.0
        if not self._idle_checked and self._rederive():
            return 0.0
        self._forget()
        now = self._clock.monotonic()
        waits = (self._settle.next_due(), self._absences.next_due(), self.intake.retries.next_due())
        return max(0.0, min([timeout_s, *(due - now for due in waits if due is not None)]))

    def _forget(self) -> None:
        """Once an hour drop rows whose files have been missing for too long."""
        now = self._clock.monotonic()
        if now >= self._forget_at:
            self._forget_at = now + 3600.0
            before = self._clock.now() - timedelta(days=self._options.keep_missing_days)
            self.writer.forget_missing(before.isoformat(timespec="microseconds").replace("+00:00", "Z"))

    def _rederive(self) -> bool:
        """In idle time derive rows of an older release anew; return whether there were any."""
        rows = self.writer.outdated(DERIVATION, REDERIVE_PER_STEP)
        present = [row for row in rows if row.presence == "present"]
        for row in present:
            self.intake.again.setdefault((self.intake.roots[row.root_id].path, row.path), False)
        self._idle_checked = True
        return bool(present)

    # -- scans

    def _advance_scans(self) -> None:
        if not self._scans:
            return
        scan = self._scans[0]
        if scan.advance(self._clock.monotonic() + SLICE_S):
            self._scans.popleft()

    # -- writing

    def _may_wait(self, delivery: Delivery) -> bool:
        """Tell whether what a scan found so far can wait for a larger transaction: nobody waits for single files."""
        if not self._scans or delivery or self._outbox.is_full:
            return False
        return self._clock.monotonic() - self._written_at < GATHER_S

    def _flush(self) -> bool:
        """Write the outbox; when the disk, a lock or a permission refuses, keep it and try again later."""
        try:
            self._outbox.flush()
        except DatabaseCorrupt:
            raise
        except StoreError as error:
            if self.trouble is None:
                log.warning("the catalog cannot be written; keeping the changes and trying again: %s", error)
            self.trouble = error
            self._retry_s = min(5.0, max(0.2, self._retry_s * 2))
            self._retry_at = self._clock.monotonic() + self._retry_s
            return False
        if self.trouble is not None:
            log.warning("the catalog can be written again")
        self.trouble, self._retry_s, self._written_at = None, 0.0, self._clock.monotonic()
        self.intake.written()
        return True

    def _try_again(self) -> bool:
        return self._clock.monotonic() >= self._retry_at and self._flush()

    def _until_retry(self, timeout_s: float) -> float:
        return max(0.0, min(timeout_s, self._retry_at - self._clock.monotonic()))

    def _answer_calls(self, delivery: Delivery) -> None:
        for function, future in delivery.calls:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:  # noqa: BLE001  # handed to the caller, which raises it
                    future.set_exception(error)
