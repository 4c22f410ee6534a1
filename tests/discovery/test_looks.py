"""Looking at one path, and listing one directory: by the rules of the walk."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckpt_indexer.discovery.options import Options
from ckpt_indexer.discovery.scanner import is_member, list_directory, look, scan

if TYPE_CHECKING:
    from ckpt_indexer.discovery.place import Reach
    from tests.discovery.conftest import Tree

OPTIONS = Options()


def _paths(root: bytes, start: bytes = b"", options: Options = OPTIONS) -> list[bytes]:
    return [candidate.path for listing in scan(root, start, options=options) for candidate in listing.candidates]


def _digests(root: bytes) -> dict[bytes, bytes]:
    return {listing.directory: listing.digest for listing in scan(root, options=OPTIONS)}


@pytest.mark.parametrize(
    "path", [b"", b".", b"..", b"a/..", b"/etc/x.ckpt", b"a\0b.ckpt", b"absent.ckpt", b"wandb/a.ckpt", b"n.txt"]
)
def test_looking_at_what_is_no_candidate_gives_none(tree: Tree, path: bytes) -> None:
    tree.file("wandb/a.ckpt")
    tree.file("n.txt")
    tree.file("a/b.ckpt")
    assert look(tree.root, path, options=OPTIONS) is None


def test_a_file_of_a_directory_checkpoint_is_told_from_one_that_is_gone(tree: Tree) -> None:
    for path in ("run/checkpoint-5/trainer_state.json", "run/checkpoint-5/a.pt", "run/checkpoint-5/deep/b.pt", "c.pt"):
        tree.file(path)
    members = [b"run/checkpoint-5/a.pt", b"run/checkpoint-5/deep/b.pt"]
    others = [b"run/checkpoint-5/gone.pt", b"run/checkpoint-5", b"c.pt", b"absent/a.pt", b"a\0b", b"c.pt/x"]
    assert [path for path in members + others if is_member(tree.root, path, options=OPTIONS)] == members
    assert not is_member(tree.root + b"-absent", members[0], options=OPTIONS)


def test_an_excluded_file_is_no_candidate_for_a_look_either(tree: Tree) -> None:
    tree.file("debug.ckpt")
    assert look(tree.root, b"debug.ckpt", options=Options(excludes=("debug*",))) is None
    assert _paths(tree.root, options=Options(excludes=("debug*",))) == []


def test_a_batch_of_looks_shares_what_it_learned(tree: Tree) -> None:
    tree.file("run/a.ckpt")
    tree.file("run/b.ckpt")
    memo: dict[bytes, Reach] = {}
    assert look(tree.root, b"run/a.ckpt", options=OPTIONS, memo=memo) is not None
    assert set(memo) == {b"run"}
    assert look(tree.root, b"run/b.ckpt", options=OPTIONS, memo=memo) is not None


def test_one_directory_can_be_listed_alone(tree: Tree) -> None:
    tree.file("run/a.ckpt")
    tree.file("run/below/b.ckpt")
    listing = list_directory(tree.root, b"run", options=OPTIONS)
    assert listing is not None
    assert [candidate.path for candidate in listing.candidates] == [b"run/a.ckpt"]
    assert listing.digest == _digests(tree.root)[b"run"]


def test_an_empty_directory_lists_as_empty_and_an_absent_one_as_none(tree: Tree) -> None:
    tree.directory("empty")
    listing = list_directory(tree.root, b"empty", options=OPTIONS)
    assert listing is not None
    assert (listing.candidates, listing.neighbours, listing.complete) == ([], {}, True)
    assert list_directory(tree.root, b"absent", options=OPTIONS) is None
    assert list_directory(tree.root, b"wandb", options=OPTIONS) is None


_NAMES = ["a", "checkpoint-1", "x.ckpt", "wandb"]
_FILES = [
    "a.ckpt", "b.pt", "a.metadata.yaml", "trainer_state.json", "latest", "mp_rank_00_model_states.pt", ".metadata",
    "0.distcp", "model.safetensors.index.json", "log.txt", ".hidden.ckpt",
]  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(st.sampled_from(_NAMES), max_size=3), st.sampled_from(_FILES)), max_size=12))
def test_looking_at_every_path_finds_what_the_walk_finds(tree: Tree, files: list[tuple[list[str], str]]) -> None:
    shutil.rmtree(tree.root)
    os.mkdir(tree.root)
    for directories, name in files:
        if not os.path.isdir(tree.at("/".join([*directories, name]))):
            tree.file("/".join([*directories, name]))
    walked = {c.path: c for listing in scan(tree.root, options=OPTIONS) for c in listing.candidates}
    every = [
        os.path.relpath(os.path.join(at, name), tree.root)
        for at, below, names in os.walk(tree.root)
        for name in below + names
    ]
    looked = {path: seen for path in every if (seen := look(tree.root, path, options=OPTIONS)) is not None}
    assert {path: (c.kind, c.fingerprint) for path, c in looked.items()} == {
        path: (c.kind, c.fingerprint) for path, c in walked.items()
    }
    for listing in scan(tree.root, options=OPTIONS):
        alone = list_directory(tree.root, listing.directory, options=OPTIONS)
        assert alone is not None
        assert alone.digest == listing.digest
