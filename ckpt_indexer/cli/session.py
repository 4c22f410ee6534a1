"""One invocation of the command line: its settings, its way to the catalog, its two voices.

Data goes to stdout, talk to stderr. Tests hand in another `Application`, clock and environment; nothing is patched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from ckpt_indexer.cli import stderr, stdout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ckpt_indexer.app.checkup import Circumstances
    from ckpt_indexer.app.documents import Run
    from ckpt_indexer.catalog.protocol import Catalog
    from ckpt_indexer.daemon.service import ServeStarted
    from ckpt_indexer.ingest.summary import ScanProgress, ScanSummary
    from ckpt_indexer.readers.structures import Structure
    from ckpt_indexer.settings import Settings
    from ckpt_indexer.store.notes import Edit
    from ckpt_indexer.tools.annotate import Said
    from ckpt_indexer.tools.convert import Options as ConvertOptions
    from ckpt_indexer.tools.doctor import Checkup
    from ckpt_indexer.tools.migrate_metadata import Options as MigrateOptions
    from ckpt_indexer.tools.plan import Plan
    from ckpt_indexer.tools.selection import Wanted
    from ckpt_indexer.tools.validate import Validation


class Application(Protocol):
    """What the commands ask for: the module `ckpt_indexer.app`, or a fake."""

    def open_catalog(self, settings: Settings) -> Catalog:
        """Return the catalog, opened read-only."""
        ...

    def scan(
        self, settings: Settings, roots: Sequence[Path], *, full: bool, progress: Callable[[ScanProgress], None] | None
    ) -> ScanSummary:
        """Make the catalog equal the disk below `roots`, or below every known root when there are none."""
        ...

    def serve(
        self, settings: Settings, roots: Sequence[Path], *, on_ready: Callable[[ServeStarted], None],
        reload: Callable[[], Settings] | None = None,
    ) -> int:  # fmt: skip
        """Watch until a signal ends it."""
        ...

    def status(self, settings: Settings) -> dict[str, Any]:
        """Return JSON values about catalog, daemon, roots, counts, problems, health."""
        ...

    def db_upgrade(self, settings: Settings) -> dict[str, Any]:
        """Bring the schema up to this release."""
        ...

    def db_check(self, settings: Settings) -> dict[str, Any]:
        """Return {ok, findings, ...}."""
        ...

    def db_rebuild(self, settings: Settings, progress: Callable[[ScanProgress], None] | None) -> dict[str, Any]:
        """Build the database anew from the disk and the annotations."""
        ...

    def db_forget_root(self, settings: Settings, named: str) -> dict[str, Any]:
        """Take a root and its checkpoints out of the database."""
        ...

    def doctor(self, circumstances: Circumstances) -> Checkup:
        """Check the installation and the catalog; write nothing."""
        ...

    def convert(self, settings: Settings, wanted: Wanted, options: ConvertOptions, run: Run) -> Plan:
        """Write documents for checkpoints that have none."""
        ...

    def validate(
        self, settings: Settings, wanted: Wanted, progress: Callable[[ScanProgress], None] | None, *,
        families: Path | None = None,
    ) -> Validation:  # fmt: skip
        """Check the documents beside checkpoints, and whether these fit the families that a document lists."""
        ...

    def migrate_metadata(self, settings: Settings, wanted: Wanted, options: MigrateOptions, run: Run) -> Plan:
        """Rewrite documents of another version."""
        ...

    def annotate(self, settings: Settings, ids: Sequence[int], edit: Edit) -> int:
        """Change tags, notes and pins of checkpoints; return the seq that shows it."""
        ...

    def annotate_document(self, settings: Settings, row_id: int, said: Said, run: Run) -> Plan:
        """Write tags and notes into the document of a checkpoint."""
        ...

    def known_roots(self, settings: Settings) -> Sequence[bytes]:
        """Return the roots that the settings or the catalog name and that are there."""
        ...

    def structures(self, settings: Settings, ids: Sequence[int]) -> Sequence[Structure]:
        """Return names, types and shapes of the tensors of each checkpoint."""
        ...

    def database_path(self, settings: Settings) -> Path:
        """Return where the database is, or would be."""
        ...

    def daemon_alive(self, settings: Settings) -> bool:
        """Tell whether a daemon answers for this catalog."""
        ...


def _shipped() -> Application:
    from ckpt_indexer import app

    return cast("Application", app)


def _utc_now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


@dataclass(slots=True)
class Session:
    """One invocation. The first fields are given by who starts it, the others by the options people type."""

    make_application: Callable[[], Application] = _shipped
    now: Callable[[], datetime] = _utc_now
    environ: Mapping[str, str] | None = None
    """None: the process's own."""
    cwd: Path | None = None
    config: str | None = None
    flags: dict[str, Any] = field(default_factory=dict)  # dotted setting -> what the option said
    quiet: bool = False
    verbosity: int = 0
    color: bool = True
    _settings: Settings | None = None
    _application: Application | None = None

    @property
    def settings(self) -> Settings:
        """Return the settings, read when first asked for. Raises SettingsError."""
        if self._settings is None:
            self._settings = self.read_settings()
        return self._settings

    def add_flags(self, flags: Mapping[str, Any]) -> None:  # dotted setting -> what the option said
        """Take the options of a command into the settings, even when logging has asked for those already."""
        self.flags |= flags
        self._settings = None

    def read_settings(self) -> Settings:
        """Return the settings as the files, the environment and the options say now. Raises SettingsError."""
        from ckpt_indexer.settings import load

        return load(config=self.config, flags=self.flags, environ=self.environ, cwd=self.cwd)

    @property
    def app(self) -> Application:
        """Return what does the work."""
        if self._application is None:
            self._application = self.make_application()
        return self._application

    def say(self, sentence: str) -> None:
        """Tell the person something that is no data; silent with `-q`."""
        if not self.quiet:
            stdout.flush()
            stderr.talk(sentence)
