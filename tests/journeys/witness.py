"""Whoever watches a training and its catalog at once: when a file was saved or removed, when the catalog said so."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import lightning.pytorch as pl
from lightning.pytorch.plugins.io import TorchCheckpointIO

from tests.journeys.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

WITHIN_S = 5.0
"""What is waited for at most. The promise is a second, three for a removal; this machine may be busy."""
SHOWN = """SELECT name, epoch, global_step, hmean FROM checkpoints
WHERE presence = 'present' AND read_state = 'ok'
AND (sidecar_state = 'verified' OR (kind = 'directory' AND has_sidecar))"""
MISSING = "SELECT name FROM checkpoints WHERE presence = 'missing'"


class Save(NamedTuple):
    """One save of one file."""

    name: str
    epoch: int
    global_step: int


class Seen(NamedTuple):
    """What the catalog says of one save, once its document is verified: that of a file, by size and time."""

    name: str
    epoch: int
    global_step: int
    hmean: float | None


class NotingIO(TorchCheckpointIO):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Writes as Lightning does, and notes when."""

    def __init__(self) -> None:
        self.saved: dict[Save, float] = {}
        self.removed: dict[str, float] = {}

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        super().save_checkpoint(checkpoint, path, storage_options)
        self.saved[Save(Path(path).name, checkpoint["epoch"], checkpoint["global_step"])] = time.monotonic()

    def remove_checkpoint(self, path: Any) -> None:
        super().remove_checkpoint(path)
        self.removed[Path(path).name] = time.monotonic()

    def rows(self, returned: Mapping[int, Mapping[str, float]]) -> dict[Seen, float]:
        """Return the row that each save must have by what validation returned at which step, and when it was saved."""
        return {Seen(*save, returned.get(save.global_step, {}).get("val/hmean")): at for save, at in self.saved.items()}


class Witness:
    """Asks a catalog again and again, on a thread of its own, and notes when it first said what."""

    def __init__(self, database: Path) -> None:
        self.shown: dict[Seen, float] = {}
        self.missing: dict[str, float] = {}
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def _watch(self) -> None:
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        try:
            while not self._stop.wait(0.01):
                now = time.monotonic()
                self.shown = {**{Seen(*row): now for row in connection.execute(SHOWN)}, **self.shown}
                self.missing = {**{name: now for (name,) in connection.execute(MISSING)}, **self.missing}
        finally:
            connection.close()

    def saw(self, rows: Mapping[Seen, float]) -> list[float]:
        """Wait until the catalog has shown all of these; return how long after each save it did, in seconds."""
        eventually(
            lambda: rows.keys() <= self.shown.keys(), timeout_s=WITHIN_S, what=f"{rows.keys() - self.shown.keys()}"
        )
        return sorted(self.shown[row] - at for row, at in rows.items())

    def missed(self, removed: Mapping[str, float]) -> list[float]:
        """Wait until the catalog has called all of these missing; return how long after each removal it did."""
        eventually(lambda: removed.keys() <= self.missing.keys(), timeout_s=WITHIN_S, what=f"{set(removed)} missing")
        return sorted(self.missing[name] - at for name, at in removed.items())


class Paced(pl.Callback):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Begins an epoch only when the catalog has shown every checkpoint so far: real epochs take longer than these."""

    def __init__(self, witness: Witness, writer: NotingIO) -> None:
        self.witness = witness
        self.writer = writer

    def on_train_epoch_start(self, _: pl.Trainer, pl_module: Any) -> None:
        self.witness.saw(self.writer.rows(pl_module.returned))
