from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.sources.input_names import is_input, without_shelves


@pytest.mark.parametrize(
    ("path", "directory"),
    [
        (b"a/b/.hydra/config.yaml", b"a/b"),
        (b"a/b/.hydra/overrides.yaml", b"a/b"),
        (b".hydra/hydra.yaml", b""),
        (b"a/metrics.csv", b"a"),
        (b"metrics.csv", b""),
        (b"a/lightning_logs/version_0/metrics.csv", b"a"),
        (b"a/logs/lightning_logs/version_12/metrics.csv", b"a"),
        (b"a/csv/version_0/metrics.csv", b"a"),
        (b"a/my_name/version_0/metrics.csv", b"a/my_name/version_0"),
        (b"lightning_logs/version_0/metrics.csv", b""),
        (b"a/tensorboard/events.out.tfevents.17.host.1.0", b"a"),
        (b"a/tensorboard/version_0/events.out.tfevents.17.host.1.0", b"a"),
        (b"a/hparams.yaml", b"a"),
        (b"a/lightning_logs/version_0/hparams.yaml", b"a/lightning_logs/version_0"),
        (b"a/config.yaml", b"a"),
        (b"a/best.config.yaml", b"a"),
        (b"a/best.config.yml", b"a"),
        (b"a/best.resolved.config.json", b"a"),
        (b"a/args.yaml", b"a"),
        (b"a/summary.csv", b"a"),
        (b"a/results.csv", b"a"),
        (b"a/trainer_state.json", b"a"),
        (b"a/checkpoint-500/trainer_state.json", b"a/checkpoint-500"),
        (b"a/20250101_1010/vis_data/scalars.json", b"a"),
        (b"a/20250101_101010/vis_data/scalars.json", b"a"),
        (b"a/b/wandb/run-20250101_101010-abc/files/config.yaml", b"a/b"),
        (b"a/b/wandb/run-x/files/wandb-summary.json", b"a/b"),
        (b"a/b/wandb/offline-run-x/run-x.wandb", b"a/b"),
        (b"wandb/run-x/run-x.wandb", b""),
    ],
)
def test_a_file_that_is_read_names_the_directory_it_concerns(path: bytes, directory: bytes) -> None:
    assert is_input(path) == directory


@pytest.mark.parametrize(
    "path",
    [
        b"a/best.ckpt",
        b"a/best.metadata.yaml",
        b"a/metrics.csv.tmp",
        b"a/.hydra/metrics.yaml",
        b"a/.hydra/metrics.csv",
        b"a/.best.config.yaml",
        b"a/vis_data/scalars.json",
        b"a/b/scalars.json",
        b"a/20250101/vis_data/scalars.json",
        b"a/run-x/run-x.wandb",
        b"a/wandb/latest/run-x.wandb",
        b"a/wandb/run-x/files/output.log",
        b"a/hydra.yaml",
        b"overrides.yaml",
        b"",
    ],
)
def test_other_files_are_none_of_ours(path: bytes) -> None:
    assert is_input(path) is None


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from([b"a", b"logs", b"version_1", b"csv", b"runs", b"wandb", b".hydra"]), max_size=6))
def test_the_directory_is_always_the_file_s_own_or_one_above_it(parts: list[bytes]) -> None:
    for name in (b"metrics.csv", b"config.yaml", b"x.wandb", b"hparams.yaml"):
        directory = b"/".join(parts)
        concerned = is_input(directory + b"/" + name if parts else name)
        assert concerned is None or directory == concerned or directory.startswith(concerned + b"/") or concerned == b""


def test_a_version_without_a_shelf_is_a_run_of_its_own() -> None:
    assert without_shelves(b"a/name/version_3") == b"a/name/version_3"
    assert without_shelves(b"a/logs/version_3") == b"a"
    assert without_shelves(b"a") == b"a"
