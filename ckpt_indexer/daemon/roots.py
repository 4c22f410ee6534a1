"""Keeps the roots honest: is each still there, is it watched, when must it be scanned again?"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.errors import DaemonError, StoreError
from ckpt_indexer.ingest.root_check import root_change
from ckpt_indexer.store.changes import RootChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckpt_indexer.daemon.options import Options
    from ckpt_indexer.daemon.worker import Worker
    from ckpt_indexer.discovery.watcher import Watcher
    from ckpt_indexer.ingest.inbox import Inbox
    from ckpt_indexer.store.changes import RootRow

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    row: RootRow
    scan_at: float = 0.0
    """Monotonic time of the next scan."""


class RootKeeper:
    """Looks at every root, every watch and every timer, on the supervisor's thread."""

    def __init__(self, worker: Worker, watcher: Callable[[], Watcher], inbox: Inbox, options: Options) -> None:
        self.worker = worker
        self.restarts = 0
        """How often the watcher was started again."""
        self._watcher = watcher
        self._inbox = inbox
        self._options = options
        self._kept: dict[bytes, _Kept] = {}
        self._uncovered: dict[bytes, str] = {}
        self.reload()

    def reload(self) -> None:
        """Learn the roots from the writer, after one was added."""
        rows = self.worker.call(lambda indexer: list(indexer.intake.roots.values()))
        before = self._kept
        self._kept = {row.path: _Kept(row, before[row.path].scan_at if row.path in before else 0.0) for row in rows}

    def note_modes(self) -> None:
        """Write down how changes in each root are noticed."""
        for kept in self._kept.values():
            mode = self._watcher().mode_of(kept.row.path)
            if mode != kept.row.mode:
                self._change(kept, RootChanged(kept.row.id, mode=mode))

    def note_end(self) -> None:
        """Write down that nobody watches any more, when that can be done at once."""
        ended = [RootChanged(kept.row.id, mode="manual") for kept in self._kept.values()]
        try:
            self.worker.call(lambda indexer: indexer.writer.apply(ended), timeout_s=0.5)
        except (DaemonError, StoreError) as error:
            log.info("the end of the watching was not written down: %s", error)

    def check(self, now: float) -> None:
        """Look at everything once."""
        self._check_watcher(now)
        for kept in list(self._kept.values()):
            self._check_root(kept)
            self._scan_when_due(kept, now)

    def complaints(self) -> list[str]:
        """Return why the watching is not complete, in sentences; empty when it is."""
        gone = [
            f"root {os.fsdecode(kept.row.path)} is unreachable"
            for kept in self._kept.values()
            if kept.row.state == "unreachable"
        ]
        return gone + [f"{os.fsdecode(path)}: {reason}" for path, reason in self._uncovered.items()]

    def coverage(self) -> dict[str, Any]:  # JSON values
        """Return, per root, how changes are noticed."""
        return {kept.row.name: self._watcher().mode_of(path) for path, kept in self._kept.items()}

    def _check_watcher(self, now: float) -> None:
        """Start the watching again when a thread of it died; the watcher itself asks for the scans."""
        watcher = self._watcher()
        broken = [fault for fault in watcher.check(now) if fault.kind in {"thread_died", "not_started"}]
        if broken:
            log.warning("watching stopped (%s); starting it again", "; ".join(fault.message for fault in broken))
            watcher.restart()
            self.restarts += 1
            self.note_modes()
        self._uncovered = watcher.needs_scan()

    def _check_root(self, kept: _Kept) -> None:
        """Note when a root went; when it came back, or another directory lies in its place, watch and scan it anew."""
        row = kept.row
        change = root_change(row)
        if change is None:
            return
        is_new = row.inode is None and row.state != "unreachable"
        if not self._change(kept, change) or is_new:
            return
        if change.state == "unreachable":
            log.warning("root %s is unreachable: it is gone, or its disk is not mounted", os.fsdecode(row.path))
        else:
            log.warning("root %s is there again; scanning it", os.fsdecode(row.path))
            self._watcher().rearm(row.path)

    def _scan_when_due(self, kept: _Kept, now: float) -> None:
        pause = self._options.poll_s if kept.row.path in self._uncovered else self._options.rescan_s
        kept.scan_at = min(kept.scan_at or now + pause, now + pause)
        if now >= kept.scan_at:
            kept.scan_at = now + pause
            self._inbox.put(Hint(HintKind.ROOT, kept.row.path, b""))

    def _change(self, kept: _Kept, change: RootChanged) -> bool:
        """Write a change down; False when that is not possible now: the next look finds it again."""

        def write(indexer: Any) -> RootRow | None:  # noqa: ANN401  # an Indexer; typed at its definition
            indexer.writer.apply([change])
            indexer.load_roots()
            root: RootRow | None = indexer.root_at(kept.row.path)
            return root

        try:
            row = self.worker.call(write)
        except (DaemonError, StoreError) as error:  # the writer has told of it already, once
            log.debug("could not note the state of root %s: %s", os.fsdecode(kept.row.path), error)
            return False
        if row is not None:
            kept.row = row
        return True
