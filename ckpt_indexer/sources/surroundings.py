"""The state of the files around a directory's checkpoints, as one short digest: when it differs, look again."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckpt_indexer.sources.base import SurroundingSource


def digest_of(sources: Sequence[SurroundingSource], root: bytes, directory: bytes) -> bytes:
    """Return 16 bytes over path, size and mtime of every file these sources would consult for checkpoints in a
    directory (relative to the root). Names and stats only."""
    digest = blake2b(digest_size=16)
    for source in sources:
        for path, stamp in sorted(source.surroundings(root, directory)):
            digest.update(b"%d:%s:%d:%d;" % (len(path), path, stamp.size_bytes, stamp.mtime_ns))
        digest.update(b"|")
    return digest.digest()
