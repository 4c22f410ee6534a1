"""A tree of outputs as a text-detection group has it after a quarter: what the page is tested with and pictured from.

The files are real archives with holes for weights: they have the size that such models have, and take no room.
"""

from __future__ import annotations

import math
import os
import pickle
import random
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ckpt_indexer.sidecar.io import write_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARCHITECTURES = ("dbnet", "dbnetpp", "pan", "craft")
DECODERS = ("pan_decoder", "fpn_decoder", "unet")
DATASETS = ("receipts", "icdar2015", "totaltext")
BACKBONES = {
    "resnet18": (0.862, 47), "resnet34": (0.871, 88), "resnet50": (0.897, 102), "resnet101": (0.884, 178),
    "mobilenetv3_small_050": (0.824, 8), "mobilenetv3_large_100": (0.853, 22), "efficientnet_b0": (0.842, 21),
    "efficientnet_b3": (0.889, 49), "convnext_tiny": (0.921, 114), "swin_tiny": (0.928, 113),
    "swin_small": (0.914, 199), "pvt_v2_b2": (0.942, 101), "hrnet_w18": (0.878, 85), "regnety_016": (0.835, 45),
}  # fmt: skip
"""Backbone -> the hmean a run of it ends near, and megabytes of its weights."""
STEPS = 517
BEGAN = datetime(2026, 3, 2, 7, 40, tzinfo=UTC)


class Training(NamedTuple):
    """One training run of the tree."""

    number: int
    backbone: str
    architecture: str
    decoder: str
    dataset: str
    epochs: int

    @property
    def experiment(self) -> str:
        """Name of its directory."""
        return f"{self.architecture}-{self.backbone}-{self.decoder.removesuffix('_decoder')}-{self.begins:%Y%m%d}"

    @property
    def begins(self) -> datetime:
        """When it began: two or three runs a day."""
        return BEGAN + timedelta(hours=9.3 * self.number)

    @property
    def size_bytes(self) -> int:
        """Size of each of its files: weights, and twice as much of an optimizer."""
        return int(BACKBONES[self.backbone][1] * 1e6 * (1.9 + 0.05 * (self.number % 5)))


def trainings(count: int, epochs: int) -> Iterator[Training]:
    """Yield the runs of a tree."""
    names = list(BACKBONES)
    for number in range(count):
        yield Training(
            number, names[number % len(names)], ARCHITECTURES[number * 7 % 11 % 4], DECODERS[number * 5 % 7 % 3],
            DATASETS[number * 3 % 5 % 3], max(3, epochs - number % 4),
        )  # fmt: skip


def build(outputs: Path, *, runs: int = 24, epochs: int = 14) -> None:
    """Write the tree below `outputs`: every checkpoint with its document."""
    for training in trainings(runs, epochs):
        folder = outputs / training.experiment / "checkpoints"
        folder.mkdir(parents=True)
        for epoch, metrics in enumerate(measured(training)):
            save(folder / f"epoch={epoch}-step={(epoch + 1) * STEPS}.ckpt", training, epoch, metrics)


def measured(training: Training) -> list[dict[str, float]]:
    """Return what validation gave after each epoch: a curve that rises, with noise."""
    rng = random.Random(training.number)  # noqa: S311  # a tree repeats itself
    reach = BACKBONES[training.backbone][0] + rng.uniform(-0.03, 0.01)
    found = []
    for epoch in range(training.epochs):
        hmean = reach * (1 - 0.55 * math.exp(-(epoch + 1) / 2.4)) + rng.gauss(0, 0.006)
        lean = rng.uniform(-0.03, 0.03)
        precision, recall = min(0.995, hmean + lean), 0.0
        recall = min(0.995, hmean * precision / (2 * precision - hmean))
        found.append(
            {
                "hmean": 2 * precision * recall / (precision + recall), "precision": precision, "recall": recall,
                "validation_loss": 1.9 * math.exp(-(epoch + 1) / 4) + 0.62 - 0.5 * reach + rng.gauss(0, 0.01),
            }
        )  # fmt: skip
    return found


def save(path: Path, training: Training, epoch: int, metrics: dict[str, float]) -> None:
    """Write a checkpoint and the document beside it, as a training does: under another name first."""
    stamp = int((training.begins + timedelta(minutes=47 * (epoch + 1))).timestamp() * 1e9)
    arriving = path.with_name(f".{path.name}.tmp")
    write_archive(arriving, training, epoch)
    os.utime(arriving, ns=(stamp, stamp))
    write_document(document(path.name, training, epoch, metrics, arriving.stat()), path.with_suffix(".metadata.yaml"))
    arriving.rename(path)


def write_archive(path: Path, training: Training, epoch: int) -> None:
    """Write the archive torch.save writes for a Lightning checkpoint, with a hole where the weights would be."""
    state = {
        "epoch": epoch, "global_step": (epoch + 1) * STEPS, "pytorch-lightning_version": "2.5.5", "state_dict": {},
        "hyper_parameters": {"seed": 42 + training.number}, "loops": {}, "callbacks": {},
    }  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), pickle.dumps(state, protocol=2))
        archive.start_dir += training.size_bytes  # the next entry is written that much later
        for name, content in ((".format_version", b"1"), ("byteorder", b"little"), ("version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), content)


def document(
    name: str, training: Training, epoch: int, metrics: dict[str, float], stat: os.stat_result
) -> dict[str, Any]:  # Any: JSON values
    """Return the document of a checkpoint, as the callback writes it."""
    step = (epoch + 1) * STEPS
    more = {f"val/{key.replace('validation_loss', 'loss')}": value for key, value in metrics.items()}
    more |= {"cleval/hmean": metrics["hmean"] * 0.955, "val/iou": metrics["hmean"] * 0.83}
    return {
        "schema_version": "2.0",
        "file": {"name": name, "size_bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns},
        "exp_name": training.experiment,
        "created_at": datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(),
        "training": {"epoch": epoch, "global_step": step, "training_phase": "training", "max_epochs": training.epochs},
        "model": {
            "architecture": training.architecture,
            "encoder": {"model_name": training.backbone, "pretrained": True, "frozen": False},
            "decoder": {"name": training.decoder, "inner_channels": 256, "output_channels": 128},
            "head": {"name": "db_head", "in_channels": 128, "params": {"k": 50, "thresh": 0.3}},
            "loss": {"name": "db_loss", "params": {"alpha": 5.0, "beta": 10.0}},
        },
        "metrics": metrics | {"additional_metrics": more},
        "metrics_step": step,
        "checkpointing": {"monitor": "val/hmean", "mode": "max", "save_top_k": -1, "save_last": False},
        "dataset": {"name": training.dataset, "version": "3", "split": "val"},
        "params": {
            "lr": (1e-3, 3e-4, 1e-4)[training.number % 3], "batch_size": (16, 8)[training.number % 2],
            "optimizer": "adamw", "weight_decay": 0.01, "seed": 42 + training.number,
        },
        "saved_as": "top_k",
    }  # fmt: skip
