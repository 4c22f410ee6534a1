"""One transaction's rows, as they were and as they will be: changes are folded in, in order, without a database.

What is needed is loaded before (`loading`), what differs is written after (`flush`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from ckpt_indexer.metadata.record import Presence, ReadState
from ckpt_indexer.store import mapping, notes
from ckpt_indexer.store.changes import (
    Arrived,
    Described,
    DirectorySettled,
    Dissolved,
    Moved,
    PlaceProblem,
    PresenceChanged,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.metadata.record import Problem
    from ckpt_indexer.store.changes import Change, RootRow
    from ckpt_indexer.store.mapping import Children, Row
    from ckpt_indexer.store.notes import Edit, Note

Place: TypeAlias = tuple[int, bytes]
"""(root id, path relative to the root)."""


@dataclass(slots=True)
class Draft:
    """One row: `before` None is a new one, `after` None one to delete."""

    before: Row | None
    after: Row | None
    children: Children | None = None
    """Set when the row was described."""
    note_was: Note | None = None
    note: Note | None = None
    displaced: bool = False
    """Another file took its path; it is deleted unless it moves elsewhere in the same batch."""


@dataclass(slots=True)
class PlaceDraft:
    """Problems of one path that is no checkpoint row."""

    cleared: bool = False
    seen: dict[str, Problem] = field(default_factory=dict)


def place_of(row: Row) -> Place:
    """Return where a row's file lies."""
    return row["root_id"], row["path_bytes"]


