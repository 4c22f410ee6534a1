"""Takes watchdog's events of one root and passes hints on. Does nothing else: it runs where an exception is fatal."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from watchdog.events import FileSystemEvent, FileSystemEventHandler

from ckpt_indexer.discovery.hints import Change, Happening, hints_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.discovery.listing import Hint
    from ckpt_indexer.discovery.watched import WatchedRoot

logger = logging.getLogger(__name__)

_CHANGES = {
    "created": Change.CREATED,
    "modified": Change.MODIFIED,
    "attrib": Change.MODIFIED,
    "closed": Change.CLOSED,
    "deleted": Change.DELETED,
}


class Tally:
    """What went wrong while handling events, over all roots and restarts."""

    def __init__(self) -> None:
        self.errors = 0


class Handler(FileSystemEventHandler):
    """Maps the events of one root to hints for the sink, on watchdog's dispatcher thread.

    An exception out of `dispatch` would end that thread, in silence, for all roots.
    """

    def __init__(self, root: WatchedRoot, sink: Callable[[Hint], None], tally: Tally) -> None:
        self._root = root
        self._sink = sink
        self._tally = tally

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take one event. Never raises: the first error is logged with its traceback, all are counted."""
        try:
            self._take(event)
        except Exception:
            self._tally.errors += 1
            if self._tally.errors == 1:
                logger.exception("an event could not be handled; the next scan will find what it was about")

    def _take(self, event: FileSystemEvent) -> None:
        if event.is_synthetic:
            return  # derived from a directory event, whose hint covers the whole tree
        if event.event_type == "moved":
            self._pass_on(event.src_path, Change.DELETED, is_directory=event.is_directory)
            self._pass_on(event.dest_path, Change.CLOSED, is_directory=event.is_directory)
        elif event.event_type in _CHANGES:
            self._pass_on(event.src_path, _CHANGES[event.event_type], is_directory=event.is_directory)

    def _pass_on(self, raw: bytes | str, change: Change, *, is_directory: bool) -> None:
        root, absolute = self._root, os.fsencode(raw)
        base = root.path if root.path.endswith(b"/") else root.path + b"/"
        if absolute.startswith(base):
            path = absolute[len(base) :]
        elif absolute == root.path:
            path = b""
        else:
            return
        for hint in hints_for(root.path, Happening(change, path, is_directory), root.options):
            self._sink(hint)
        if is_directory:
            root.note_directory(absolute, change)
