"""W&B run directories for tests: logs written frame by frame, and real ones from the `wandb` client."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.metadata.record import Finding
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.wandb.log import FILE_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

BLOCK = 32 * 1024
RUN_DIR = "wandb/offline-run-20251018_143200-abc12345"


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def item(name: str | tuple[str, ...], value: object, *, value_field: int = 16) -> bytes:
    keys = (name,) if isinstance(name, str) else name
    body = b"".join(field(2, key.encode()) for key in keys)
    return body + field(value_field, value if isinstance(value, bytes) else json.dumps(value).encode())


def history(values: Mapping[str, Any]) -> bytes:
    return field(2, b"".join(field(1, item(name, value)) for name, value in values.items()))


def summary(values: Mapping[str, Any]) -> bytes:
    return field(3, b"".join(field(1, item(name, value)) for name, value in values.items()))


def config(values: Mapping[str, Any]) -> bytes:
    return field(5, b"".join(field(1, item(name, value)) for name, value in values.items()))


def run(*, project: str = "proj", entity: str = "ent", config: Mapping[str, Any] | None = None) -> bytes:
    updates = b"".join(field(1, item(name, value)) for name, value in (config or {}).items())
    return field(17, field(1, b"abc12345") + field(2, entity.encode()) + field(3, project.encode()) + field(4, updates))


def ended(code: int = 0) -> bytes:
    return field(18, field(1, code) if code else b"")


def log_of(records: Iterable[bytes]) -> bytes:
    """Return the bytes of a log, records numbered and torn where blocks end, as W&B writes it."""
    out = bytearray(FILE_HEADER)
    for number, body in enumerate(records, start=1):
        record, first = field(1, number) + body, True
        while True:
            left = BLOCK - len(out) % BLOCK
            if left < 7:
                out += bytes(left)
                left = BLOCK
            part, record = record[: left - 7], record[left - 7 :]
            kind = (1 if first else 4) if not record else (2 if first else 3)
            out += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            first = False
            if not record:
                break
    return bytes(out)


def lightning_rows(epochs: int, steps: int = 10) -> list[dict[str, Any]]:
    """Return what Lightning's WandbLogger logs: a training and a validation row per epoch."""
    rows: list[dict[str, Any]] = []
    for epoch in range(epochs):
        last = (epoch + 1) * steps - 1
        rows.append({"train/loss": 1 / (epoch + 1), "epoch": epoch, "trainer/global_step": last - 5})
        rows.append({"val/hmean": epoch / 10, "val/loss": 1.5, "epoch": epoch, "trainer/global_step": last})
    return [{"_step": place, **row} for place, row in enumerate(rows)]


def write_log(root: Path, data: bytes, *, run_dir: str = RUN_DIR, run_id: str = "abc12345") -> Path:
    directory = root / run_dir
    (directory / "files").mkdir(parents=True, exist_ok=True)
    path = directory / f"run-{run_id}.wandb"
    path.write_bytes(data)
    return path


def candidate(root: Path, path: str = "checkpoints/epoch=1.ckpt") -> Candidate:
    return Candidate(os.fsencode(root), os.fsencode(path), Kind.FILE, Fingerprint(1, 2, 3, 4, 5))


def said(**facts: Any) -> Said:
    return Said([Finding("header", "", facts=facts)] if facts else [])


def train(program: str, directory: Path, *arguments: str) -> None:
    """Run a training program with W&B offline; it may write below the directory only."""
    home = directory / "home"
    home.mkdir(parents=True, exist_ok=True)
    quiet = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false", "HOME": str(home)}
    environment = {
        **quiet,
        "PATH": os.defpath,
        "XDG_CACHE_HOME": str(home),
        "TMPDIR": str(home),
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run(
        [sys.executable, "-I", "-c", program, str(directory), *arguments],
        cwd=directory, env=environment, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
