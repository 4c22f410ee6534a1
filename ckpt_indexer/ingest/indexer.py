"""The one writer: a single thread that takes hints and scans in by one door and writes rows in batches.

    inbox + scans + due looks -> intake -> outbox -> one transaction

`step` does one bounded piece of work; the daemon calls it forever, `scan` until nothing is left to do.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from ckpt_indexer.discovery.scanner import is_special
from ckpt_indexer.discovery.settle import Settle
from ckpt_indexer.errors import DatabaseCorrupt, StoreError
from ckpt_indexer.ingest.absence import Absences
from ckpt_indexer.ingest.answers import Answers
from ckpt_indexer.ingest.around import Around
from ckpt_indexer.ingest.chores import Chores
from ckpt_indexer.ingest.confirm import Confirmations
from ckpt_indexer.ingest.expand import is_ours, places_of
from ckpt_indexer.ingest.inbox import answer_all
from ckpt_indexer.ingest.intake import Intake
from ckpt_indexer.ingest.links import Links
from ckpt_indexer.ingest.lost import LostRoots
from ckpt_indexer.ingest.outbox import Outbox
from ckpt_indexer.ingest.scan import Parts, Scan
from ckpt_indexer.ingest.sighting import Look
from ckpt_indexer.metadata.record import Presence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.discovery.listing import Hint
    from ckpt_indexer.discovery.place import Reach
    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.inbox import Delivery, Inbox
    from ckpt_indexer.ingest.options import Options, Sources
    from ckpt_indexer.ingest.sighting import Place, Rules, Sighting
    from ckpt_indexer.store.changes import RootRow
    from ckpt_indexer.store.writer import Writer

log = logging.getLogger(__name__)

SLICE_S = 0.05
"""How long a scan may run before events are looked at again."""
GATHER_S = 0.25
"""How long a scan gathers rows before they are written, when no event came in meanwhile."""
PATHS_PER_STEP = 500
FEW = 8
"""Rows that wait for a child; when there are more, their answers are gathered too."""


class Indexer:
    """Makes the catalog equal the disk. Every method but those of `inbox` belongs to one thread."""

    def __init__(
        self, *, writer: Writer, sources: Sources, inbox: Inbox, clock: Clock, options: Options, rules: Rules
    ) -> None:
        self.writer = writer
        self.inbox = inbox
        self.trouble: StoreError | None = None
        """Why the last transaction could not be written; None when it was."""
        self._clock = clock
        self._sources = sources
        self._outbox = Outbox(writer)
        self._settle: Settle[Place] = Settle(options.settle_s)
        self.intake = Intake(outbox=self._outbox, sources=sources, settle=self._settle, clock=clock, rules=rules)
        self._answers = Answers(intake=self.intake, outbox=self._outbox)
        self._links = Links(intake=self.intake, writer=writer, quick=sources.quick)
        self._absences = Absences(
            outbox=self._outbox, intake=self.intake, clock=clock, rules=rules, grace_s=options.grace_s
        )
        self._around = Around(writer, digest=sources.digest, scope_of=sources.scope_of)
        self._chores = Chores(writer=writer, intake=self.intake, clock=clock, options=options)
        self._confirmations = Confirmations()
        self._lost = LostRoots(self._outbox)
        self._parts = Parts(self._outbox, self.intake, self._absences, clock, rules, self._around)
        self.scans: deque[Scan] = deque()
        self._retry_at = self._written_at = 0.0
        self._retry_s = 0.0
        self._in_hand = False
        """Hints and readings have been taken out of the inbox and not been looked at yet."""
        self.load_roots()

    def load_roots(self) -> None:
        """Learn the roots from the store, after one was added or changed."""
        self.intake.roots = {root.id: root for root in self.writer.roots()}
        self._by_path = {root.path: root for root in self.intake.roots.values()}
        self._lost.reload(self.intake.roots.values())

    def root_at(self, path: bytes) -> RootRow | None:
        """Return the root with this absolute path."""
        return self._by_path.get(path)

    def start_scan(self, root: RootRow, start: bytes = b"", *, full: bool = False) -> Scan:
        """Begin a scan; it advances with every step. One that covers it and has not looked at anything yet is returned
        instead."""
        for running in self.scans:
            covers = running.start in {b"", start} and (running.full or not full) and not running.alone
            if running.root.id == root.id and covers and not running.begun:
                return running
        begun = Scan(self._parts, root, start, full=full)
        self.scans.append(begun)
        return begun

    @property
    def busy(self) -> bool:
        """Tell whether anything is left to do without waiting for new hints."""
        return bool(self._in_hand or self.scans or self.intake.busy or self._lost.busy or self.inbox.depth())

    def step(self, *, timeout_s: float) -> None:
        """Do one bounded piece of work, waiting up to `timeout_s` when there is none."""
        if self.trouble is not None and not self._try_again():
            answer_all(self.inbox.take_calls(timeout_s=self._until_retry(timeout_s)))
            return
        delivery = self.inbox.take(max_paths=PATHS_PER_STEP, timeout_s=self._patience(timeout_s))
        self._in_hand = delivery.has_work
        answer_all(delivery)
        if delivery:
            self._chores.wake(delivery)
        self._take_hints(delivery)
        self._in_hand = False
        self._take_due()
        self._hear()
        self._advance_scans()
        self._lost.do()
        if self._may_wait(delivery) or not self._flush():
            return
        self._links.resolve()
        self._flush()

    def rederive(self) -> frozenset[int]:
        """Begin to derive some rows of an older release anew; return their ids, none when all are up to date."""
        return self._chores.rederive()

    def close(self) -> None:
        """Write what is finished, fold the write-ahead log in, and close the store."""
        self._sources.readers.close()
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
        now = self._clock.monotonic()
        for hint in delivery.trees:
            self._take_tree(hint)
            self._confirmations.note(hint.root, hint.path, now)
            self._confirmations.note(hint.root, hint.path.rpartition(b"/")[0], now)
        self._look_at_hints(delivery.paths)
        for reading in delivery.readings:
            self._answers.take(reading)

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
            if self._around.note(hint, self._clock.monotonic()) and not is_ours(hint.path):
                continue
            self._confirmations.note(hint.root, hint.path.rpartition(b"/")[0], self._clock.monotonic())
            for path in places_of(root, hint.path, self.writer):
                finished = hint.finished and path == hint.path
                wanted[hint.root, path] = wanted.get((hint.root, path), False) or finished
        self._look_at(Look(place, finished=finished) for place, finished in wanted.items())

    def _look_at(self, looks: Iterable[Look]) -> None:
        """Take in what lies at each place."""
        sightings: list[Sighting] = []
        memos: dict[bytes, dict[bytes, Reach]] = {}
        for place, finished, forced, whole in looks:
            root = self._by_path.get(place[0])
            if root is None:
                continue
            sighting = self.intake.sight(root, place[1], memos.setdefault(root.path, {}))
            if sighting is not None:
                self.intake.forget_dangling(place)
                sightings.append(sighting._replace(finished=finished, forced=forced, whole=whole))
                continue
            self._settle.forget(place)
            self.intake.retries.forget(place)
            self.intake.elsewhere.forget(place)
            if self.writer.known_at(root.id, place[1]) is not None:
                self._absences.suspect(root, place[1])
            if is_special(place[0] + b"/" + place[1]) and self.intake.note_dangling(place):
                self.start_scan(root, place[1].rpartition(b"/")[0])  # its listing says what is wrong with it
        self.intake.take(sightings)

    def _hear(self) -> None:
        """Look again at the checkpoints of runs about which somebody far away has answered."""
        for run_id in self._sources.heard():
            for row in self.writer.known_by_wandb_run(run_id):
                if row.presence == Presence.PRESENT:
                    self.intake.again[self.intake.place_of(row)] = True

    # -- time

    def _take_due(self) -> None:
        """Look again at what was not at rest, at what seemed gone, and at what changed while it was read."""
        again, self.intake.again = self.intake.again, {}
        now = self._clock.monotonic()
        for place in self._settle.due(now):
            again.setdefault(place, False)
        again.update(dict.fromkeys(self.intake.retries.due(now), True))
        again.update(dict.fromkeys(self._around.due(now, self._by_path), True))
        while len(again) > PATHS_PER_STEP:
            self.intake.again.update([again.popitem()])
        self._look_at([*(Look(place, forced=forced) for place, forced in again.items()), *self.intake.elsewhere.due()])
        self._absences.settle()
        for path, directory in self._confirmations.due(now):
            root = self._by_path.get(path)
            if root is not None:
                self.scans.append(Scan(self._parts, root, directory, alone=True))

    def _patience(self, timeout_s: float) -> float:
        """Return how long to wait for hints: not at all while there is work, else until the next look is due."""
        intake = self.intake
        work = self.scans or intake.again or intake.links or intake.elsewhere.has_due or self._lost.busy
        if work or self._chores.do():
            return 0.0
        now = self._clock.monotonic()
        waits = (
            self._settle.next_due(),
            self._absences.next_due(),
            intake.retries.next_due(),
            self._around.next_due(),
            self._confirmations.next_due(),
            self._chores.next_due(),
            self._written_at + GATHER_S if len(self._outbox) else None,
        )
        return max(0.0, min([timeout_s, *(due - now for due in waits if due is not None)]))

    # -- scans

    def _advance_scans(self) -> None:
        if not self.scans:
            return
        scan = self.scans[0]
        if scan.advance(self._clock.monotonic() + SLICE_S):
            self.scans.popleft()
            self._chores.stir()

    # -- writing

    def _may_wait(self, delivery: Delivery) -> bool:
        """Tell whether what was found so far can wait for a larger transaction: nobody waits for one file of many."""
        if delivery.hints or delivery.calls or self._outbox.is_full:
            return False
        elsewhere = self.intake.elsewhere
        if not (self.scans or elsewhere.filling or len(elsewhere) > FEW):
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
