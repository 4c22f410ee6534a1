from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.discovery.options import Options
from ckpt_indexer.errors import QueryError
from ckpt_indexer.tools.selection import Found, Scope, Target, Wanted, find, targets_of
from tests.tools.tree_files import checkpoint, found, no_rules, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    outputs = tmp_path.resolve() / "outputs"
    checkpoint(outputs / "exp" / "checkpoints" / "best.ckpt")
    checkpoint(outputs / "exp" / "checkpoints" / "last.ckpt")
    checkpoint(outputs / "top.ckpt")
    write(outputs / "exp" / "checkpoints" / "best.metadata.yaml", {"schema_version": "2.0"})
    write(outputs / "gone" / "old.metadata.yaml", {"schema_version": "2.0"})
    return outputs


def names(found: Found) -> list[bytes]:
    return [candidate.path for candidate in found.candidates]


def target(path: Path, *known: Path, **places: object) -> Target:
    wanted = Wanted((os.fsencode(path),), **places)  # type: ignore[arg-type]  # places are flags here
    (only,) = targets_of(wanted, [os.fsencode(root) for root in known], no_rules)
    return only


def test_a_directory_gives_all_checkpoints_and_documents_below_it(outputs: Path) -> None:
    all_of_it = found(outputs)
    assert names(all_of_it) == [b"exp/checkpoints/best.ckpt", b"exp/checkpoints/last.ckpt", b"top.ckpt"]
    assert [one.path for one in all_of_it.documents] == [
        b"exp/checkpoints/best.metadata.yaml",
        b"gone/old.metadata.yaml",
    ]
    assert all_of_it.complete


def test_without_recursion_only_what_lies_directly_there_counts(outputs: Path) -> None:
    assert names(found(outputs, recursive=False)) == [b"top.ckpt"]


def test_paths_are_relative_to_the_outputs_directory_whatever_was_named(outputs: Path) -> None:
    raw = os.fsencode(outputs)
    best = outputs / "exp" / "checkpoints" / "best.ckpt"
    assert target(best) == Target(raw, b"exp/checkpoints/best.ckpt", Scope.CHECKPOINT)
    assert target(best.parent) == Target(raw, b"exp/checkpoints", Scope.TREE)
    exp = Wanted(exp_dirs=(os.fsencode(outputs / "exp"),))
    assert targets_of(exp, (), no_rules) == [Target(raw, b"exp", Scope.TREE)]
    whole = Wanted(outputs_dirs=(raw,))
    assert targets_of(whole, (os.fsencode(outputs.parent),), no_rules) == [Target(raw, b"", Scope.TREE)]


def test_a_known_root_is_what_paths_are_relative_to(outputs: Path) -> None:
    best = outputs / "exp" / "checkpoints" / "best.ckpt"
    above = outputs.parent
    assert target(best, above).path == b"outputs/exp/checkpoints/best.ckpt"
    assert target(best, above, outputs).path == b"exp/checkpoints/best.ckpt"
    assert target(outputs / "exp", outputs) == Target(os.fsencode(outputs), b"exp", Scope.TREE)


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("proj/lightning_logs/version_0/checkpoints/a.ckpt", ""),
        ("runs/2026-11-20/10-11-12/checkpoints/a.ckpt", "runs"),
        ("dbnet/checkpoints/a.ckpt", ""),
        ("data/outputs/group/dbnet/a.ckpt", "data/outputs"),
    ],
)
def test_the_root_of_a_lone_checkpoint_is_above_what_names_its_experiment(path: str, root: str, tmp_path: Path) -> None:
    file = checkpoint(tmp_path.resolve() / path)
    assert target(file).root == os.fsencode(tmp_path.resolve() / root)


def test_an_experiment_is_known_by_its_hydra_directory(tmp_path: Path) -> None:
    run = tmp_path.resolve() / "run-1"
    (run / ".hydra").mkdir(parents=True)
    assert target(run) == Target(os.fsencode(run.parent), b"run-1", Scope.TREE)


