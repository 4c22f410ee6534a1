"""The application in memory: gives a fake catalog, records what it was asked to do, fails on demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ckpt_indexer.daemon.service import ServeStarted
from ckpt_indexer.ingest.summary import ScanProgress, ScanSummary
from ckpt_indexer.readers.structures import Structure
from ckpt_indexer.tools.doctor import Checkup
from ckpt_indexer.tools.plan import Plan
from ckpt_indexer.tools.validate import Validation
from tests.fakes.catalog import FakeCatalog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ckpt_indexer.app.checkup import Circumstances
    from ckpt_indexer.app.documents import Run
    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.errors import CkptIndexerError
    from ckpt_indexer.settings import Settings
    from ckpt_indexer.store.notes import Edit
    from ckpt_indexer.tools.annotate import Said
    from ckpt_indexer.tools.convert import Options as ConvertOptions
    from ckpt_indexer.tools.migrate_metadata import Options as MigrateOptions
    from ckpt_indexer.tools.selection import Wanted


@dataclass
class FakeApplication:
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    error: BaseException | None = None
    daemon: bool = False
    daemon_pid: int | None = None
    page: str | None = None
    """Where `serve` says the page is."""
    served: Settings | None = None
    """The settings `serve` was given last."""
    summary: ScanSummary = field(default_factory=ScanSummary)
    reports: list[ScanProgress] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    """What convert and migrate-metadata say they did."""
    validation: Validation = field(default_factory=Validation)
    tensors: dict[int, Structure] = field(default_factory=dict)
    """Id -> the state dict of its file."""
    checkup: Checkup = field(default_factory=lambda: Checkup("0", ()))

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
        self, settings: Settings, roots: Sequence[Path], *, on_ready: Callable[[ServeStarted], None],
        reload: Callable[[], Settings] | None = None,
    ) -> int:  # fmt: skip
        self.reload, self.served = reload, settings
        server = settings.server
        self._called("serve", tuple(roots), server.host, server.port)
        url = f"http://{server.host}:{server.port}"
        database = str(settings.catalog.db)
        on_ready(ServeStarted(tuple(map(str, roots)), database, url, handed_to=self.daemon_pid, page=self.page))
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

    def db_forget_root(self, settings: Settings, named: str) -> dict[str, Any]:
        self._called("db_forget_root", settings.catalog.db, named)
        return self.answer

    def doctor(self, circumstances: Circumstances) -> Checkup:
        self._called("doctor", circumstances)
        return self.checkup

    def convert(self, settings: Settings, wanted: Wanted, options: ConvertOptions, run: Run) -> Plan:
        self._called("convert", settings.catalog.db, wanted, options, run.dry_run)
        return self._planned(run)

    def validate(
        self, settings: Settings, wanted: Wanted, progress: Callable[[ScanProgress], None] | None, *,
        families: Path | None = None,
    ) -> Validation:  # fmt: skip
        self._called("validate", settings.catalog.db, wanted, *([] if families is None else [families]))
        for report in self.reports:
            if progress is not None:
                progress(report)
        return self.validation

    def migrate_metadata(self, settings: Settings, wanted: Wanted, options: MigrateOptions, run: Run) -> Plan:
        self._called("migrate_metadata", settings.catalog.db, wanted, options, run.dry_run)
        return self._planned(run)

    def _planned(self, run: Run) -> Plan:
        for report in self.reports:
            if run.progress is not None:
                run.progress(report)
        self.plan.dry_run = run.dry_run
        if run.on_plan is not None:
            run.on_plan(self.plan)
        return self.plan

    def annotate(self, settings: Settings, ids: Sequence[int], edit: Edit) -> int:
        self._called("annotate", settings.catalog.db, tuple(ids), edit)
        return self.catalog.annotated(ids, edit)

    def annotate_document(self, settings: Settings, row_id: int, said: Said, run: Run) -> Plan:
        self._called("annotate_document", settings.catalog.db, row_id, said, run.dry_run)
        return self._planned(run)

    def known_roots(self, settings: Settings) -> Sequence[bytes]:
        self._called("known_roots", settings.catalog.db)
        return [root.path.encode() for root in self.catalog.roots]

    def structures(self, settings: Settings, ids: Sequence[int]) -> Sequence[Structure]:
        self._called("structures", settings.catalog.db, tuple(ids))
        return [self.tensors.get(row_id) or Structure({}, trouble="it holds no state dict") for row_id in ids]

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
