"""Tags, notes and pins people add by hand: their values, how they show in a row, how two are merged. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ckpt_indexer.store.storable import text, to_json

if TYPE_CHECKING:
    from ckpt_indexer.store.engine import Values
    from ckpt_indexer.store.mapping import Row


class Edit(NamedTuple):
    """What one command changes. None leaves a thing as it is; empty notes take the notes away."""

    tags_add: tuple[str, ...] = ()
    tags_remove: tuple[str, ...] = ()
    notes: str | None = None
    pinned: bool | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What people said about one path."""

    tags: tuple[str, ...] = ()
    notes: str | None = None
    pinned: bool = False
    rewritten: bool = False
    """The file was rewritten in place after this was said."""
    content_id: str | None = None
    updated_at: str = ""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is said any more."""
        return not self.tags and self.notes is None and not self.pinned


def edited(note: Note | None, edit: Edit, *, now: str) -> Note:
    """Return the note after an edit."""
    old = note or Note()
    gone = set(edit.tags_remove)
    tags = [tag for tag in (*old.tags, *map(_storable, edit.tags_add)) if tag not in gone]
    notes = old.notes if edit.notes is None else (_storable(edit.notes) or None)
    pinned = old.pinned if edit.pinned is None else edit.pinned
    return replace(old, tags=tuple(dict.fromkeys(tags)), notes=notes, pinned=pinned, rewritten=False, updated_at=now)


def merged(kept: Note | None, other: Note | None) -> Note | None:
    """Return what two notes say together, when one file takes the place of another. Nothing anyone wrote is lost."""
    if kept is None or other is None:
        return kept or other
    texts = [words for words in (kept.notes, other.notes) if words is not None]
    return replace(
        kept,
        tags=tuple(dict.fromkeys((*kept.tags, *other.tags))),
        notes="\n".join(dict.fromkeys(texts)) if texts else None,
        pinned=kept.pinned or other.pinned,
        rewritten=kept.rewritten or other.rewritten,
        updated_at=max(kept.updated_at, other.updated_at),
    )


def show(row: Row, note: Note | None) -> None:
    """Write what the document and the note say into a row: tags of both, notes of the note first.

    The document's own words stay under private keys, so that taking a note away brings them back.
    """
    nested: dict[str, Any] = orjson.loads(row["nested"])
    tags = nested.pop("_tags", nested.get("tags", []))
    words = nested.pop("_notes", row["notes"])
    nested["tags"] = tags
    row["notes"] = words
    row["pinned"] = 0
    if note is not None and not note.is_empty:
        nested |= {"_tags": tags, "_notes": words, "tags": list(dict.fromkeys((*tags, *note.tags)))}
        row["notes"] = note.notes if note.notes is not None else words
        row["pinned"] = int(note.pinned)
    row["nested"] = to_json(nested)


def to_values(root_id: int, path: bytes, note: Note) -> Values:
    """Return parameters of `statements.SET_ANNOTATION`."""
    flags = (int(note.pinned), int(note.rewritten))
    return (root_id, path, note.content_id, to_json(note.tags), note.notes, *flags, note.updated_at)


def from_values(values: Any) -> tuple[int, bytes, Note]:  # noqa: ANN401  # a tuple as the database driver gives it
    """Return (root id, path, note) of one annotation row."""
    root_id, path, content_id, tags, words, pinned, rewritten, updated_at = values
    note = Note(tuple(orjson.loads(tags)), words, bool(pinned), bool(rewritten), content_id, updated_at)
    return root_id, path, note


def _storable(words: str) -> str:
    return text(words) or ""
