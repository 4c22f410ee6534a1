from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.sources.around import Around, ancestors
from ckpt_indexer.sources.input_names import is_input
from ckpt_indexer.sources.trainer.places import MAX_LOGS, logs_of, state_within

if TYPE_CHECKING:
    from pathlib import Path


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def found(root: Path, directory: str) -> list[tuple[str, int, str]]:
    logs = logs_of(Around(), os.fsencode(root), os.fsencode(directory))
    return [(log.kind, log.level, os.fsdecode(log.place[0])) for log in logs]


@pytest.mark.parametrize(
    ("directory", "name", "kind", "level"),
    [
        ("run/checkpoints", "run/metrics.csv", "lightning", 1),
        ("run/checkpoints", "run/checkpoints/metrics.csv", "lightning", 0),
        ("run/checkpoints", "run/lightning_logs/version_0/metrics.csv", "lightning", 1),
        ("run/checkpoints", "run/csv/version_0/metrics.csv", "lightning", 1),
        ("run/checkpoints", "run/logs/lightning_logs/version_0/metrics.csv", "lightning", 1),
        ("run/checkpoints", "run/tensorboard/events.out.tfevents.1.h.1.0", "tensorboard", 1),
        ("run/checkpoints", "run/tensorboard/version_0/events.out.tfevents.1.h.1.0", "tensorboard", 1),
        ("a/lightning_logs/version_0/checkpoints", "a/lightning_logs/version_0/metrics.csv", "lightning", 1),
        ("a/lightning_logs/version_0/checkpoints", "a/csv_logs/version_0/metrics.csv", "lightning", 1),
        ("a/name/version_0/checkpoints", "a/name/version_0/metrics.csv", "lightning", 1),
        ("run", "run/summary.csv", "timm", 0),
        ("run", "run/args.yaml", "arguments", 0),
        ("run/weights", "run/results.csv", "ultralytics", 1),
        ("run/weights", "run/args.yaml", "arguments", 1),
        ("work", "work/20250101_101010/vis_data/scalars.json", "mmengine", 0),
        ("run", "run/trainer_state.json", "hf_beside", 0),
        ("", "metrics.csv", "lightning", 0),
        ("checkpoints", "lightning_logs/version_0/metrics.csv", "lightning", 1),
    ],
)
def test_logs_are_found_where_their_trainers_put_them(
    tmp_path: Path, directory: str, name: str, kind: str, level: int
) -> None:
    (tmp_path / directory).mkdir(parents=True, exist_ok=True)
    write(tmp_path, name)
    assert found(tmp_path, directory) == [(kind, level, name)]
    concerned = is_input(os.fsencode(name))
    assert concerned is not None
    assert concerned in ancestors(os.fsencode(directory))


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("a/lightning_logs/version_0/checkpoints", "a/lightning_logs/version_1/metrics.csv"),
        ("a/lightning_logs/version_0/checkpoints", "a/csv_logs/version_1/metrics.csv"),
        ("a/lightning_logs/version_0/checkpoints", "a/metrics.csv"),
        ("runs/one", "runs/two/metrics.csv"),
        ("runs/one", "runs/metrics.csv"),
        ("run/checkpoints", "run/logs/args.yaml"),
        ("run", "run/20250101_101010/scalars.json"),
    ],
)
def test_another_run_s_logs_are_not(tmp_path: Path, directory: str, name: str) -> None:
    (tmp_path / directory).mkdir(parents=True, exist_ok=True)
    write(tmp_path, name)
    assert found(tmp_path, directory) == []


def test_nearer_logs_come_first_and_newer_versions_before_older(tmp_path: Path) -> None:
    names = ["run/lightning_logs/version_2/metrics.csv", "run/lightning_logs/version_10/metrics.csv"]
    write(tmp_path, *names, "run/checkpoints/metrics.csv", "run/metrics.csv")
    assert [name for _, _, name in found(tmp_path, "run/checkpoints")] == [
        "run/checkpoints/metrics.csv",
        "run/metrics.csv",
        "run/lightning_logs/version_10/metrics.csv",
        "run/lightning_logs/version_2/metrics.csv",
    ]


def test_the_number_of_logs_is_bounded(tmp_path: Path) -> None:
    write(tmp_path, *(f"run/lightning_logs/version_{number}/metrics.csv" for number in range(50)))
    names = [name for _, _, name in found(tmp_path, "run")]
    assert len(names) == MAX_LOGS
    assert names[0] == "run/lightning_logs/version_49/metrics.csv"


def test_only_a_step_s_directory_holds_a_state_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, "out/checkpoint-5/trainer_state.json", "out/trainer_state.json")
    root = os.fsencode(tmp_path)
    own, whole = state_within(root, b"out/checkpoint-5"), state_within(root, b"out")
    assert own is not None
    assert whole is not None
    assert (own.kind, whole.kind) == ("hf", "hf_beside")
    assert state_within(root, b"absent") is None
