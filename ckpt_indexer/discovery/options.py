"""What a user may set about discovery. Standard library only: settings import it when the command line starts."""

from __future__ import annotations

import fnmatch
import os
import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Options:
    """How a root is looked at. Symbolic links to directories are never followed; there is no option for that."""

    excludes: tuple[str, ...] = ()
    """Globs of files and directories to leave out. Without a '/' a glob is matched against every single name on the
    path, with one against the whole path relative to the root (`*` then crosses '/')."""
    inputs: tuple[bytes, ...] = ()
    """Further exact file names (a config, a log) whose changes make the rows of their directory be looked at again."""
    max_watched_directories: int = 8_000
    """Above this, only the most recently active subtrees are watched: half the kernel's queue of 16,384 events, because
    taking watches away queues an event each."""
    max_watches: int = 64
    """Watched subtrees per catalog then; each costs a thread."""

    @cached_property
    def name_pattern(self) -> re.Pattern[str] | None:
        """The globs without '/', as one pattern for `fullmatch` on the text of one name."""
        return _compiled([glob for glob in self.excludes if "/" not in glob.rstrip("/")])

    @cached_property
    def path_pattern(self) -> re.Pattern[str] | None:
        """The globs with '/', as one pattern for `fullmatch` on the text of a relative path."""
        return _compiled([glob for glob in self.excludes if "/" in glob.rstrip("/")])

    @cached_property
    def input_names(self) -> frozenset[str]:
        """`inputs` as the operating system's text, for comparing with directory entries."""
        return frozenset(os.fsdecode(name) for name in self.inputs)


def _compiled(globs: list[str]) -> re.Pattern[str] | None:
    if not globs:
        return None
    return re.compile("|".join(fnmatch.translate(glob.strip("/")) for glob in globs))
