"""Train three tiny text detectors for real, and save what a training saves: checkpoints with a document beside each.

    python scripts/demo_train.py demo/outputs --measured demo/measured.json

The checkpoints have the shape Lightning gives them; the documents are written with `ckpt_indexer.save_metadata`.
`measured.json` holds what this process measured itself, so that the catalog's answer can be held against it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from demo_models import BACKBONES, Detector, db_loss
from demo_text import pages
from torch import Tensor

from ckpt_indexer import save_metadata

MONITOR = "val/hmean"


@dataclass(frozen=True, slots=True)
class Plan:
    """How one backbone is trained."""

    backbone: str
    epochs: int = 4
    train_pages: int = 320
    val_pages: int = 48
    batch_size: int = 8
    lr: float = 4e-3
    weight_decay: float = 1e-4
    seed: int = 7

    @property
    def experiment(self) -> str:
        """Name of the directory the run writes into."""
        return f"dbnet-{self.backbone}-demo"


@dataclass(frozen=True, slots=True)
class Scores:
    """What one pass over the held-out pages gave, pixel by pixel."""

    precision: float
    recall: float
    hmean: float
    loss: float

    @classmethod
    def measure(cls, model: Detector, images: Tensor, masks: Tensor) -> Scores:
        """Return how well the model's text pixels agree with the mask."""
        model.eval()
        with torch.no_grad():
            probability, threshold = model(images)
            loss = float(db_loss(probability, threshold, masks, **LOSS))
        found, truth = probability > threshold, masks > 0
        hits = int((found & truth).sum())
        precision = hits / max(1, int(found.sum()))
        recall = hits / max(1, int(truth.sum()))
        hmean = 2 * precision * recall / (precision + recall) if hits else 0.0
        return cls(precision, recall, hmean, loss)


LOSS = {"alpha": 1.0, "beta": 10.0}


def train(plan: Plan, outputs: Path) -> list[dict[str, Any]]:  # Any: JSON values
    """Train one backbone, saving a checkpoint and its document after every epoch; return what was measured."""
    torch.manual_seed(plan.seed)
    images, masks = pages(plan.train_pages, plan.seed)
    held_out = pages(plan.val_pages, plan.seed + 1000)
    model = Detector(plan.backbone)
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.lr, weight_decay=plan.weight_decay)
    directory = outputs / plan.experiment / "checkpoints"
    directory.mkdir(parents=True)
    step, measured, best = 0, [], 0.0
    for epoch in range(plan.epochs):
        model.train()
        for batch in torch.randperm(plan.train_pages).split(plan.batch_size):
            optimizer.zero_grad()
            probability, threshold = model(images[batch])
            db_loss(probability, threshold, masks[batch], **LOSS).backward()
            optimizer.step()
            step += 1
        scores = Scores.measure(model, *held_out)
        best = max(best, scores.hmean)
        path = directory / f"epoch={epoch}-step={step}.ckpt"
        save_checkpoint(path, plan, model, optimizer, epoch=epoch, step=step, best=best, score=scores.hmean)
        save_metadata(document(path, outputs, plan, model, scores, epoch=epoch, step=step), path)
        measured.append({"path": path.relative_to(outputs).as_posix(), "backbone": plan.backbone, **asdict(scores)})
        print(f"{plan.backbone:<22} epoch {epoch}  hmean {scores.hmean:.4f}  loss {scores.loss:.3f}", flush=True)
    return measured


def save_checkpoint(
    path: Path, plan: Plan, model: Detector, optimizer: torch.optim.Optimizer, *, epoch: int, step: int, best: float,
    score: float,
) -> None:  # fmt: skip
    """Write the checkpoint whole: under a temporary name first, then renamed, as trainers do."""
    state = {
        "epoch": epoch,
        "global_step": step,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"model.{name}": value for name, value in model.state_dict().items()},
        "callbacks": {
            f"ModelCheckpoint{{'monitor': '{MONITOR}', 'mode': 'max', 'every_n_epochs': 1}}": {
                "monitor": MONITOR,
                "best_model_score": torch.tensor(best),
                "current_score": torch.tensor(score),
                "dirpath": path.parent.name,
            }
        },
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": asdict(plan),
    }
    temporary = path.with_name(path.name + ".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)  # one system call, atomic


def document(
    path: Path, outputs: Path, plan: Plan, model: Detector, scores: Scores, *, epoch: int, step: int
) -> dict[str, Any]:  # Any: JSON values
    """Return the document that says what the checkpoint is, schema 2.0."""
    values = {"val/precision": scores.precision, "val/recall": scores.recall, "val/hmean": scores.hmean}
    return {
        "schema_version": "2.0",
        "checkpoint_path": path.relative_to(outputs).as_posix(),
        "exp_name": plan.experiment,
        "created_at": datetime.now(UTC).isoformat(),
        "training": {
            "epoch": epoch, "global_step": step, "training_phase": "training", "max_epochs": plan.epochs,
        },
        "model": {
            "architecture": "dbnet",
            "encoder": {"model_name": plan.backbone, "pretrained": False, "frozen": False},
            "decoder": {
                "name": "fpn_decoder", "in_channels": model.encoder.channels, "inner_channels": 16,
                "output_channels": 16,
            },
            "head": {"name": "db_head", "in_channels": 16},
            "loss": {"name": "db_loss", "params": LOSS},
            "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
        },
        "metrics": {
            "precision": scores.precision,
            "recall": scores.recall,
            "hmean": scores.hmean,
            "validation_loss": scores.loss,
            "additional_metrics": {**values, "val/loss": scores.loss},
            "directions": {**dict.fromkeys(values, "max"), "val/loss": "min"},
        },
        "metrics_step": step,
        "checkpointing": {"monitor": MONITOR, "mode": "max", "save_top_k": -1, "save_last": False},
        "dataset": {"name": "synthetic-words", "version": str(plan.seed), "split": "val"},
        "params": {"lr": plan.lr, "weight_decay": plan.weight_decay, "batch_size": plan.batch_size, "seed": plan.seed},
        "environment": {"torch": torch.__version__},
        "saved_as": "top_k",
    }  # fmt: skip


def main() -> None:
    """Train every backbone and write down what was measured."""
    parser = argparse.ArgumentParser(description="Train three tiny text detectors.")
    parser.add_argument("outputs", type=Path, help="directory the runs write into")
    parser.add_argument("--measured", type=Path, required=True, help="file for the measured results, JSON")
    options = parser.parse_args()
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    began = time.monotonic()
    measured: list[dict[str, Any]] = []  # Any: JSON values
    for backbone in BACKBONES:
        measured += train(Plan(backbone), options.outputs)
    options.measured.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(f"trained {len(BACKBONES)} models, {len(measured)} checkpoints, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
