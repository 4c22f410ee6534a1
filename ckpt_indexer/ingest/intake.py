"""From a sighting to changes: decide, recognise moves and links, wait until the file is at rest, read it.

    sighting -> decide -> identify -> settle -> describe -> change in the outbox

Used by events and scans alike. Runs on the writer's thread only.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ckpt_indexer.candidate import Kind
from ckpt_indexer.discovery.scanner import look
from ckpt_indexer.discovery.settle import Wait
from ckpt_indexer.ingest.decide import Action, decide
from ckpt_indexer.ingest.describe import Description, Outcome, describe
from ckpt_indexer.ingest.elsewhere import Elsewhere
from ckpt_indexer.ingest.expand import siblings_of
from ckpt_indexer.ingest.identity import LinkOf, MovedFrom, identify, is_itself
from ckpt_indexer.ingest.retries import Retries
from ckpt_indexer.ingest.sighting import Sighting, Taken
from ckpt_indexer.sources.sidecar import derived_from
from ckpt_indexer.store.changes import Arrived, Described, Moved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.discovery.place import Reach
    from ckpt_indexer.discovery.settle import Settle
    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.options import Sources
    from ckpt_indexer.ingest.outbox import Outbox
    from ckpt_indexer.ingest.sighting import Place, Rules
    from ckpt_indexer.store.changes import Known, RootRow


MAX_DANGLING = 1000
"""Links that lead nowhere and are kept in mind; more are found by the next scan."""


class Intake:
    """Turns sightings into changes. Keeps what must wait: unsettled files, links, running readings."""

    def __init__(self, *, outbox: Outbox, sources: Sources, settle: Settle[Place], clock: Clock, rules: Rules) -> None:
        self._outbox = outbox
        self._quick = sources.quick
        self.elsewhere = Elsewhere(sources.readers)
        self.unfilled = True
        """Rows may wait for idle time to learn what their headers say."""
        self.settle = settle
        self._clock = clock
        self._rules = rules
        self.roots: dict[int, RootRow] = {}
        self.links: dict[Place, Sighting] = {}
        """Symlinks and hard links, until the file they lead to has a row."""
        self.again: dict[Place, bool] = {}
        """Places to look at once more on the next step: aliases of changed files, files that changed while read. True:
        read them even when nothing seems to have changed, because what they are an alias of may have."""
        self.retries = Retries()
        self._unwritten: dict[tuple[int, int], Place] = {}
        self._dangling: dict[Place, None] = {}
        """Links, by name, that lead to no checkpoint now; a new file may be what they wait for."""
        self._claimed: dict[int, Place] = {}
        """Row -> the place it will be at once the outbox is written: files that change places claim each row once."""
        self._arrived: set[Place] = set()
        """New files that have a row, and are counted, but are not described yet."""
        self.added = self.changed = self.moved = 0

    @property
    def busy(self) -> bool:
        """Tell whether anything taken in has not ended as a row yet."""
        return bool(self.waiting or self.again or len(self._outbox))

    @property
    def waiting(self) -> int:
        """Return how many files are seen but not at rest, not read, or not linked yet."""
        return len(self.settle) + len(self.links) + len(self.elsewhere) + len(self.retries)

    def sight(self, root: RootRow, path: bytes, memo: dict[bytes, Reach] | None = None) -> Sighting | None:
        """Return what is on disk at a path and in the catalog about it; None when it is no candidate now.

        `memo` belongs to one batch of looks at one root, as `discovery.scanner.look` has it.
        """
        candidate = look(root.path, path, options=self._rules(root.path), memo=memo)
        if candidate is None:
            return None
        return Sighting(root, candidate, self._outbox.writer.known_at(root.id, path))

    def take(self, sightings: Sequence[Sighting]) -> list[Taken]:
        """Take sightings in; return what became of each, in order."""
        fresh: list[int] = []
        states = [Taken.SKIPPED] * len(sightings)
        for index, sighting in enumerate(sightings):
            if sighting.candidate.kind is Kind.SYMLINK:
                self.links[sighting.place] = sighting
                states[index] = Taken.WAITING
            elif self._must_read(sighting):
                fresh.append(index)
        twins = self._outbox.writer.known_by_inodes([sightings[index].candidate.fingerprint[:2] for index in fresh])
        for index in fresh:
            states[index] = self._take_fresh(sightings[index], twins)
        return states

    def written(self) -> None:
        """Note that the outbox has been written: every row taken in so far has an id now. Where two rows both say to be
        the same file itself, its names were noticed in an unlucky order: look at them again, as links."""
        inodes, self._unwritten = list(self._unwritten), {}
        self._claimed.clear()
        for rows in self._outbox.writer.known_by_inodes(inodes).values():
            if len(rows) > 1:
                themselves = [row for row in rows if is_itself(row) and self.still_there(row)]
                self.again.update({self.place_of(row): True for row in themselves if len(themselves) > 1})

    def note_dangling(self, place: Place) -> bool:
        """Remember a link that leads nowhere, to look at it again when a file appears; True when it was not known."""
        is_new = place not in self._dangling
        if len(self._dangling) < MAX_DANGLING:
            self._dangling[place] = None
        return is_new

    def forget_dangling(self, place: Place) -> None:
        """A link leads to a checkpoint again."""
        self._dangling.pop(place, None)

    def look_beside(self, place: Place) -> None:
        """A checkpoint came or went at this place: look again at those that may have shared its document."""
        for path in siblings_of(*place):
            self.again.setdefault((place[0], path), False)

    def leave(self, place: Place) -> None:
        """Nothing lies at this place any more that is a checkpoint: whatever is still read of it is of no use."""
        self.settle.forget(place)
        self.again.update(dict.fromkeys(self.elsewhere.overtake(place), True))
        self.look_beside(place)

    def _look_at_dangling(self) -> None:
        """A checkpoint appeared somewhere: look at the links that led nowhere."""
        for place in self._dangling:
            self.again.setdefault(place, False)

    def _must_read(self, sighting: Sighting) -> bool:
        if sighting.forced or sighting.place in self.elsewhere:
            return True
        known = sighting.known
        sidecars = () if known is None else derived_from(sighting.candidate, known.sidecar_paths)
        decision = decide(sighting.candidate, known, sidecars)
        if decision.action is Action.SKIP:
            self.settle.forget(sighting.place)
        return decision.action is Action.READ

    def _take_fresh(self, sighting: Sighting, twins: dict[tuple[int, int], list[Known]]) -> Taken:
        root, candidate = sighting.root, sighting.candidate
        place, inode = sighting.place, candidate.fingerprint[:2]
        known = None if self.is_claimed(sighting.known, place) else sighting.known
        if self._unwritten.get(inode, place) != place and candidate.kind is Kind.FILE:
            self.links[place] = sighting
            return Taken.WAITING
        identity = identify(candidate, root.id, known, twins.get(inode, ()), still_there=self.still_there)
        if isinstance(identity, LinkOf):
            self.links[place] = sighting
            return Taken.WAITING
        if isinstance(identity, MovedFrom) and not self.is_claimed(identity.known, place):
            self._outbox.add(Moved(identity.known.id, root.id, candidate))
            self.moved += 1
            known = identity.known
            self.look_beside(self.place_of(known))
            self.look_beside(place)
            self._look_at_dangling()
            twins[inode] = []
        self._unwritten[inode] = place
        if known is not None:
            self._claimed[known.id] = place
        return self.settle_and_read(sighting.with_known(known), place)

    def is_claimed(self, row: Known | None, place: Place) -> bool:
        """Tell whether another place has taken the row over in this batch."""
        return row is not None and self._claimed.get(row.id, place) != place

    def settle_and_read(self, sighting: Sighting, place: Place) -> Taken:
        """Describe a file that is no link, or give it a row and wait until it is at rest."""
        root, candidate, known = sighting.root, sighting.candidate, sighting.known
        state = self.settle.observe(
            place,
            candidate.fingerprint,
            now=self._clock.monotonic(),
            finished=sighting.finished or _was_at_rest(known, candidate) or self.elsewhere.was_at_rest(candidate),
            age_s=self._age(candidate),
        )
        description = None if isinstance(state, Wait) else self._describe(sighting)
        if description is not None and description.outcome is Outcome.DONE:
            self.finish(description, known)
            return Taken.DESCRIBED
        if known is None or known.fingerprint != candidate.fingerprint or known.presence != "present":
            self.arrive(sighting)
        if description is None:
            return Taken.WAITING
        if description.outcome is Outcome.NEEDS_CHILD:
            self.elsewhere.read(root.id, candidate, whole=sighting.whole)
        elif description.outcome is Outcome.SHORT:
            self.retry(place)
        else:
            self.again.setdefault(place, False)
        return Taken.WAITING

    def _describe(self, sighting: Sighting) -> Description:
        if sighting.whole or _is_known_inside(sighting.known, sighting.candidate):
            return Description(sighting.root.id, sighting.candidate, Outcome.NEEDS_CHILD)
        return describe(sighting.root.id, sighting.candidate, self._quick)

    def retry(self, place: Place) -> None:
        """Look again later: this process is short of what reading takes."""
        self.retries.note(place, self._clock.monotonic())

    def arrive(self, sighting: Sighting) -> None:
        """Give a file a row before it can be described; a new one is counted here, once."""
        self._outbox.add(Arrived(sighting.root.id, sighting.candidate))
        self._tell_beside(sighting.candidate, sighting.known)
        if sighting.known is None and sighting.place not in self._arrived:
            self._arrived.add(sighting.place)
            self.added += 1

    def _tell_beside(self, candidate: Candidate, known: Known | None) -> None:
        if known is not None and known.presence == "present":
            return
        self._look_at_dangling()
        if candidate.neighbours is None:  # no listing shows it to its siblings
            self.look_beside((candidate.root, candidate.path))

    def finish(
        self, description: Description, known: Known | None, alias_of: int | None = None, *, counted: bool = True
    ) -> None:
        """Put a finished description in the outbox; aliases of the row it is of are looked at again. `counted`: it is
        news for whoever asked for a scan."""
        if description.record is None:
            raise AssertionError("a finished description has a record")
        candidate = description.candidate
        refines = not counted and alias_of is None
        self._outbox.add(Described(description.root_id, candidate, description.record, alias_of, refines))
        place = (candidate.root, candidate.path)
        self.retries.forget(place)
        if alias_of is None:
            self._unwritten[candidate.fingerprint[:2]] = place
        self.again.update(dict.fromkeys(self.elsewhere.overtake(place), True))
        self.unfilled = self.unfilled or description.record.header is None
        self._tell_beside(candidate, known)
        if place in self._arrived:
            self._arrived.discard(place)
        elif known is None:
            self.added += 1
        elif counted:
            self.changed += 1
        if known is not None:
            for alias in self._outbox.writer.aliases_of(known.id):
                self.again[self.place_of(alias)] = True

    def place_of(self, row: Known) -> Place:
        """Return where the file of a row lies."""
        return (self.roots[row.root_id].path, row.path)

    def still_there(self, row: Known) -> bool:
        """Tell whether the row's path still leads to its inode."""
        root = self.roots.get(row.root_id)
        if root is None:
            return False
        try:
            stat = os.lstat(root.path + b"/" + row.path)
        except OSError:
            return False
        return (stat.st_dev, stat.st_ino) == row.fingerprint[:2]

    def _age(self, candidate: Candidate) -> float | None:
        """Return for how many seconds the file has been still by its own times; None when they lie in the future."""
        newest = max(candidate.fingerprint.mtime_ns, candidate.fingerprint.ctime_ns)
        age = (self._clock.wall_ns() - newest) / 1e9
        return age if age >= 0 else None


def _is_known_inside(known: Known | None, candidate: Candidate) -> bool:
    """Tell whether the row says what is in this very file, renamed or linked since at most: it must go on saying it."""
    if known is None or not known.header_read:
        return False
    return known.fingerprint[:4] == candidate.fingerprint[:4]  # all but the time of the last change of the entry


def _was_at_rest(known: Known | None, candidate: Candidate) -> bool:
    """Tell whether this very file was read before: only what lies beside it can have changed."""
    return known is not None and known.fingerprint == candidate.fingerprint and known.read_state != "pending"
