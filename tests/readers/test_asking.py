"""The parent's side of reading headers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.errors import LimitExceeded, ReaderDied
from ckpt_indexer.readers.asking import READ_HEADER, READ_WITH_TORCH, ChildReader

if TYPE_CHECKING:
    from collections.abc import Sequence

READ = {"format": "torch_zip", "complete": True, "tensors": 3}
LIMITED = {"format": "torch_zip", "complete": True, "tensors": None, "problems": [["limit", "too many opcodes"]]}


class Children:
    """A pool that answers what it was given, in order."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def call(self, function: str, **arguments: Any) -> Any:
        self.calls.append((function, arguments))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def candidate(kind: Kind = Kind.FILE, path: bytes = b"run/a\xff.ckpt") -> Candidate:
    return Candidate(b"/r", path, kind, Fingerprint(1, 2, 3, 4, 5))


def reader(children: Children, torch: Children | None = None) -> ChildReader:
    return ChildReader(pool=children, torch_pool=torch)  # type: ignore[arg-type]  # stands in for a pool


@pytest.mark.parametrize("kind", [Kind.FILE, Kind.DIRECTORY])
def test_a_child_gets_root_path_and_kind_as_text(kind: Kind) -> None:
    children = Children(READ)
    header = reader(children)(candidate(kind))
    assert header.tensors == 3
    arguments = {"root": "/r", "path": os.fsdecode(b"run/a\xff.ckpt"), "kind": kind.value}
    assert children.calls == [(READ_HEADER, arguments)]


def test_a_child_that_died_is_asked_once_more_and_no_more() -> None:
    assert reader(Children(ReaderDied("killed"), READ))(candidate()).tensors == 3
    with pytest.raises(ReaderDied):
        reader(Children(ReaderDied("killed"), ReaderDied("killed")))(candidate())


def test_a_limit_is_not_tried_again() -> None:
    children = Children(LimitExceeded("10 s"))
    with pytest.raises(LimitExceeded):
        reader(children)(candidate())
    assert len(children.calls) == 1


@pytest.mark.parametrize(
    ("found", "kind"), [(READ, Kind.FILE), (LIMITED | {"complete": False}, Kind.FILE), (LIMITED, Kind.DIRECTORY)]
)
def test_torch_is_asked_only_about_whole_files_that_nothing_else_can_read(found: dict[str, Any], kind: Kind) -> None:
    torch = Children()
    reader(Children(found), torch)(candidate(kind))
    assert torch.calls == []


def test_what_torch_could_read_counts() -> None:
    torch = Children(READ)
    assert reader(Children(LIMITED), torch)(candidate()).tensors == 3
    assert [name for name, _ in torch.calls] == [READ_WITH_TORCH]


def test_what_torch_could_not_read_either_is_told() -> None:
    header = reader(Children(LIMITED), Children(ReaderDied("killed")))(candidate())
    assert header.problems[-1] == ("torch", "torch could not read it either: killed")
    assert reader(Children(LIMITED), None)(candidate()).problems == [("limit", "too many opcodes")]


def test_what_can_be_named_by_a_job_is_there() -> None:
    from importlib import import_module

    for job in (READ_HEADER, READ_WITH_TORCH):
        module, _, name = job.partition(":")
        assert callable(getattr(import_module(module), name))


def test_arguments_are_strings_only() -> None:
    children = Children(READ)
    reader(children)(candidate())
    values: Sequence[Any] = list(children.calls[0][1].values())
    assert all(type(value) is str for value in values)
