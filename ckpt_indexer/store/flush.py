"""Writes the difference between a batch's rows before and after, statement by statement, many rows each."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from ckpt_indexer.metadata.naming import display
from ckpt_indexer.store import counts, leftovers, loading, mapping, notes, reads, statements
from ckpt_indexer.store.drafts import place_of
from ckpt_indexer.store.mapping import COLUMNS, SILENT
from ckpt_indexer.store.storable import text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.store.drafts import Batch, Draft, Place, PlaceDraft
    from ckpt_indexer.store.engine import Session, Value, Values
    from ckpt_indexer.store.mapping import Children, Row
    from ckpt_indexer.store.notes import Note

_whole: Callable[[Row], Values] = itemgetter(*COLUMNS)


class Flush:
    """One batch on its way into the database, inside an open transaction."""

    def __init__(self, session: Session, batch: Batch, *, seq: int) -> None:
        self._session = session
        self._batch = batch
        self._seq = seq
        """What is stamped on rows whose shown columns change."""
        self._changed: dict[int, tuple[str, ...]] = {}
        """Id of an existing row -> its columns that differ."""
        self.is_visible = False
        """Whether anything an answer shows was changed."""
        self.said: list[tuple[Place, Note | None]] = []
        """Notes for the journal: what now holds for a place."""

    def write(self) -> None:
        """Write everything."""
        self._batch.finish()
        self._repoint()
        self._pair_duplicates()
        aged = leftovers.settle(self._session, self._batch)
        self._compare()
        self._write_rows()
        self._write_children()
        self._session.many(statements.SET_STALE, aged)
        self._write_problems()
        for place, draft in self._batch.places.items():
            self._write_place(place, draft)
        self._write_notes()
        self._write_digests()
        self._write_counts()

    # -- rows

    def _repoint(self) -> None:
        """Let rows that named a deleted one name the one that took its path, or none."""
        batch = self._batch
        gone = [draft.before["id"] for draft in batch.drafts if draft.before and draft.after is None]
        if not gone:
            return
        for column in ("alias_of", "duplicate_of"):
            loading.adopt_rows(self._session, batch, column, gone)
        for draft in batch.drafts:
            row = draft.after
            if row is None:
                continue
            for column in ("alias_of", "duplicate_of"):
                if row[column] in batch.by_id and batch.by_id[row[column]].after is None:
                    successor = batch.replaced_by.get(row[column])
                    row[column] = None if successor == row["id"] else successor
            mapping.set_rankable(row)

    def _pair_duplicates(self) -> None:
        """Let every present file name the first row with the same content, where contents came, went or changed."""
        touched: set[str] = set()
        for draft in self._batch.drafts:
            before, after = _content(draft.before), _content(draft.after)
            if before != after:
                touched |= {content for content in (before, after) if content is not None}
                if draft.after is not None:
                    draft.after["duplicate_of"] = None
        if not touched:
            return
        first = loading.first_with_content(self._session, touched)
        loading.adopt_rows(self._session, self._batch, "content_id", self._led_anew(touched, first))
        for row in self._members(touched):
            original = first.setdefault(row["content_id"], row["id"])
            row["duplicate_of"] = None if original == row["id"] else original

    def _led_anew(self, touched: set[str], first: dict[str, int]) -> list[str]:
        """Return the contents whose first row is another one now, and drop them from `first`: every row with them is
        needed. Thousands of equal files are common, another first one is rare."""
        lowest: dict[str, int] = {}
        for row in self._members(touched):
            lowest.setdefault(row["content_id"], row["id"])
        anew = []
        for content, row_id in list(first.items()):
            draft = self._batch.by_id.get(row_id)
            leaves = draft is not None and _content(draft.after) != content
            if leaves or lowest.get(content, row_id) < row_id:
                anew.append(content)
                del first[content]
        return anew

    def _members(self, contents: set[str]) -> list[Row]:
        """Return the rows of the batch with one of these contents, by id."""
        rows = [draft.after for draft in self._batch.drafts if draft.after and _content(draft.after) in contents]
        return sorted(rows, key=itemgetter("id"))

    def _compare(self) -> None:
        """Find what differs, and stamp the seq on what shows."""
        for draft in self._batch.drafts:
            before, after = draft.before, draft.after
            if before is None or after is None:
                self.is_visible = self.is_visible or before is not after
                if after is not None:
                    after["seq"] = self._seq
                continue
            names = tuple([name for name in COLUMNS if before[name] != after[name]])
            if not SILENT.issuperset(names):
                after["seq"] = self._seq
                names = tuple([name for name in COLUMNS if before[name] != after[name]])
                self.is_visible = True
            if names:
                self._changed[after["id"]] = names

    def _write_rows(self) -> None:
        drafts = self._batch.drafts
        session = self._session
        gone = [(draft.before["id"],) for draft in drafts if draft.before and draft.after is None]
        session.many(statements.DELETE_CHECKPOINT, gone)
        self._park()
        groups: dict[tuple[str, ...], list[Row]] = {}
        for draft in drafts:
            if draft.after is not None and draft.before is not None and draft.after["id"] in self._changed:
                groups.setdefault(self._changed[draft.after["id"]], []).append(draft.after)
        for names, rows in groups.items():
            values = itemgetter(*names, "id")
            session.many(statements.update_checkpoint(names), [values(row) for row in rows])
        new = [_whole(draft.after) for draft in drafts if draft.before is None and draft.after is not None]
        session.many(statements.INSERT_CHECKPOINT, new)

    def _park(self) -> None:
        """Move rows that trade paths out of each other's way, to a name no file can have."""
        moved = self._moved()
        if not moved:
            return
        held = {place_of(before) for before, _ in moved}
        if all(place_of(after) not in held for _, after in moved):
            return
        self._session.many(
            statements.update_checkpoint(("path_bytes",)), [(_aside(after), after["id"]) for _, after in moved]
        )
        self._session.many(
            statements.MOVE_PROBLEMS,
            [(after["root_id"], after["path"], _aside(after), after["id"]) for _, after in moved],
        )

    def _moved(self) -> list[tuple[Row, Row]]:
        pairs = [(draft.before, draft.after) for draft in self._batch.drafts]
        return [(before, after) for before, after in pairs if before and after and place_of(before) != place_of(after)]

    # -- what hangs below rows

    def _write_children(self) -> None:
        session = self._session
        described = [(draft, draft.children) for draft in self._batch.drafts if draft.children and draft.after]
        stale = [draft for draft, _ in described if draft.before and self._nested_changed(draft)]
        ids = [_id(draft) for draft in stale]
        for statement in (statements.DELETE_METRICS, statements.DELETE_COMPONENTS, statements.DELETE_PARAMS):
            session.many(statement, ids)
        session.many(statements.DELETE_INPUTS, [_id(draft) for draft, _ in described if draft.before])
        fresh = [children for draft, children in described if draft.before is None or self._nested_changed(draft)]
        for statement, rows in (
            (statements.INSERT_METRIC, [row for children in fresh for row in children.metrics]),
            (statements.INSERT_COMPONENT, [row for children in fresh for row in children.components]),
            (statements.INSERT_PARAM, [row for children in fresh for row in children.params]),
            (statements.INSERT_INPUT, [row for _, children in described for row in children.inputs]),
        ):
            session.many(statement, rows)

    def _nested_changed(self, draft: Draft) -> bool:
        return draft.after is not None and "nested" in self._changed.get(draft.after["id"], ())

    def _write_problems(self) -> None:
        session, now = self._session, self._batch.now
        session.many(
            statements.MOVE_PROBLEMS,
            [(after["root_id"], after["path"], after["path_bytes"], after["id"]) for _, after in self._moved()],
        )
        gone: list[Values] = []
        seen: list[Values] = []
        described = [(draft.after, draft.children) for draft in self._batch.drafts if draft.children and draft.after]
        old = loading.problem_kinds(
            session, [draft.before["id"] for draft in self._batch.drafts if draft.children and draft.before]
        )
        for row, children in described:
            row_id = row["id"]
            gone += [(row_id, kind) for kind in old.get(row_id, ()) if kind not in children.problems]
            seen += [
                (row_id, row["root_id"], row["path"], row["path_bytes"], kind, message, now, now, 1)
                for kind, message in children.problems.items()
            ]
        session.many(statements.DELETE_PROBLEM, gone)
        session.many(statements.SEE_PROBLEM, seen)

    def _write_place(self, place: Place, draft: PlaceDraft) -> None:
        """Write the problems of a path that is no row."""
        root_id, path = place
        now, shown = self._batch.now, display(path)
        old = dict(cast("list[tuple[str, str]]", self._session.rows(reads.PLACE_PROBLEMS, place)))
        new = {text(kind) or "": text(problem.message) or "" for kind, problem in draft.seen.items()}
        gone = old.keys() - new.keys() if draft.cleared else ()
        self._session.many(statements.CLEAR_PLACE, [(*place, kind) for kind in gone])
        self.is_visible = self.is_visible or bool(gone)
        self.is_visible = self.is_visible or any(old.get(kind) != message for kind, message in new.items())
        rows = [(None, root_id, shown, path, kind, message, now, now, 1) for kind, message in new.items()]
        self._session.many(statements.SEE_PROBLEM, rows)

    def _write_notes(self) -> None:
        gone: list[Place] = []
        said: dict[Place, Note] = dict(self._batch.new_loose)
        for draft in self._batch.drafts:
            home = place_of(draft.before) if draft.before else None
            if draft.after is None:
                if home is not None and draft.displaced and draft.note_was is not None:
                    gone.append(home)
                continue
            place = place_of(draft.after)
            if home is not None and home != place and draft.note_was is not None:
                gone.append(home)
            if draft.note is not None and (draft.note != draft.note_was or (home is not None and home != place)):
                said[place] = draft.note
        self._session.many(statements.DELETE_ANNOTATION, gone)
        rows = [notes.to_values(*place, note) for place, note in said.items()]
        self._session.many(statements.SET_ANNOTATION, rows)
        self.said = [(place, None) for place in gone if place not in said] + list(said.items())

    def _write_digests(self) -> None:
        rows = [(digest, self._batch.directories[place]) for place, digest in self._batch.digests.items()]
        self._session.many(statements.SET_DIGEST, rows)

    def _write_counts(self) -> None:
        tally = counts.Tally()
        for draft in self._batch.drafts:
            before, after = draft.before, draft.after
            both = before is not None and after is not None
            if both and after is not None and counts.COUNTED.isdisjoint(self._changed.get(after["id"], ())):
                continue
            if before is not None:
                tally.add(before, partial(mapping.own_metrics, before), sign=-1)
            if after is not None:
                tally.add(after, _own(after, draft.children))
        differences = tally.differences()
        self._session.many(statements.ADD_FACET, counts.upserts(differences))
        self._session.many(statements.DROP_EMPTY_FACET, counts.emptied(differences))


def _own(row: Row, children: Children | None) -> Callable[[], Sequence[str]]:
    return partial(mapping.own_metrics, row) if children is None else lambda: children.own


def _content(row: Row | None) -> str | None:
    """Return what a row's file is compared by; None for aliases and files that are not there."""
    return row["content_id"] if row is not None and row["rankable"] else None


def _id(draft: Draft) -> tuple[Value]:
    row: dict[str, Any] | None = draft.after  # a row's values are of many types
    return (None,) if row is None else (row["id"],)


def _aside(row: Row) -> bytes:
    return b"\0" + str(row["id"]).encode()
