"""A scan someone waits for: start it, step until nothing is pending, say what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckpt_indexer.ingest.root_check import note_root
from ckpt_indexer.ingest.summary import ScanProgress, ScanSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ckpt_indexer.ingest.clock import Clock
    from ckpt_indexer.ingest.indexer import Indexer
    from ckpt_indexer.ingest.scan import Scan
    from ckpt_indexer.store.changes import RootRow

PATIENCE_S = 60.0
"""How long a scan waits for files that keep changing; then they stay pending."""


class Patience:
    """Ends a wait that gets nowhere. As long as files are finished one by one it does not matter how many there are."""

    def __init__(self) -> None:
        self._least: int | None = None
        self._since = 0.0

    def is_over(self, waiting: int, now: float) -> bool:
        """Tell whether for `PATIENCE_S` never fewer files waited than before, given how many do at this moment."""
        if self._least is None or waiting < self._least:
            self._least, self._since = waiting, now
        return now - self._since > PATIENCE_S


@dataclass(frozen=True, slots=True)
class Target:
    """A root, or the part of it below `start`."""

    root: RootRow
    start: bytes = b""


class Watch:
    """The scans one caller waits for, and what the indexer had counted before them."""

    def __init__(self, indexer: Indexer, targets: Sequence[Target], *, full: bool) -> None:
        self._indexer = indexer
        self._targets = tuple(targets)
        self._scans: list[Scan] = [indexer.start_scan(target.root, target.start, full=full) for target in targets]
        self._before = (indexer.intake.added, indexer.intake.changed, indexer.intake.moved)
        self._caught_up: set[int] = set()

    def catch_up(self) -> bool:
        """Have rows of an older release, in directories that did not change, derived anew; return whether any were
        begun that were not before."""
        begun = self._indexer.rederive() - self._caught_up
        self._caught_up |= begun
        return bool(begun)

    @property
    def walked(self) -> bool:
        """Tell whether every scan has ended."""
        return all(scan.ended for scan in self._scans)

    def progress(self) -> ScanProgress:
        """Return how far the scan under way is; `settling` once all have ended."""
        pending = self._indexer.intake.waiting
        found = sum(scan.found for scan in self._scans)
        current = next((scan for scan in self._scans if not scan.ended), None)
        if current is None:
            return ScanProgress("settling", self._targets[-1].root.name, found, found - pending, pending)
        return ScanProgress("walking", current.root.name, found, max(0, found - pending), pending)

    def summary(self, seconds: float) -> ScanSummary:
        """Return what the scans did, in total."""
        intake, scans = self._indexer.intake, self._scans
        states = [self._indexer.writer.count_states(target.root.id, target.start) for target in self._targets]
        return ScanSummary(
            roots=[target.root.name for target in self._targets],
            found=sum(scan.found for scan in scans),
            added=intake.added - self._before[0],
            changed=intake.changed - self._before[1],
            moved=intake.moved - self._before[2],
            missing=sum(scan.missing for scan in scans),
            unchanged=max(0, sum(scan.unchanged for scan in scans) - len(self._caught_up)),
            degraded=sum(state.get("degraded", 0) for state in states),
            unreadable=sum(state.get("unreadable", 0) for state in states),
            pending=sum(state.get("pending", 0) for state in states),
            problems=sum(scan.places for scan in scans),
            complete=all(scan.complete for scan in scans),
            seconds=round(seconds, 3),
        )


def run_scan(
    indexer: Indexer,
    targets: Sequence[Target],
    *,
    full: bool,
    clock: Clock,
    progress: Callable[[ScanProgress], None] | None = None,
) -> ScanSummary:
    """Scan on this thread until no row is pending or of an older release; return the summary. Files that keep changing
    for `PATIENCE_S` stay pending."""
    began = clock.monotonic()
    for root in {target.root.id: target.root for target in targets}.values():
        note_root(indexer, root)
    watch = Watch(indexer, targets, full=full)
    patience = Patience()
    while True:
        indexer.step(timeout_s=0.1)
        if indexer.trouble is not None:
            raise indexer.trouble
        if progress is not None:
            progress(watch.progress())
        if not watch.walked:
            continue
        if not indexer.busy:
            if not watch.catch_up():
                break
            patience = Patience()
        elif patience.is_over(indexer.intake.waiting, clock.monotonic()):
            break
    return watch.summary(clock.monotonic() - began)