def test_a_hidden_directory_on_the_way_does_not_hide_what_was_named(tmp_path: Path) -> None:
    file = checkpoint(tmp_path.resolve() / ".cache" / "checkpoints" / "a.ckpt")
    assert names(found(file)) == [b"a.ckpt"]
    assert names(found(file.parent)) == [b"a.ckpt"]


def test_excluded_files_of_a_root_are_left_out(outputs: Path) -> None:
    def rules(_root: bytes) -> Options:
        return Options(excludes=("exp/*",))

    assert names(find([Target(os.fsencode(outputs), b"", Scope.TREE)], rules)) == [b"top.ckpt"]


def test_a_link_is_itself_and_not_what_it_leads_to(outputs: Path) -> None:
    link = outputs / "exp" / "checkpoints" / "link.ckpt"
    link.symlink_to("best.ckpt")
    assert names(found(link)) == [b"exp/checkpoints/link.ckpt"]


def test_relative_and_dotted_paths_are_understood(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(outputs / "exp" / "checkpoints")
    for typed in (b"best.ckpt", b"./best.ckpt", b"../checkpoints/best.ckpt"):
        (only,) = targets_of(Wanted(checkpoints=(typed,)), (), no_rules)
        assert only.path == b"exp/checkpoints/best.ckpt"
    assert targets_of(Wanted((b".",)), (), no_rules) == [Target(os.fsencode(outputs), b"exp/checkpoints", Scope.TREE)]


def test_a_directory_checkpoint_is_one_checkpoint(outputs: Path) -> None:
    saved = outputs / "hf" / "checkpoint-500"
    checkpoint(saved / "model.safetensors")
    checkpoint(saved / "trainer_state.json", b"{}")
    write(saved / "checkpoint.metadata.yaml", {"schema_version": "2.0"})
    one = found(saved)
    assert names(one) == [b"hf/checkpoint-500"]
    assert [document.path for document in one.documents] == [b"hf/checkpoint-500/checkpoint.metadata.yaml"]
    assert b"hf/checkpoint-500/checkpoint.metadata.yaml" in [document.path for document in found(outputs).documents]


def test_a_document_brings_the_checkpoint_it_describes(outputs: Path) -> None:
    one = found(outputs / "exp" / "checkpoints" / "best.metadata.yaml")
    assert names(one) == [b"exp/checkpoints/best.ckpt"]
    orphan = found(outputs / "gone" / "old.metadata.yaml")
    assert (names(orphan), len(orphan.documents)) == ([], 1)


def test_what_is_named_twice_is_found_once(outputs: Path) -> None:
    twice = found(outputs, outputs / "exp", outputs / "exp" / "checkpoints" / "best.ckpt")
    assert len(twice.candidates) == 3
    assert len(twice.documents) == 2


def test_what_is_no_checkpoint_is_refused(outputs: Path) -> None:
    other = checkpoint(outputs / "notes.txt")
    with pytest.raises(QueryError, match="is no checkpoint"):
        found(other)


def test_nothing_named_means_every_known_root(outputs: Path) -> None:
    assert targets_of(Wanted(), (os.fsencode(outputs),), no_rules) == [Target(os.fsencode(outputs), b"", Scope.TREE)]
    with pytest.raises(QueryError, match="name a directory"):
        targets_of(Wanted(), (), no_rules)


def test_a_directory_that_cannot_be_listed_is_said(outputs: Path) -> None:
    closed = outputs / "closed"
    closed.mkdir(mode=0)
    try:
        seen = found(outputs)
    finally:
        closed.chmod(0o700)
    if os.geteuid() != 0:
        assert not seen.complete
        assert [path for path, _ in seen.problems] == [os.fsencode(closed)]
    assert len(seen.candidates) == 3


def test_progress_is_told(outputs: Path) -> None:
    told: list[tuple[str, int, int]] = []
    find([Target(os.fsencode(outputs), b"", Scope.TREE)], no_rules, lambda *report: told.append(report))
    assert told[-1] == ("walking", 0, 3)
