"""What settings are: frozen values with their defaults. Nothing here reads anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ckpt_indexer.settings.checks import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DEFAULT = "default"
"""Origin of a value nobody set."""


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """Where the catalog lives."""

    db: Path
    """Absolute path of the database file."""


@dataclass(frozen=True, slots=True)
class RootSettings:
    """A directory to watch."""

    path: Path
    """Absolute; links are not resolved here."""
    name: str | None = None
    """None: the directory's name."""
    exclude: tuple[str, ...] = ()
    """Glob patterns over paths relative to the root; what matches is not indexed."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How changes on disk are noticed."""

    settle_ms: int = 500
    """A file that was still for this long is read."""
    poll_s: int = 30
    """Pause between scans of what cannot be watched by events."""
    rescan_minutes: int = 15
    """Pause between full reconciles."""


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """What is kept."""

    keep_missing_days: int = 30
    """Rows of files that are gone are kept this long."""


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How checkpoints are read."""

    torch: str = "auto"
    """auto: torch (weights only, in a child of its own) reads what nothing else can; off: it never does."""


@dataclass(frozen=True, slots=True)
class WandbSettings:
    """Whom to ask at Weights & Biases. Local run directories are read in any case."""

    enabled: bool = False
    entity: str | None = None
    """For run ids that name none."""
    project: str | None = None
    """Likewise; without one a bare run id is never sent."""
    base_url: str | None = None
    """The one server asked; None: the one the wandb package knows."""
    timeout_s: int = 5


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """What is known about metrics beyond what documents say."""

    directions: Mapping[str, str] = field(default_factory=dict)
    """Metric name -> 'min' or 'max'; wins over what documents say."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where `serve` listens."""

    host: str = "127.0.0.1"
    port: int = 8765
    """0 takes any free port; so does the default when another program has it."""
    uds: Path | None = None
    """A Unix socket to answer on, too; who may open it needs no token."""
    auth: str = "writes"
    """writes: changes and SQL need the token; all: reads, too."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names under which requests may come, beside localhost and the address itself."""
    ui: bool = True
    """The page at /ui, where the extra `ui` is installed."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What `serve` logs, and how."""

    level: str = "info"
    format: str = "auto"
    """auto: text on a terminal, JSON lines otherwise."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, complete and checked. `origins` names the origin of each dotted key that is no default."""

    catalog: CatalogSettings
    roots: tuple[RootSettings, ...] = ()
    watch: WatchSettings = field(default_factory=WatchSettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    readers: ReaderSettings = field(default_factory=ReaderSettings)
    wandb: WandbSettings = field(default_factory=WandbSettings)
    metrics: MetricSettings = field(default_factory=MetricSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    log: LogSettings = field(default_factory=LogSettings)
    origins: Mapping[str, str] = field(default_factory=dict)

    def items(self) -> Iterator[tuple[str, Any, str]]:
        """Yield (dotted key, value, origin) of every setting, in the order of the example file."""
        for key in (*KEYS, "roots"):
            section, _, name = key.partition(".")
            value = getattr(getattr(self, section), name) if name else getattr(self, section)
            yield key, value, self.origins.get(key, DEFAULT)
