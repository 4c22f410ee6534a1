"""Train three tiny text detectors for real, with Lightning and the metadata callback, as any training would.

    python scripts/demo_train.py demo/outputs --measured demo/measured.json

What the catalog needs is one word in the list of callbacks: `MetadataCallback`. `measured.json` holds what this process
measured itself, so that the catalog's answer can be held against it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
import warnings
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from demo_models import BACKBONES, Detector, db_loss
from demo_text import pages
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from ckpt_indexer.integrations.lightning import MetadataCallback

MONITOR = "val/hmean"


@dataclass(frozen=True, slots=True)
class Plan:
    """How one backbone is trained."""

    backbone: str
    dataset: str = "synthetic-words"
    epochs: int = 4
    train_pages: int = 320
    val_pages: int = 48
    batch_size: int = 8
    lr: float = 4e-3
    weight_decay: float = 1e-4
    seed: int = 5

    @property
    def experiment(self) -> str:
        """Name of the directory the run writes into."""
        return f"dbnet-{self.backbone}-demo"


class Training(pl.LightningModule):  # type: ignore[misc]  # Lightning is skipped by mypy, so its classes are Any
    """Trains one detector, and keeps what it measured."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.save_hyperparameters(asdict(plan))
        self.plan = plan
        self.model = Detector(plan.backbone)
        self.loss = partial(db_loss, alpha=1.0, beta=10.0)
        self.measured: list[dict[str, Any]] = []  # Any: JSON values

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """Return the loss of one batch of pages."""
        images, masks = batch
        probability, threshold = self.model(images)
        loss: Tensor = self.loss(probability, threshold, masks)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        """Log how well the model's text pixels agree with the mask; all held-out pages are one batch."""
        images, masks = batch
        probability, threshold = self.model(images)
        found, truth = probability > threshold, masks > 0
        hits = (found & truth).sum()
        precision, recall = hits / found.sum().clamp(min=1), hits / truth.sum().clamp(min=1)
        hmean = 2 * precision * recall / (precision + recall).clamp(min=1e-9)
        scores = {
            "precision": precision,
            "recall": recall,
            "hmean": hmean,
            "loss": self.loss(probability, threshold, masks),
        }
        self.log_dict({f"val/{name}": score for name, score in scores.items()}, batch_size=1)
        self.measured.append(
            {
                "epoch": self.current_epoch,
                "step": self.global_step,
                **{name: float(one) for name, one in scores.items()},
            }
        )

    def on_validation_end(self) -> None:
        """Tell whoever waits how it goes."""
        last = self.measured[-1]
        scores = f"hmean {last['hmean']:.4f}  loss {last['loss']:.3f}"
        print(f"{self.plan.backbone:<22} epoch {last['epoch']}  {scores}", flush=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW."""
        return torch.optim.AdamW(self.parameters(), lr=self.plan.lr, weight_decay=self.plan.weight_decay)


def train(plan: Plan, outputs: Path) -> list[dict[str, Any]]:  # Any: JSON values
    """Train one backbone, keeping a checkpoint of every epoch; return what was measured, a mapping for each."""
    torch.manual_seed(plan.seed)
    keeper = ModelCheckpoint(outputs / plan.experiment / "checkpoints", monitor=MONITOR, mode="max", save_top_k=-1)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=plan.epochs,
        callbacks=[MetadataCallback(outputs_dir=outputs), keeper],
        logger=False,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Training(plan)
    pages_of_training = TensorDataset(*pages(plan.train_pages, plan.seed))
    held_out = TensorDataset(*pages(plan.val_pages, plan.seed + 1000))
    trainer.fit(
        module,
        DataLoader(pages_of_training, batch_size=plan.batch_size, shuffle=True),
        DataLoader(held_out, batch_size=plan.val_pages),
    )
    return [{"path": _path(outputs, keeper, scores), "backbone": plan.backbone, **scores} for scores in module.measured]


def _path(outputs: Path, keeper: ModelCheckpoint, scores: dict[str, Any]) -> str:  # Any: JSON values
    """Return the path below outputs of the checkpoint that Lightning's own record says was saved after this epoch."""
    name = f"epoch={scores['epoch']}-step={scores['step']}.ckpt"
    (path,) = (Path(path) for path in keeper.best_k_models if Path(path).name == name)
    if float(keeper.best_k_models[str(path)]) != scores["hmean"]:
        raise ValueError(f"Lightning's record of {path} is not what was measured")
    return path.relative_to(outputs.resolve()).as_posix()


def main() -> None:
    """Train every backbone and write down what was measured."""
    parser = argparse.ArgumentParser(description="Train three tiny text detectors.")
    parser.add_argument("outputs", type=Path, help="directory the runs write into")
    parser.add_argument("--measured", type=Path, required=True, help="file for the measured results, JSON")
    options = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # its hints are about larger trainings than these
    warnings.filterwarnings("ignore", module="lightning")
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    began = time.monotonic()
    measured: list[dict[str, Any]] = []  # Any: JSON values
    for backbone in BACKBONES:
        measured += train(Plan(backbone), options.outputs)
    options.measured.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(f"trained {len(BACKBONES)} models, {len(measured)} checkpoints, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
