"""Reading what a test wrote, as the daemon's child does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.readers.child_jobs import read_header
from ckpt_indexer.readers.header import Header

if TYPE_CHECKING:
    from pathlib import Path


class Reader:
    """Writes files below a root and reads their headers."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, path: Path | str, *, full: bool = True) -> Header:
        """Return the header of a file or directory below the root."""
        path = self.root / path
        kind = "directory" if path.is_dir() else "file"
        return Header.from_json(read_header(str(self.root), os.path.relpath(path, self.root), kind, full=full))

    def of(self, data: bytes, name: str = "x.ckpt", *, full: bool = True) -> Header:
        """Return the header of a file with these bytes."""
        (self.root / name).write_bytes(data)
        return self(name, full=full)


def kinds(header: Header) -> set[str]:
    """Return the kinds of a header's problems."""
    return {kind for kind, _ in header.problems}


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)