class Batch:
    """The drafts of one transaction."""

    def __init__(self, roots: Iterable[RootRow], *, next_id: int, derivation: int, now: str) -> None:
        self.roots = {root.id: root for root in roots}
        self.next_id = next_id
        self.derivation = derivation
        self.now = now
        self.directories: dict[Place, int] = {}
        self.drafts: list[Draft] = []
        self.by_id: dict[int, Draft] = {}
        self.by_place: dict[Place, Draft] = {}
        self.loose_notes: dict[Place, Note] = {}
        """Notes on paths that have no row."""
        self.new_loose: dict[Place, Note] = {}
        self.digests: dict[Place, bytes | None] = {}
        self.places: dict[Place, PlaceDraft] = {}
        self.lowest_derivation = derivation
        self.replaced_by: dict[int, int] = {}
        """Id of a row to delete -> id of the row that took its path."""

    # -- what loading puts in

    def adopt(self, row: Row) -> Draft:
        """Take in a row of the database; the same row twice is one draft."""
        draft = self.by_id.get(row["id"])
        if draft is None:
            draft = Draft(row, row.copy())
            self.drafts.append(draft)
            self.by_id[row["id"]] = draft
            self.by_place[place_of(row)] = draft
            self.directories[row["root_id"], row["path_bytes"].rpartition(b"/")[0]] = row["directory_id"]
        return draft

    def adopt_note(self, place: Place, note: Note) -> None:
        """Take in an annotation of the database."""
        draft = self.by_place.get(place)
        if draft is None:
            self.loose_notes[place] = note
        else:
            draft.note = draft.note_was = note

    # -- the changes

    def fold(self, change: Change) -> None:
        """Apply one change. `RootChanged` is not for here: it concerns rows nobody loaded."""
        match change:
            case Described():
                self._describe(change)
            case Arrived():
                self._arrive(change)
            case Moved():
                self._move(change)
            case PresenceChanged():
                self._change_presence(change)
            case Dissolved():
                self._dissolve(change)
            case DirectorySettled():
                self.digests[change.root_id, change.directory] = change.digest
            case PlaceProblem():
                self._note_problem(change)
            case _:
                raise TypeError(f"not a change of rows: {change!r}")

    def annotate(self, place: Place, edit: Edit) -> bool:
        """Apply an edit to what people said about a path; False when no row lies there."""
        draft = self.by_place.get(place)
        if draft is None or draft.after is None:
            return False
        self._set_note(draft, notes.edited(draft.note, edit, now=self.now))
        return True

    def restore(self, place: Place, note: Note) -> None:
        """Put a note of the journal on a path, whether a row lies there yet or not."""
        draft = self.by_place.get(place)
        if draft is None:
            self.new_loose[place] = note
        else:
            self._set_note(draft, note)

    def finish(self) -> None:
        """Decide what becomes of rows whose path was taken: they go, their notes stay with the path."""
        for draft in self.drafts:
            if draft.after is not None and _is_settled(draft.after):
                self.lowest_derivation = min(self.lowest_derivation, draft.after["derivation"])
            if draft.displaced and draft.after is not None:
                self._give_way(draft, draft.after)

    def _give_way(self, draft: Draft, row: Row) -> None:
        winner = self.by_place.setdefault(place_of(row), draft)
        if winner is draft:  # what took the path has moved on: the next look at the disk decides
            draft.displaced = False
            return
        if draft.note is not None:
            self._set_note(winner, notes.merged(winner.note, draft.note))
        if winner.after is not None:
            self.replaced_by[row["id"]] = winner.after["id"]
        draft.after = None

    # -- one method per change

    def _arrive(self, change: Arrived) -> None:
        candidate = change.candidate
        draft = self.by_place.get((change.root_id, candidate.path))
        if draft is None or draft.after is None:
            self._add(change.root_id, candidate)
            return
        row = draft.after
        if mapping.same_stamp(row, candidate.fingerprint) and row["kind"] == candidate.kind.value:
            if row["presence"] == Presence.PRESENT.value:
                return
        else:
            self._flag_rewrite(draft, candidate)
            row["read_state"] = ReadState.PENDING.value
        self._stamp(row, candidate)

    def _describe(self, change: Described) -> None:
        candidate = change.candidate
        draft = self.by_place.get((change.root_id, candidate.path))
        if draft is None or draft.after is None:
            draft = self._add(change.root_id, candidate)
        else:
            self._flag_rewrite(draft, candidate)
            if not (change.refines and mapping.same_stamp(draft.after, candidate.fingerprint)):
                self._stamp(draft.after, candidate)
        row = draft.after
        if row is None:
            raise AssertionError("a draft that was just added has a row")
        alias_of = change.alias_of if change.alias_of != row["id"] and change.alias_of in self.by_id else None
        draft.children = mapping.set_record(row, change.record, alias_of, derivation=self.derivation)
        row["pinned"] = 0
        if draft.note is not None:
            notes.show(row, draft.note)

    def _move(self, change: Moved) -> None:
        draft = self.by_id.get(change.id)
        if draft is None or draft.after is None:
            self._arrive(Arrived(change.root_id, change.candidate))
            return
        row = draft.after
        old, new = place_of(row), (change.root_id, change.candidate.path)
        self._forget(row)
        if self.by_place.get(old) is draft:
            del self.by_place[old]
        occupant = self.by_place.get(new)
        if occupant is not None:
            occupant.displaced = True
        self.by_place[new] = draft
        draft.displaced = False
        mapping.set_place(row, self.roots[change.root_id], change.candidate)
        row["directory_id"] = self.directories[change.root_id, change.candidate.directory]
        self._stamp(row, change.candidate)
        row["read_state"] = ReadState.PENDING.value
        loose = self.loose_notes.pop(new, None)
        if loose is not None:
            self._set_note(draft, notes.merged(draft.note, loose))

    def _change_presence(self, change: PresenceChanged) -> None:
        draft = self.by_id.get(change.id)
        if draft is None or draft.after is None or draft.displaced:
            return
        row = draft.after
        if row["presence"] == change.presence.value:
            return
        row["presence"] = change.presence.value
        row["missing_since"] = self.now if change.presence is Presence.MISSING else None
        mapping.set_rankable(row)
        self._forget(row)

    def _dissolve(self, change: Dissolved) -> None:
        draft = self.by_id.get(change.id)
        if draft is not None and draft.after is not None and draft.after["presence"] == Presence.MISSING.value:
            draft.after = None

    def _note_problem(self, change: PlaceProblem) -> None:
        draft = self.places.setdefault((change.root_id, change.path), PlaceDraft())
        if change.problem is None:
            draft.cleared = True
            draft.seen.clear()
        else:
            draft.seen[change.problem.kind] = change.problem

    # -- steps they share

    def _add(self, root_id: int, candidate: Candidate) -> Draft:
        row = mapping.new_row(self.next_id, self.roots[root_id], candidate, now=self.now)
        self.next_id += 1
        row["directory_id"] = self.directories[root_id, candidate.directory]
        place = (root_id, candidate.path)
        note = self.loose_notes.pop(place, None)
        draft = Draft(None, row, note_was=note, note=note)
        self.drafts.append(draft)
        self.by_id[row["id"]] = draft
        self.by_place[place] = draft
        self._forget(row)
        if note is not None:
            notes.show(row, note)
        return draft

    def _stamp(self, row: Row, candidate: Candidate) -> None:
        mapping.set_stamp(row, candidate)
        self._forget(row)

    def _forget(self, row: Row) -> None:
        """Forget the digest of the row's directory."""
        self.digests[row["root_id"], row["path_bytes"].rpartition(b"/")[0]] = None

    def _flag_rewrite(self, draft: Draft, candidate: Candidate) -> None:
        note, row = draft.note, draft.after
        if note is None or note.is_empty or note.rewritten or row is None:
            return
        if not mapping.same_content(row, candidate.fingerprint):
            draft.note = replace(note, rewritten=True)

    def _set_note(self, draft: Draft, note: Note | None) -> None:
        draft.note = note
        if draft.after is not None:
            notes.show(draft.after, note)


def _is_settled(row: Row) -> bool:
    """Tell whether a row would have to be made anew when its derivation is old."""
    return bool(row["read_state"] != ReadState.PENDING.value and row["presence"] == Presence.PRESENT.value)
