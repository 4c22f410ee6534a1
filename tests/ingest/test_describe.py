"""What becomes of a candidate whose sources fail in different ways."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NoReturn

import pytest

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.errors import ResourceShortage
from ckpt_indexer.ingest.describe import Outcome, describe
from ckpt_indexer.metadata.record import ReadState
from ckpt_indexer.sources.base import Cost
from ckpt_indexer.sources.chain import Chain

if TYPE_CHECKING:
    from pathlib import Path

    from ckpt_indexer.sources.base import Said


class Fails:
    """A source that raises."""

    name = "sidecar"
    cost = Cost.INLINE

    def __init__(self, error: Exception) -> None:
        self.error = error

    def find(self, candidate: Candidate, said: Said) -> NoReturn:  # noqa: ARG002  # the protocol
        raise self.error


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    (tmp_path / "x.ckpt").write_bytes(b"x")
    stamp = Fingerprint.of((tmp_path / "x.ckpt").stat())
    return Candidate(os.fsencode(tmp_path), b"x.ckpt", Kind.FILE, stamp)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        MemoryError(),
        ResourceShortage("no document can be opened now"),
    ],
    ids=["descriptors", "memory of the kernel", "memory", "told by a room"],
)
def test_a_shortage_says_nothing_about_the_file(candidate: Candidate, error: Exception) -> None:
    description = describe(1, candidate, Chain([Fails(error)]))
    assert (description.outcome, description.record) == (Outcome.SHORT, None)


def test_a_bug_in_a_source_costs_one_row_its_metadata(candidate: Candidate) -> None:
    description = describe(1, candidate, Chain([Fails(KeyError("epoch"))]))
    assert description.outcome is Outcome.DONE
    assert description.record is not None
    assert description.record.read_state is ReadState.DEGRADED
    assert [problem.kind for problem in description.record.problems] == ["internal_error"]
