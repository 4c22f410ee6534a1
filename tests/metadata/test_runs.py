from __future__ import annotations

import pytest

from ckpt_indexer.metadata.runs import place_of, rebased, split_path

TABLE = [
    # the directory above the container
    ("dbnet-r18/checkpoints/best.ckpt", "dbnet-r18", "dbnet-r18"),
    ("a/b/dbnet-r18/checkpoints/best.ckpt", "a/b/dbnet-r18", "dbnet-r18"),
    ("dbnet-r18/Checkpoints/best.ckpt", "dbnet-r18", "dbnet-r18"),
    ("detect/train3/weights/best.pt", "detect/train3", "train3"),
    ("run/checkpoints/weights/best.pt", "run", "run"),
    ("run/checkpoint/best.pt", "run", "run"),
    ("run/checkpoints/fold1/best.ckpt", "run", "run"),
    # no container: the checkpoint's own directory
    ("dbnet-r18/best.ckpt", "dbnet-r18", "dbnet-r18"),
    ("a/b/best.pth.tar", "a/b", "b"),
    # a container on top is a shelf of runs
    ("checkpoints/expA/best.ckpt", "checkpoints/expA", "expA"),
    ("outputs/checkpoints/expA/best.ckpt", "outputs/checkpoints/expA", "expA"),
    # nothing above: the root
    ("best.ckpt", ".", "root"),
    ("checkpoints/best.ckpt", ".", "root"),
    # Lightning's loggers count versions
    ("lightning_logs/version_3/checkpoints/x.ckpt", "lightning_logs/version_3", "root"),
    ("dbnet/lightning_logs/version_0/checkpoints/x.ckpt", "dbnet/lightning_logs/version_0", "dbnet"),
    ("tb_logs/dbnet/version_0/checkpoints/x.ckpt", "tb_logs/dbnet/version_0", "dbnet"),
    # Hydra: date and time belong together, the number of a multirun job is no name
    ("outputs/2025-10-18/14-32-15/checkpoints/x.ckpt", "outputs/2025-10-18/14-32-15", "2025-10-18/14-32-15"),
    ("2025-10-18/14-32-15/checkpoints/x.ckpt", "2025-10-18/14-32-15", "2025-10-18/14-32-15"),
    ("multirun/2025-10-18/14-32-15/0/checkpoints/x.ckpt", "multirun/2025-10-18/14-32-15/0", "2025-10-18/14-32-15"),
    ("multirun/2025-10-18/14-32-15/11/x.ckpt", "multirun/2025-10-18/14-32-15/11", "2025-10-18/14-32-15"),
    (
        "outputs/2025-10-18/14-32-15/lightning_logs/version_0/checkpoints/x.ckpt",
        "outputs/2025-10-18/14-32-15/lightning_logs/version_0",
        "2025-10-18/14-32-15",
    ),
    ("outputs/dbnet/checkpoints/x.ckpt", "outputs/dbnet", "dbnet"),
    ("14-32-15/checkpoints/x.ckpt", "14-32-15", "14-32-15"),
    # an index directory is a name when there is no better one
    ("17/checkpoints/x.ckpt", "17", "17"),
    ("outputs/17/checkpoints/x.ckpt", "outputs/17", "17"),
    ("dbnet/17/checkpoints/x.ckpt", "dbnet/17", "dbnet"),
    ("4/17/checkpoints/x.ckpt", "4/17", "17"),
    # directories made by a name template, or by a step, belong to the checkpoint
    ("run/checkpoints/epoch=3-val/loss=0.25.ckpt", "run", "run"),
    ("run/epoch=3-val/loss=0.25.ckpt", "run", "run"),
    ("run/checkpoints/val/loss=0.25.ckpt", "run", "run"),
    ("run/checkpoints/epoch=3-val/loss=0.25-val/hmean=0.8.ckpt", "run", "run"),
    ("sweep/epoch=3,lr=0.1/checkpoints/x.ckpt", "sweep/epoch=3,lr=0.1", "epoch=3,lr=0.1"),
    ("sweep/max_epoch=3/checkpoints/x.ckpt", "sweep/max_epoch=3", "max_epoch=3"),
    ("run/checkpoint-500", "run", "run"),
    ("run/checkpoint-500/model.safetensors", "run", "run"),
    ("run/checkpoints/checkpoint_3/model.safetensors", "run", "run"),
    ("run/global_step1000/mp_rank_00_model_states.pt", "run", "run"),
    ("checkpoint-500", ".", "root"),
]


@pytest.mark.parametrize(("path", "run_dir", "experiment"), TABLE)
def test_a_path_tells_run_and_experiment(path: str, run_dir: str, experiment: str) -> None:
    assert place_of(path.encode(), "root") == (run_dir, experiment)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/lightning_logs/version_0/checkpoints/x.ckpt", "b/lightning_logs/version_0/checkpoints/x.ckpt"),
        ("multirun/2025-10-18/14-32-15/0/x.ckpt", "multirun/2025-10-19/14-32-15/0/x.ckpt"),
        ("multirun/2025-10-18/14-32-15/0/x.ckpt", "multirun/2025-10-18/14-32-15/1/x.ckpt"),
    ],
)
def test_runs_with_the_same_counter_never_collide(one: str, other: str) -> None:
    assert place_of(one.encode(), "root").run_dir != place_of(other.encode(), "root").run_dir


def test_undecodable_names_are_shown() -> None:
    assert place_of(b"exp\xff/checkpoints/x.ckpt", "root") == (r"exp\xff", r"exp\xff")


def test_run_and_template_leave_out_the_container() -> None:
    split = split_path(b"run/checkpoints/epoch=3-val/loss=0.25.ckpt")
    assert split == ((b"run",), (b"epoch=3-val", b"loss=0.25.ckpt"))


@pytest.mark.parametrize(
    ("run_dir", "said_path", "ours"),
    [
        ("exp", "exp/checkpoints/best.ckpt", "exp"),
        ("proj/exp", "proj/exp/checkpoints/best.ckpt", "exp"),
        ("proj", "proj/exp/checkpoints/best.ckpt", "."),
        (".", "proj/exp/checkpoints/best.ckpt", None),
        ("elsewhere", "proj/exp/checkpoints/best.ckpt", None),
        (".", "checkpoints/best.ckpt", "exp"),
        (".", "best.ckpt", "exp"),
        ("checkpoints", "checkpoints/best.ckpt", "exp/checkpoints"),
        ("old", "old/checkpoints/best.ckpt", "old"),
        ("est.ckpt", "est.ckpt", "est.ckpt"),
    ],
)
def test_a_run_directory_said_of_another_root_is_taken_to_ours(run_dir: str, said_path: str, ours: str | None) -> None:
    assert rebased(run_dir, said_path, "exp/checkpoints/best.ckpt") == ours
