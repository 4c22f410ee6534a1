"""What one event is a reason to look at."""

from __future__ import annotations

import pytest

from ckpt_indexer.discovery.hints import Change, Happening, hints_for
from ckpt_indexer.discovery.listing import Hint, HintKind
from ckpt_indexer.discovery.options import Options

ROOT = b"/r"


def _hints(change: Change, path: bytes, *, directory: bool = False, options: Options | None = None) -> list[Hint]:
    return hints_for(ROOT, Happening(change, path, directory), options or Options())


def _path(path: bytes, *, finished: bool = False, gone: bool = False) -> Hint:
    return Hint(HintKind.PATH, ROOT, path, finished, gone)


def _tree(path: bytes, *, gone: bool = False) -> Hint:
    return Hint(HintKind.TREE, ROOT, path, finished=False, gone=gone)


@pytest.mark.parametrize("path", [b"run/a.ckpt", b"a.metadata.yaml"])
def test_a_file_of_ours_is_a_hint_for_its_path(path: bytes) -> None:
    assert _hints(Change.CREATED, path) == [_path(path)]
    assert _hints(Change.MODIFIED, path) == [_path(path)]
    assert _hints(Change.CLOSED, path) == [_path(path, finished=True)]
    assert _hints(Change.DELETED, path) == [_path(path, gone=True)]


@pytest.mark.parametrize(
    "path", [b"run/events.out.tfevents.1", b"a.ckpt.tmp", b".a.ckpt", b"wandb/run-1/files/a.ckpt", b".git/x.pt"]
)
def test_what_is_of_no_interest_makes_no_hint(path: bytes) -> None:
    assert [hint for change in Change for hint in _hints(change, path)] == []


def test_excluded_paths_make_no_hint() -> None:
    options = Options(excludes=("debug*", "old/*"))
    assert _hints(Change.CREATED, b"debug.ckpt", options=options) == []
    assert _hints(Change.CREATED, b"old/run", directory=True, options=options) == []
    assert _hints(Change.CREATED, b"debug_run/a.ckpt", options=options) == []


def test_a_directory_is_a_hint_for_its_tree() -> None:
    assert _hints(Change.CREATED, b"run", directory=True) == [_tree(b"run")]
    assert _hints(Change.MODIFIED, b"run", directory=True) == [_tree(b"run")]
    assert _hints(Change.DELETED, b"run", directory=True) == [_tree(b"run", gone=True)]
    assert _hints(Change.CREATED, b"run/wandb", directory=True) == []


def test_an_event_on_the_root_is_a_hint_for_all_of_it() -> None:
    assert _hints(Change.DELETED, b"", directory=True) == [Hint(HintKind.ROOT, ROOT, b"", gone=True)]


@pytest.mark.parametrize(
    ("marker", "directory"),
    [
        (b"run/checkpoint-5/trainer_state.json", b"run/checkpoint-5"),
        (b"run/x/.metadata", b"run/x"),
        (b"run/x/__0_0.distcp", b"run/x"),
        (b"run/x/model.safetensors.index.json", b"run/x"),
        (b"run/x/latest", b"run/x"),
        (b"run/x/global_step5/mp_rank_00_model_states.pt", b"run/x"),
    ],
)
def test_a_marker_that_comes_or_goes_is_a_reason_to_look_at_its_directory(marker: bytes, directory: bytes) -> None:
    for change in (Change.CREATED, Change.CLOSED, Change.DELETED):
        hints = _hints(change, marker)
        assert _path(directory) in hints
        assert _tree(directory) in hints
    assert _tree(directory) not in _hints(Change.MODIFIED, marker)


def test_a_marker_in_the_root_says_nothing() -> None:
    assert _hints(Change.CREATED, b"latest") == []


def test_any_file_in_a_trainer_checkpoint_is_a_reason_to_look_at_that() -> None:
    assert _hints(Change.CLOSED, b"run/checkpoint-5/sub/vocab.txt") == [_path(b"run/checkpoint-5")]
    assert _hints(Change.CLOSED, b"run/checkpoint-5/a.tmp") == []
    assert _hints(Change.CREATED, b"run/checkpoint-5/sub", directory=True) == [
        _path(b"run/checkpoint-5"),
        _tree(b"run/checkpoint-5/sub"),
    ]


def test_a_usual_part_of_a_directory_checkpoint_is_a_reason_to_look_at_its_directory() -> None:
    path = b"final/model-00001-of-00002.safetensors"
    assert _hints(Change.CLOSED, path) == [_path(path, finished=True), _path(b"final")]
    assert _path(b"x") in _hints(Change.CLOSED, b"x/checkpoint.metadata.yaml")


# -- files that rows may be derived from


def _inputs(change: Change, path: bytes, *, directory: bool = False) -> list[Hint]:
    options = Options(is_input=lambda path: b"" if path.endswith((b"/config.yaml", b"metrics.csv")) else None)
    return hints_for(ROOT, Happening(change, path, directory), options)


@pytest.mark.parametrize("path", [b"run/metrics.csv", b"run/.hydra/config.yaml", b"wandb/run-1-x/files/config.yaml"])
def test_a_file_that_rows_may_be_derived_from_is_a_hint_wherever_it_lies(path: bytes) -> None:
    assert _inputs(Change.CLOSED, path) == [_path(path, finished=True)]
    assert _inputs(Change.DELETED, path) == [Hint(HintKind.PATH, ROOT, path, gone=True)]
    assert _hints(Change.CLOSED, path) == []


def test_other_files_in_directories_that_are_never_walked_make_no_hint() -> None:
    assert _inputs(Change.CLOSED, b"run/.hydra/notes.txt") == []


def test_a_config_directory_that_comes_or_goes_whole_is_a_hint_for_its_config() -> None:
    assert _inputs(Change.CREATED, b"run/.hydra", directory=True) == [_path(b"run/.hydra/config.yaml")]
    assert _inputs(Change.DELETED, b"run/.hydra", directory=True) == [_path(b"run/.hydra/config.yaml")]
    assert _inputs(Change.MODIFIED, b"run/.hydra", directory=True) == []
    assert _hints(Change.CREATED, b"run/.hydra", directory=True) == []
