"""Do the catalog and its journal say the same about tags, notes and pins? Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ckpt_indexer.errors import StoreError
from ckpt_indexer.tools.doctor import Check, count, failed, fine, skipped, warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckpt_indexer.store.journal import Contents as Journal
    from ckpt_indexer.store.notes import Note
    from ckpt_indexer.store.read_checkup import Contents

    Place: TypeAlias = tuple[bytes, bytes]  # (absolute root, path)

NAME = "database.annotations"


def check(journal: Journal | StoreError | None, contents: Contents | None, path: str) -> Check:
    """Judge a journal (None: there is none; an error: it cannot be read) beside the catalog's file at `path`."""
    where = f"{path}.annotations.jsonl"
    if journal is None:
        return _without_journal(contents)
    if isinstance(journal, StoreError):
        return failed(NAME, journal.message, f"make {where} readable: a rebuild takes tags, notes and pins from it")
    said = {(entry.root, entry.path): entry.note for entry in journal.entries}
    facts = {"paths": len(said), "unreadable_lines": journal.unreadable}
    if journal.unreadable:
        message = f"{count(journal.unreadable, 'line')} of the journal cannot be read; the others are used"
        return warning(NAME, message, f"look at {where}: a newer release may have written them", **facts)
    if contents is None:
        return skipped(NAME, f"the journal can be read ({count(len(said), 'path')}), the catalog cannot", **facts)
    known = {root.path for root in contents.roots}
    only_there, only_here = differences(
        {place: note for place, note in said.items() if place[0] in known}, contents.notes
    )
    facts |= {"only_in_journal": only_there, "only_in_catalog": only_here}
    if only_here:
        fix = f"copy {where} away and delete it; the next scan writes it anew from the catalog"
        return warning(NAME, f"the journal lacks what the catalog says about {count(only_here, 'path')}", fix, **facts)
    if only_there:
        message = f"the catalog lacks what the journal says about {count(only_there, 'path')}"
        return warning(NAME, message, "run `ckpt-indexer db rebuild`, which replays the journal", **facts)
    return fine(NAME, f"journal and catalog agree ({count(len(contents.notes), 'annotated path')})", **facts)


def _without_journal(contents: Contents | None) -> Check:
    if contents is None:
        return skipped(NAME, "there is no journal")
    if contents.notes:
        message = f"there is no journal, and {count(len(contents.notes), 'path has', 'paths have')} annotations"
        return warning(NAME, message, "run `ckpt-indexer scan`: it writes the journal anew from the catalog")
    return fine(NAME, "there is no journal, and nothing that belongs in it")


def differences(said: Mapping[Place, Note | None], kept: Mapping[Place, Note]) -> tuple[int, int]:
    """Return on how many paths the journal knows more, and on how many the catalog. The later word counts."""
    only_there = only_here = 0
    for place in said.keys() | kept.keys():
        there, here = said.get(place), kept.get(place)
        if _words(there) == _words(here):
            continue
        if here is None or (there is not None and there.updated_at > here.updated_at):
            only_there += 1
        else:
            only_here += 1
    return only_there, only_here


def _words(note: Note | None) -> tuple[object, ...] | None:
    return None if note is None or note.is_empty else (note.tags, note.notes, note.pinned)
