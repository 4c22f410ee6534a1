"""Tensors of checkpoints on demand: which file a row means, and limited children that list it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckpt_indexer.readers.structures import Structure
    from ckpt_indexer.settings import Settings
    from ckpt_indexer.store.read_place import Place

LINKS = 8
"""Links that are followed from one row to the next."""


def structures(settings: Settings, ids: Sequence[int]) -> list[Structure]:
    """Return the state dict, without its numbers, of each row; what cannot be read is told in it.

    Raises:
        StoreError: the catalog cannot be asked where the files lie.
        ResourceShortage: nothing can be read now.
    """
    from ckpt_indexer.candidate import Kind
    from ckpt_indexer.readers.structures import Structure, read_structure
    from ckpt_indexer.sandbox.pool import Pool

    places = _files(settings, ids)
    found = []
    with Pool(size=1) as pool:
        for row_id in ids:
            place = places.get(row_id)
            if place is None or place.kind == Kind.SYMLINK.value:
                found.append(Structure({}, trouble="a link to a file outside the catalog; name the file itself"))
            else:
                found.append(read_structure(pool, place.root, place.path, Kind(place.kind)))
    return found


def _files(settings: Settings, ids: Iterable[int]) -> dict[int, Place]:
    """Return id -> where its file lies: for a link that of its target."""
    from ckpt_indexer.candidate import Kind
    from ckpt_indexer.store.read_place import places_of

    found = {row_id: row_id for row_id in ids}
    places: dict[int, Place] = {}
    for _ in range(LINKS):
        places |= {place.id: place for place in places_of(settings.catalog.db, set(found.values()) - places.keys())}
        links = {
            row_id: target.alias_of
            for row_id, at in found.items()
            if (target := places.get(at)) is not None and target.kind == Kind.SYMLINK.value and target.alias_of
        }
        if not links:
            break
        found |= links
    return {row_id: places[at] for row_id, at in found.items() if at in places}
