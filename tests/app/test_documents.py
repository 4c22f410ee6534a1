from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.app.documents import _Answers, _describer, known_roots
from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.errors import ResourceShortage, SourceUnavailable
from ckpt_indexer.settings import load
from ckpt_indexer.sources.chain import Asked, Chain

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Scripted(Chain):
    """A chain that answers nothing, or fails for want of something."""

    error: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__([])

    def ask(self, candidate: Candidate) -> Asked:
        if self.error is not None:
            raise self.error
        return super().ask(candidate)


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    file = tmp_path / "a.ckpt"
    file.write_bytes(b"x")
    return Candidate(os.fsencode(tmp_path), b"a.ckpt", Kind.FILE, Fingerprint.of(file.stat()))


def test_a_candidate_is_described(candidate: Candidate) -> None:
    assert _describer(Scripted())(candidate).facts == {}


def test_a_file_that_changes_is_an_error_that_says_what_to_do(candidate: Candidate, tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(b"longer")
    with pytest.raises(SourceUnavailable, match="run the command again"):
        _describer(Scripted())(candidate)


def test_a_shortage_is_no_fault_of_the_file(candidate: Candidate) -> None:
    with pytest.raises(ResourceShortage, match="run it again later"):
        _describer(Scripted(MemoryError()))(candidate)


def test_answers_are_read_and_never_kept(tmp_path: Path) -> None:
    answers = _Answers(tmp_path / "none.db")
    answers.put("e/p/r", {}, 0.0, final=True)
    assert answers.get("e/p/r") is None
    assert list(tmp_path.iterdir()) == []


def test_known_roots_are_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "ckpt-indexer.toml").write_text(
        'roots = [{path = "link"}, {path = "real"}, {path = "gone"}]\n[catalog]\ndb = "c.db"\n'
    )
    assert known_roots(load(environ={}, cwd=tmp_path)) == [os.fsencode(tmp_path.resolve() / "real")]
