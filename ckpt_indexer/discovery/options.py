"""What a user may set about discovery. Standard library only: settings import it when the command line starts."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Options:
    """How a root is looked at. Symbolic links to directories are never followed; there is no option for that."""

    excludes: tuple[str, ...] = ()
    """Globs of files and directories to leave out. Without a '/' a glob is matched against every single name on the
    path, with one against the whole path relative to the root (`*` then crosses '/')."""
    is_input: Callable[[bytes], object] | None = None
    """Tells of a relative path whether it is a further file that rows may be derived from (a config, a log): not None.
    Events on such files are passed on even from directories that are never walked."""
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


def _compiled(globs: list[str]) -> re.Pattern[str] | None:
    if not globs:
        return None
    return re.compile("|".join(fnmatch.translate(glob.strip("/")) for glob in globs))
