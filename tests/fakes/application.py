"""The application in memory: gives a fake catalog, records what it was asked to do, fails on demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ckpt_indexer.daemon.service import ServeStarted
from ckpt_indexer.ingest.summary import ScanProgress, ScanSummary
from tests.fakes.catalog import FakeCatalog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.errors import CkptIndexerError
    from ckpt_indexer.settings import Settings


@dataclass
class FakeApplication:
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    error: BaseException | None = None
    daemon: bool = False
    daemon_pid: int | None = None
    summary: ScanSummary = field(default_factory=ScanSummary)
    reports: list[ScanProgress] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)

    def failing(self, error: BaseException) -> FakeApplication:
        """Raise this from whatever is asked next."""
        self.error = error
        return self

    def finding(self, **counts: Any) -> FakeApplication:
        """Say what a scan finds."""
        self.summary = ScanSummary(**counts)
        return self

    def reporting(self, *reports: ScanProgress) -> FakeApplication:
        """Say what a scan reports on its way."""
        self.reports = list(reports)
        return self

    def answering(self, **answer: Any) -> FakeApplication:
        """Say what status and the db verbs return."""
        self.answer = answer
        return self

    def _called(self, *call: Any) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error

    def open_catalog(self, settings: Settings) -> Catalog:
        self._called("open_catalog", settings.catalog.db)
        return self.catalog

    def scan(
        self, settings: Settings, roots: Sequence[Path], *, full: bool, progress: Callable[[ScanProgress], None] | None
    ) -> ScanSummary:
        self._called("scan", settings.catalog.db, tuple(roots), full)
        for report in self.reports:
            if progress is not None:
                progress(report)
        return self.summary

    def serve(
        self, settings: Settings, roots: Sequence[Path], *, host: str, port: int,
        on_ready: Callable[[ServeStarted], None], reload: Callable[[], Settings] | None = None,
    ) -> int:  # fmt: skip
        self.reload = reload
        self._called("serve", tuple(roots), host, port)
        on_ready(ServeStarted(tuple(map(str, roots)), str(settings.catalog.db), "none", handed_to=self.daemon_pid))
        return 0

    def status(self, settings: Settings) -> dict[str, Any]:
        self._called("status", settings.catalog.db)
        return self.answer

    def db_upgrade(self, settings: Settings) -> dict[str, Any]:
        self._called("db_upgrade", settings.catalog.db)
        return self.answer

    def db_check(self, settings: Settings) -> dict[str, Any]:
        self._called("db_check", settings.catalog.db)
        return self.answer

    def db_rebuild(self, settings: Settings, progress: Callable[[ScanProgress], None] | None) -> dict[str, Any]:
        self._called("db_rebuild", settings.catalog.db)
        for report in self.reports:
            if progress is not None:
                progress(report)
        return self.answer

    def database_path(self, settings: Settings) -> Path:
        self._called("database_path", settings.catalog.db)
        return settings.catalog.db

    def daemon_alive(self, settings: Settings) -> bool:
        self.calls.append(("daemon_alive", settings.catalog.db))
        return self.daemon


def missing_database() -> CkptIndexerError:
    """Return the error a catalog gives that was never built."""
    from ckpt_indexer.errors import DatabaseAbsent

    return DatabaseAbsent("there is no catalog at /tmp/none.db", path="/tmp/none.db")
