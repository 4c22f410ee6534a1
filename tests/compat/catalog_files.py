"""Experiments as the replaced package's users have them: checkpoints, documents, configurations."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch
import yaml

from ckpt_indexer.compat import (
    CheckpointingConfig,
    CheckpointMetadataV1,
    DecoderInfo,
    EncoderInfo,
    HeadInfo,
    LossInfo,
    MetricsInfo,
    ModelInfo,
    TrainingInfo,
    save_metadata,
)

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO = 1_760_000_000
CLEVAL = {"hmean": 0.85, "precision": 0.88, "recall": 0.82}


def metadata(path: Path | str = "exp/checkpoints/best.ckpt", *, epoch: int = 10, **metrics: float | None) -> Any:
    values = {"hmean": 0.85, "precision": 0.88, "recall": 0.82, "validation_loss": 0.15, **metrics}
    return CheckpointMetadataV1(
        checkpoint_path=str(path),
        exp_name="test_exp",
        created_at="2025-10-18T14:32:15",
        training=TrainingInfo(epoch=epoch, global_step=epoch * 100, max_epochs=20),
        model=ModelInfo(
            architecture="dbnet",
            encoder=EncoderInfo(model_name="resnet50"),
            decoder=DecoderInfo(name="fpn_decoder"),
            head=HeadInfo(name="db_head"),
            loss=LossInfo(name="db_loss"),
        ),
        metrics=MetricsInfo.model_validate(values),
        checkpointing=CheckpointingConfig(monitor="val/hmean", mode="max", save_top_k=3),
    )


def place(outputs: Path, name: str, experiment: str = "test_exp") -> Path:
    """Return the path of a checkpoint of an experiment; its directory is there."""
    path = outputs / experiment / "checkpoints" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def described(path: Path, *, epoch: int = 10, **metrics: float | None) -> Path:
    """Make an empty checkpoint with a document, as tests of the replaced package do."""
    path.touch()
    save_metadata(metadata(path, epoch=epoch, **metrics), path)
    return path


def saved(path: Path, **more: Any) -> Path:
    """Make a checkpoint with torch."""
    torch.save({"epoch": 5, "global_step": 500, "state_dict": {"a.weight": torch.zeros(2, 3)}, **more}, path)
    return path


def configured(outputs: Path, experiment: str = "test_exp", **more: Any) -> Path:
    """Write the Hydra configuration of an experiment."""
    path = outputs / experiment / ".hydra" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    model = {"architecture": "dbnet", "encoder": {"model_name": "resnet50"}, "decoder": {"name": "fpn_decoder"}}
    path.write_text(yaml.safe_dump({"model": model, "trainer": {"max_epochs": 20}, **more}), encoding="utf-8")
    return path


def settled(directory: Path) -> None:
    """Make everything below a directory look as if it had been there for long."""
    for path in [directory, *directory.rglob("*")]:
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


def tree(directory: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return everything below a directory: mode, mtime, content."""
    return {
        str(path.relative_to(directory)): (
            path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"",
        )
        for path in directory.rglob("*")
    }  # fmt: skip
