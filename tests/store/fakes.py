"""Candidates, records and writers with a vocabulary, for the tests of this room."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.metadata.record import Component, Input, Metric, Problem, ReadState, Record, SidecarState
from ckpt_indexer.store.changes import Arrived, Described
from ckpt_indexer.store.options import WriterOptions
from ckpt_indexer.store.writer import Writer, open_writer

if TYPE_CHECKING:
    from pathlib import Path

ROOT = b"/data/outputs"


@dataclass
class Clock:
    """A clock that moves when told to."""

    time: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def tick(self, **by: float) -> None:
        self.time += timedelta(**by)


def candidate(path: str | bytes, *, inode: int = 0, size: int = 100, mtime: int = 10**18, ctime: int = 10**18,
              kind: Kind = Kind.FILE, device: int = 7, root: bytes = ROOT) -> Candidate:  # fmt: skip
    """A file; its inode follows from its path unless given."""
    raw = path.encode() if isinstance(path, str) else path
    number = inode or 1000 + sum(byte * (place + 1) for place, byte in enumerate(raw))
    return Candidate(root, raw, kind, Fingerprint(device, number, size, mtime, ctime))


def record(*, hmean: float | None = 0.8, metrics: dict[str, Any] | None = None, problems: tuple[Problem, ...] = (),
           tags: tuple[str, ...] = (), sidecar: bytes | None = None, header: dict[str, Any] | None = None,
           surroundings: bytes | None = None, **facts: Any) -> Record:  # fmt: skip
    """What a sidecar would say: a backbone, an experiment, an epoch, three metrics; `facts` override."""
    values = {"backbone": "resnet18", "experiment": "exp", "epoch": 3, "global_step": 30, "architecture": "dbnet"}
    own = {"hmean": hmean, "val/iou": 0.5, "val/nothing": float("nan")} if metrics is None else metrics
    return Record(
        facts={name: value for name, value in {**values, **facts}.items() if value is not None},
        metrics={name: value if isinstance(value, Metric) else Metric(value) for name, value in own.items()},
        headline={} if hmean is None else {"hmean": hmean},
        components=[Component("encoder", "resnet18", {"depth": 18}), Component("head", None, {})],
        params={"lr": 0.001, "amp": True},
        tags=list(tags),
        problems=list(problems),
        provenance={"metrics": "sidecar", "epoch": "sidecar"},
        inputs=[] if sidecar is None else [Input(sidecar, 5, 6), Input(sidecar + b".absent", None, None, absent=True)],
        source="sidecar",
        sidecar_state=SidecarState.VERIFIED,
        has_sidecar=True,
        read_state=ReadState.OK,
        header=header,
        surroundings=surroundings,
    )


@dataclass
class Catalog:
    """A writer on a real file, with one root, and ways to look into it from outside."""

    path: Path
    clock: Clock = field(default_factory=Clock)
    busy_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        self.writer = self.open()
        self.root = self.writer.add_root(ROOT).id

    def open(self, **options: Any) -> Writer:
        """Open another writer of the same file."""
        chosen = {"now": self.clock, "busy_timeout_s": self.busy_timeout_s, **options}
        return open_writer(self.path, options=WriterOptions(**chosen))

    def describe(self, path: str | bytes, of: Record | None = None, *, alias_of: int | None = None, **stat: Any) -> int:
        """Describe one file; return its row id."""
        one = candidate(path, **stat)
        self.writer.apply([Described(self.root, one, record() if of is None else of, alias_of)])
        return self.id_of(path)

    def arrive(self, path: str | bytes, **stat: Any) -> int:
        """Let one file be seen; return its row id."""
        self.writer.apply([Arrived(self.root, candidate(path, **stat))])
        return self.id_of(path)

    def id_of(self, path: str | bytes) -> int:
        known = self.writer.known_at(self.root, path.encode() if isinstance(path, str) else path)
        assert known is not None
        return known.id

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the file on a connection of its own."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def row(self, path: str) -> dict[str, Any]:
        """Return the one row shown under a path."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            (found,) = connection.execute("SELECT * FROM checkpoints WHERE path = ?", (path,)).fetchall()
            return dict(found)
