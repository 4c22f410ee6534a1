"""Is a root still the directory we know? What must be written down when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.discovery.roots import RootIdentity, inspect_root
from ckpt_indexer.store.changes import RootChanged

if TYPE_CHECKING:
    from ckpt_indexer.ingest.indexer import Indexer
    from ckpt_indexer.store.changes import RootRow


def root_change(root: RootRow) -> RootChanged | None:
    """Return what changed about a root: it went, came back, or is another directory; None when it is as noted.

    An empty stand-in on another device, as an unmounted disk leaves it, counts as gone: its rows say nothing about it.
    """
    known = None if root.device is None or root.inode is None else RootIdentity(root.device, root.inode)
    sight = inspect_root(root.path, known)
    if sight.is_unreachable or sight.identity is None:
        return None if root.state == "unreachable" else RootChanged(root.id, state="unreachable")
    if sight.identity == known and root.state == "present":
        return None
    return RootChanged(root.id, sight.identity.device, sight.identity.inode, state="present")


def note_root(indexer: Indexer, root: RootRow) -> None:
    """Write down what changed about a root before its files are looked at: none turns missing while it is gone."""
    change = root_change(root)
    if change is not None:
        indexer.writer.apply([change])
        indexer.load_roots()
