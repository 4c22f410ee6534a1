"""What faces may have the daemon do: scan, annotate; and what it says of its work. Each runs on the writer's thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from ckpt_indexer.errors import CheckpointNotFound, DaemonError
from ckpt_indexer.ingest.annotate import checked
from ckpt_indexer.ingest.oneshot import PATIENCE_S

if TYPE_CHECKING:
    from ckpt_indexer.daemon.worker import Worker
    from ckpt_indexer.ingest.indexer import Indexer
    from ckpt_indexer.store.notes import Edit

LOOK_S = 0.1
"""How long a look waits for the writer; a longer silence is an answer, too."""


class Working(Protocol):
    """What orders need of the service."""

    worker: Worker


class Orders:
    """The writer's thread, as faces see it."""

    def __init__(self, service: Working) -> None:
        self._service = service
        self._walked_at: float | None = None
        self._is_ready = False

    def annotate(self, row_id: int, edit: Edit) -> int:
        """Write down what somebody said about a checkpoint; return the seq that shows it.

        Raises:
            CheckpointNotFound: no row has this id.
            InvalidFilter: a tag or note that cannot be stored.
            StoreError: it cannot be written.
            DaemonError: the writer does not answer.
        """
        edit = checked(edit)

        def write(indexer: Indexer) -> int:
            row = indexer.writer.known_by_id(row_id)
            if row is None:
                raise CheckpointNotFound(f"there is no checkpoint with the id {row_id}", ref=str(row_id))
            return indexer.writer.annotate(row.root_id, row.path, edit)

        return self._service.worker.call(write)

    def rescan(self, name: str | None, *, full: bool) -> list[str]:
        """Begin to scan the root of this name, or all; return their names.

        Raises:
            CheckpointNotFound: no root has this name.
            DaemonError: the writer does not answer.
        """

        def begin(indexer: Indexer) -> list[str]:
            roots = [root for root in indexer.intake.roots.values() if name in (None, root.name)]
            if not roots:
                raise CheckpointNotFound(f"there is no root {str(name)[:200]!r}", ref=str(name)[:200])
            for root in roots:
                indexer.start_scan(root, full=full)
            return [root.name for root in roots]

        return self._service.worker.call(begin)

    def progress(self) -> dict[str, Any] | None:  # JSON values
        """Return {phase, root, found, done, pending} while a scan walks or its files are read; None otherwise.

        Raises:
            DaemonError: the writer does not answer.
        """
        return self._service.worker.call(_progress, timeout_s=LOOK_S)

    def is_ready(self) -> bool:
        """Tell whether the first reconcile is done and nothing was pending then, and the catalog can be written now.
        Files that keep changing are waited for as `scan` does; once ready, a new file is no reason not to be."""
        worker = self._service.worker
        try:
            trouble, walks, busy = worker.call(_state, timeout_s=LOOK_S)
        except DaemonError:  # in the middle of something, or at its end
            return self._is_ready and not (worker.silence() or worker.report.get("trouble"))
        now = time.monotonic()
        if self._walked_at is None and not walks:
            self._walked_at = now
        waited = self._walked_at is not None and now - self._walked_at > PATIENCE_S
        self._is_ready = self._is_ready or not busy or waited
        return self._is_ready and not trouble


def _state(indexer: Indexer) -> tuple[bool, bool, bool]:
    walks = bool(indexer.scans) or indexer.inbox.depth() > 0
    return indexer.trouble is not None, walks, indexer.busy


def _progress(indexer: Indexer) -> dict[str, Any] | None:  # JSON values
    scan, pending = next(iter(indexer.scans), None), indexer.intake.waiting
    if scan is None:
        return (
            None
            if not pending
            else {"phase": "settling", "root": None, "found": None, "done": None, "pending": pending}
        )
    done = max(0, scan.found - pending)
    return {"phase": "walking", "root": scan.root.name, "found": scan.found, "done": done, "pending": pending}
