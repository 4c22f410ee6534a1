"""Symlinks and hard links: rows of their own that carry the facts of the file they lead to.

A link waits in the intake until that file has a row. Of several hard links the first by path is the file itself, the
others are its aliases.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from ckpt_indexer.candidate import Kind
from ckpt_indexer.ingest.decide import Action, decide
from ckpt_indexer.ingest.describe import Description, Outcome, describe, is_current
from ckpt_indexer.ingest.sighting import Taken
from ckpt_indexer.sources.sidecar import derived_from

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.ingest.intake import Intake
    from ckpt_indexer.ingest.sighting import Place, Sighting
    from ckpt_indexer.sources.chain import Chain
    from ckpt_indexer.store.changes import Known
    from ckpt_indexer.store.writer import Writer

LINKS_PER_STEP = 500


class Links:
    """Resolves the links that wait in an intake."""

    def __init__(self, *, intake: Intake, writer: Writer, quick: Chain) -> None:
        self._intake = intake
        self._writer = writer
        self._quick = quick
        self._names: dict[tuple[int, int], list[Known]] = {}
        """Of each (device, inode) met in this step the rows of its present names, in the order of their places."""

    def resolve(self) -> None:
        """Describe waiting links whose targets have rows, the first few hundred; the outbox must be empty."""
        self._names = {}
        waiting = dict(islice(self._intake.links.items(), LINKS_PER_STEP))
        for place in waiting:
            del self._intake.links[place]
        for place, sighting in waiting.items():
            if sighting.candidate.kind is Kind.SYMLINK:
                self._resolve_symlink(place, sighting)
            else:
                self._resolve_hard_link(place, sighting)

    def _resolve_symlink(self, place: Place, sighting: Sighting) -> None:
        target_path = sighting.candidate.target
        if target_path is None:
            raise AssertionError("a symlink candidate has a target")
        target = self._writer.known_at(sighting.root.id, target_path)
        seen = self._intake.sight(sighting.root, target_path)
        if seen is None:
            return
        if target is None:
            if self._intake.take([seen]) != [Taken.SKIPPED]:
                self._intake.links[place] = sighting
            return
        self._describe_alias(sighting, seen.candidate, target)

    def _resolve_hard_link(self, place: Place, sighting: Sighting) -> None:
        rows = self._names_of(sighting.candidate.fingerprint[:2])
        first = next((row for row in rows if self._intake.place_of(row) != place), None)
        if first is None or place < self._intake.place_of(first):
            own = self._writer.known_at(sighting.root.id, sighting.candidate.path)
            self._intake.settle_and_read(sighting.with_known(own), place)
            for row in rows:
                if self._intake.place_of(row) != place and (own is None or row.alias_of != own.id):
                    self._intake.again[self._intake.place_of(row)] = True
            return
        canonical = self._intake.sight(self._intake.roots[first.root_id], first.path)
        if canonical is None:
            self._intake.again.setdefault(place, False)
            return
        if canonical.candidate.fingerprint != first.fingerprint or first.alias_of is not None:
            self._intake.again[self._intake.place_of(first)] = True
        self._describe_alias(sighting, canonical.candidate, first)

    def _names_of(self, inode: tuple[int, int]) -> list[Known]:
        """Return the rows of the names an inode has now. They are asked for once per step: there may be thousands."""
        if inode not in self._names:
            twins = self._writer.known_by_inodes([inode]).get(inode, ())
            present = [row for row in twins if row.kind != Kind.SYMLINK and self._intake.still_there(row)]
            self._names[inode] = sorted(present, key=self._intake.place_of)
        return self._names[inode]

    def _describe_alias(self, sighting: Sighting, target: Candidate, row: Known) -> None:
        """An alias row carries the facts of the file it leads to."""
        known = sighting.known
        if sighting.candidate.fingerprint != target.fingerprint:  # the file changed after the link was looked at
            self._intake.again[sighting.place] = True
            return
        if known is not None and known.alias_of == row.id and not sighting.forced:
            decision = decide(sighting.candidate, known, derived_from(target, known.sidecar_paths))
            if decision.action is Action.SKIP:
                return
        description = self._describe(sighting, target, row)
        if description.outcome is Outcome.DONE:
            mine = replace(description, root_id=sighting.root.id, candidate=sighting.candidate)
            self._intake.finish(mine, known, alias_of=row.id)
            return
        self._intake.arrive(sighting)
        place = sighting.place
        if description.outcome is Outcome.CHANGED:
            self._intake.again[place] = True
            return
        if description.outcome is Outcome.SHORT:
            self._intake.retry(place)
            return
        self._intake.elsewhere.wait_for((target.root, target.path), sighting, row.id)
        self._intake.elsewhere.read(row.root_id, target)

    def _describe(self, sighting: Sighting, target: Candidate, row: Known) -> Description:
        """Return what is said of the target: as it was just read elsewhere, else inline, as far as its own row was."""
        recent = self._intake.elsewhere.recent(target)
        if recent is not None and is_current(recent):
            return recent
        if row.header_read or sighting.whole:
            return Description(sighting.root.id, target, Outcome.NEEDS_CHILD)
        return describe(sighting.root.id, target, self._quick)
