"""Whether a checkpoint is the only one of its run, as far as names tell: what is said of a whole run is then said of
it. Looks at names only, bounded, and never through a linked directory."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ckpt_indexer.candidate import FileStamp
from ckpt_indexer.metadata.naming import checkpoint_suffix
from ckpt_indexer.sources.around import Place, absolute, join

if TYPE_CHECKING:
    from collections.abc import Iterator

SEVERAL = 2
"""What every number above one counts as."""
MAX_ENTRIES = 5_000
"""Entries looked at; where there are more, nobody knows what else lies there."""
_NUMBERED = re.compile(rb"checkpoint-\d+")
_SKIPPED = frozenset({b"wandb", b"__pycache__"})


def checkpoints_below(root: bytes, directory: bytes) -> int:
    """Return how many checkpoints lie in a directory (relative to the root) and below it: 0, 1, or `SEVERAL`, also
    where that cannot be told. Links, hard ones too, are no further checkpoints."""
    seen: set[int] = set()
    waiting, left = [directory], MAX_ENTRIES
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(absolute(root, here)) as entries:
                for inode, below in _told(entries, here):
                    left -= 1
                    if inode is not None:
                        seen.add(inode)
                    elif below is not None:
                        waiting.append(below)
                    if len(seen) == SEVERAL or not left:
                        return SEVERAL
        except FileNotFoundError:
            continue
        except OSError:
            return SEVERAL
    return len(seen)


def company(root: bytes, directory: bytes) -> list[Place]:
    """Return the same as an entry of a source's surroundings: rows are derived anew when a second checkpoint comes, or
    goes. None of them is no entry."""
    count = checkpoints_below(root, directory)
    return [(join(directory, b"*"), FileStamp(count, 0))] if count else []


def _told(entries: Iterator[os.DirEntry[bytes]], here: bytes) -> Iterator[tuple[int | None, bytes | None]]:
    """Yield (inode, None) of what is named as a checkpoint, (None, path) of a directory to look into, else nothing."""
    for entry in entries:
        name = entry.name
        directory = entry.is_dir(follow_symlinks=False)
        named = checkpoint_suffix(name) is not None or (directory and _NUMBERED.fullmatch(name) is not None)
        if named and not entry.is_symlink():
            yield entry.inode(), None
        elif directory and name not in _SKIPPED and not name.startswith(b"."):
            yield None, join(here, name)
        else:
            yield None, None
