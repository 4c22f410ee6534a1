"""Writing down what people say about checkpoints, on the thread that writes the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ckpt_indexer.errors import CheckpointNotFound
from ckpt_indexer.metadata.naming import display
from ckpt_indexer.metadata.tagging import checked_note, checked_tags
from ckpt_indexer.store.notes import Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.store.writer import Writer

Spot: TypeAlias = tuple[bytes, bytes]
"""(absolute real path of the root, path relative to it)."""


def checked(edit: Edit) -> Edit:
    """Return an edit whose words may be stored. Raises InvalidFilter."""
    notes = edit.notes if not edit.notes else checked_note(edit.notes)
    return Edit(checked_tags(edit.tags_add), edit.tags_remove, notes, edit.pinned)


def annotate(writer: Writer, spots: Sequence[Spot], edit: Edit) -> int:
    """Change what people say about the files at these places; return the seq that shows it.

    It is in the journal, on disk, before it is in the catalog.

    Raises:
        InvalidFilter: a tag or note that cannot be stored; nothing was written.
        CheckpointNotFound: no row lies at one of the places; those before it are written.
        StoreError: the catalog or its journal cannot be written.
    """
    edit = checked(edit)
    roots = {root.path: root.id for root in writer.roots()}
    for root, path in spots:
        if root not in roots:
            raise CheckpointNotFound(f"{display(root)} is no root of this catalog", path=display(root))
        writer.annotate(roots[root], path, edit)
    return writer.seq
