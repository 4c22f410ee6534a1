from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.candidate import Candidate, FileStamp, Fingerprint, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent.parent / "golden" / "sidecars"


def _same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, float):
        both_nan = math.isnan(left) and math.isnan(right)
        return both_nan or (left == right and math.copysign(1, left) == math.copysign(1, right))
    return bool(left == right)


@pytest.fixture(scope="session")
def same() -> Callable[[Any, Any], bool]:
    """Equality of values, types, key order and signs of zero; NaN equals NaN."""
    return _same


@pytest.fixture(scope="session")
def golden() -> dict[str, str]:
    """Real documents and configs by file name."""
    return {path.name: path.read_text("utf-8") for path in sorted(GOLDEN.iterdir())}


def _candidate(root: Path, path: str, kind: Kind, *, listed: bool) -> Candidate:
    absolute = root / path
    stamps = {}
    for entry in absolute.parent.iterdir():
        found = entry.lstat()
        stamps[entry.name.encode()] = FileStamp(found.st_size, found.st_mtime_ns)
    fingerprint = Fingerprint.of(absolute.stat())
    return Candidate(str(root).encode(), path.encode(), kind, fingerprint, neighbours=stamps if listed else None)


@pytest.fixture(params=[True, False], ids=["listed", "unlisted"])
def candidate(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Candidate]:
    """Make a candidate below tmp_path, with the listing of its directory and without."""

    def make(path: str, kind: Kind = Kind.FILE) -> Candidate:
        return _candidate(tmp_path.resolve(), path, kind, listed=request.param)

    return make
