"""Rows without files: fills a catalog through its own writer, and keeps committing while something else is measured.

python scripts/_rows.py CATALOG ROWS       # describe rows anew, 100 per transaction, until SIGTERM; say how often
"""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from _trees import Saved, document, saves, varying

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.metadata.record import Component, Metric, ReadState, Record, SidecarState
from ckpt_indexer.store.changes import Described
from ckpt_indexer.store.writer import open_writer

ROOT = b"/outputs"
BATCH = 1000


def described(root_id: int, saved: Saved, *, score: float | None = None) -> Described:
    """Return the change that says what the checkpoint is; `score` replaces its hmean."""
    values = varying(saved)
    hmean = float(values["hmean"]) if score is None else score
    told = document(saved, "2.0")
    record = Record(
        facts={
            "experiment": values["experiment"], "architecture": "dbnet", "backbone": values["backbone"],
            "decoder": "pan_decoder", "head": "db_head", "loss": "db_loss", "epoch": values["epoch"],
            "global_step": values["step"], "dataset": "receipts", "split": "val", "monitor": "val/hmean",
            "monitor_mode": "max", "schema_version": "2.0",
        },
        metrics={name: Metric(value) for name, value in told["metrics"]["additional_metrics"].items()},
        headline={
            "hmean": hmean, "precision": float(values["precision"]), "recall": float(values["recall"]),
            "validation_loss": float(values["loss"]),
        },
        components=[Component("encoder", str(values["backbone"]), {}), Component("decoder", "pan_decoder", {})],
        params=dict(told["params"]),
        provenance={"metrics": "sidecar", "epoch": "sidecar"},
        source="sidecar",
        sidecar_state=SidecarState.VERIFIED,
        has_sidecar=True,
        read_state=ReadState.OK,
    )  # fmt: skip
    number = saved.run * 1000 + saved.epoch + 1
    stamp = Fingerprint(1, number, int(values["size"]), saved.mtime_ns, saved.mtime_ns)
    return Described(root_id, Candidate(ROOT, str(values["path"]).encode(), Kind.FILE, stamp), record)


INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND name LIKE 'ix!_%' ESCAPE '!'"


def fill(catalog: Path, count: int) -> None:
    """Make a catalog of `count` described rows; indexes that filling does not need are built at the end, in one go."""
    with open_writer(catalog) as writer:
        root = writer.add_root(ROOT, "outputs")
    indexes = _take_indexes_away(catalog)
    with open_writer(catalog) as writer:
        batch = []
        for saved in saves(count):
            batch.append(described(root.id, saved))
            if len(batch) == BATCH:
                writer.apply(batch)
                batch = []
        writer.apply(batch)
        writer.checkpoint_wal()
    with contextlib.closing(sqlite3.connect(catalog, isolation_level=None)) as connection:
        for statement in indexes:
            connection.execute(statement)


def _take_indexes_away(catalog: Path) -> list[str]:
    """Drop the indexes that are not unique; return the statements that make them again."""
    with contextlib.closing(sqlite3.connect(catalog, isolation_level=None)) as connection:
        found = connection.execute(INDEXES)
        indexes = found.fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
    return [statement for _, statement in indexes]


def keep_writing(catalog: Path, count: int) -> int:
    """Describe random rows anew, with new scores, a hundred per transaction; return how many were committed."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    rng = random.Random(7)  # noqa: S311  # a benchmark repeats itself
    commits = 0
    with open_writer(catalog) as writer:
        root = writer.add_root(ROOT, "outputs")
        print("writing", flush=True)
        while not stop.is_set():
            chosen = [Saved(*divmod(rng.randrange(count), 20)) for _ in range(100)]
            writer.apply([described(root.id, saved, score=rng.uniform(0.3, 0.99)) for saved in chosen])
            commits += 1
            stop.wait(0.005)
    return commits


if __name__ == "__main__":
    print(keep_writing(Path(sys.argv[1]), int(sys.argv[2])))
