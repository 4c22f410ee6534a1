"""One scan under way: a walk, cut into slices, that ends by calling missing what is gone.

A directory whose digest is the stored one costs no query and no decision. A scan is complete or it deletes nothing that
was not looked at by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckpt_indexer.discovery.scanner import list_directory, scan
from ckpt_indexer.ingest.absence import is_in_place
from ckpt_indexer.ingest.sighting import Sighting, Taken
from ckpt_indexer.store.changes import DirectorySettled, PlaceProblem, RootChanged

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.discovery.listing import Listing
    from ckpt_indexer.discovery.options import Options
    from ckpt_indexer.ingest.absence import Absences
    from ckpt_indexer.ingest.around import Around, Digests
    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.intake import Intake
    from ckpt_indexer.ingest.outbox import Outbox
    from ckpt_indexer.ingest.sighting import Rules
    from ckpt_indexer.store.changes import Known, RootRow


_FEW = 100
"""Rows looked at before the time is."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a scan works with; the same for all scans of one indexer."""

    outbox: Outbox
    intake: Intake
    absences: Absences
    clock: Clock
    rules: Rules
    around: Around


class Scan:
    """A walk of one root, or of the part of it below `start`; `alone`: of that one directory."""

    def __init__(
        self, parts: Parts, root: RootRow, start: bytes = b"", *, full: bool = False, alone: bool = False
    ) -> None:
        self.root = root
        self.start = start
        self.found = self.unchanged = self.missing = self.places = 0
        self.complete = True
        self.begun = self.ended = False
        self._parts = parts
        self._writer = parts.outbox.writer
        self.full = full
        self.alone = alone
        walk = _list_alone if alone else scan
        self._listings = walk(root.path, start, options=parts.rules(root.path))
        self._digests: dict[bytes, bytes | None] = {}
        """Directories with rows that the walk has not come to yet."""
        self._around: Digests = {}
        self._fresh = False
        self._gone: list[Known] = []
        self._told: set[bytes] = set()
        """Places with a problem now."""
        self._before = ""
        self._ending = self._finish()

    def advance(self, until: float) -> bool:
        """Take listings in until the monotonic time `until`; return True when the scan has ended."""
        if not self.begun:
            self._begin()
        for listing in self._listings:
            self._take(listing)
            if self._parts.outbox.is_full or self._parts.clock.monotonic() >= until:
                return False
        for _ in self._ending:
            if self._parts.outbox.is_full or self._parts.clock.monotonic() >= until:
                return False
        self.ended = True
        return True

    def _begin(self) -> None:
        """Learn what the catalog holds, as late as possible: other scans may have run since this one was asked for."""
        self.begun = True
        self._around = self._parts.around.known(self.root, self.start, alone=self.alone)
        if self.alone:
            self._digests = {self.start: self._writer.digest_of(self.root.id, self.start)}
            return
        self._digests = self._writer.directories(self.root.id, self.start)
        self._fresh = self._writer.is_empty(self.root.id)
        self._before = _stamp(self._parts.clock)

    def _take(self, listing: Listing) -> None:
        count = listing.count
        self.found += count
        stored = self._digests.pop(listing.directory, None)
        stale = self._parts.around.stale_in(self.root, listing.directory, self._around)
        if stored is not None and stored == listing.digest and not self.full and not listing.problems and not stale:
            self.unchanged += count
            return
        self._note_problems(listing)
        rows = {} if self._fresh else self._writer.known_in(self.root.id, listing.directory)
        seen = [self._sighting(candidate, rows.pop(candidate.name, None), stale) for candidate in listing.candidates]
        states = self._parts.intake.take(seen)
        self.unchanged += states.count(Taken.SKIPPED)
        self._gone += [row for row in rows.values() if row.presence == "present"]
        if listing.complete and Taken.WAITING not in states and not self._gone_here(rows):
            self._parts.outbox.add(DirectorySettled(self.root.id, listing.directory, listing.digest))

    def _sighting(self, candidate: Candidate, known: Known | None, stale: Container[bytes]) -> Sighting:
        forced = self.full or candidate.path in stale
        return Sighting(self.root, candidate, known, forced=forced, whole=self.full)

    @staticmethod
    def _gone_here(rows: dict[bytes, Known]) -> bool:
        return any(row.presence == "present" for row in rows.values())

    def _note_problems(self, listing: Listing) -> None:
        if not listing.complete:
            self.complete = False
        for path, problem in listing.problems:
            self.places += 1
            self._told.add(path)
            if problem.kind == "not_a_file":
                self._parts.intake.note_dangling((self.root.path, path))
            self._parts.outbox.add(PlaceProblem(self.root.id, path, problem))

    def _covers(self, path: bytes) -> bool:
        """Tell whether a place with a problem would have been named by this walk."""
        return path.rpartition(b"/")[0] == self.start if self.alone else _is_below(path, self.start)

    def _finish(self) -> Iterator[None]:
        """Call missing what is gone, forget problems that are no more, and note the time: a little each step, for whole
        trees go at once."""
        if is_in_place(self.root):
            for start in range(0, len(self._gone), _FEW):
                self._declare(self._gone[start : start + _FEW])
                yield
            for directory in self._digests:
                self._declare(self._writer.known_in(self.root.id, directory).values())
                yield
        for path in self._writer.stale_places(self.root.id, self._before):
            if self._covers(path) and path not in self._told:
                self._parts.outbox.add(PlaceProblem(self.root.id, path, None))
        if not self.alone and not self.start and self.complete:
            self._parts.outbox.add(RootChanged(self.root.id, state="present", scanned_at=_stamp(self._parts.clock)))

    def _declare(self, rows: Iterable[Known]) -> None:
        """Call rows missing that are still where they were when the scan began: others moved meanwhile."""
        now = ((row, self._writer.known_at(row.root_id, row.path)) for row in rows if row.presence == "present")
        still = [known for row, known in now if known is not None and known.id == row.id]
        self.missing += self._parts.absences.declare(still)


def _list_alone(root: bytes, directory: bytes, *, options: Options) -> Iterator[Listing]:
    """Yield the one listing; nothing when the directory is gone, which other hints tell."""
    listing = list_directory(root, directory, options=options)
    if listing is not None:
        yield listing


def _is_below(directory: bytes, start: bytes) -> bool:
    return not start or directory == start or directory.startswith(start + b"/")


def _stamp(clock: Clock) -> str:
    """Return the wall time as the store writes it."""
    return clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
