"""A directory of checkpoints and documents, and candidates made of it with and without a listing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.candidate import Candidate, FileStamp, Fingerprint, Kind

if TYPE_CHECKING:
    from pathlib import Path


class Folder:
    """A root with one run in it."""

    def __init__(self, path: Path, *, listed: bool) -> None:
        self.path = path
        self.listed = listed

    def checkpoint(self, name: str = "best.ckpt", content: bytes = b"weights") -> Candidate:
        """Write a checkpoint; return it as a candidate. Write its documents first: a listing is of this moment."""
        (self.path / name).write_bytes(content)
        stamps = {}
        for entry in self.path.iterdir():
            found = entry.lstat()
            stamps[os.fsencode(entry.name)] = FileStamp(found.st_size, found.st_mtime_ns)
        fingerprint = Fingerprint.of((self.path / name).lstat())
        root, _, run = os.fsencode(self.path).rpartition(b"/")
        path = run + b"/" + os.fsencode(name)
        return Candidate(root, path, Kind.FILE, fingerprint, neighbours=stamps if self.listed else None)

    def document(self, name: str, **keys: Any) -> None:  # Any: JSON values
        """Write a document: 2.0 unless its keys say otherwise."""
        (self.path / name).write_text(json.dumps({"schema_version": "2.0", **keys}))


@pytest.fixture(params=[True, False], ids=["listed", "unlisted"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """Return an empty run directory below a root."""
    run = tmp_path.resolve() / "root" / "run"
    run.mkdir(parents=True)
    return Folder(run, listed=request.param)
