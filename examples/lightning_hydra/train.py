"""A Lightning training configured by Hydra: the metadata callback is one word in the defaults list.

    python examples/lightning_hydra/train.py trainer.max_epochs=5
    python examples/lightning_hydra/train.py -m model.width=8,16,32

`conf/callbacks/metadata.yaml` is a copy of `configs/callbacks/metadata.yaml`; `conf/train.yaml` lists it.
"""  # noqa: INP001  # a program, not a package

from __future__ import annotations

from typing import TYPE_CHECKING

import hydra
import lightning.pytorch as pl
import torch
from hydra.utils import instantiate
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

if TYPE_CHECKING:
    from omegaconf import DictConfig


class Spiral(pl.LightningModule):
    """Tells two arms of a spiral apart."""

    def __init__(self, width: int, lr: float, architecture_name: str) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.architecture_name = architecture_name
        self.encoder = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.encoder.model_name = f"mlp_{width}"
        self.head = nn.Linear(width, 2)
        self.lr = lr

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (points, 2)."""
        return self.head(self.encoder(points))

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Return the loss of one batch."""
        points, arm = batch
        return nn.functional.cross_entropy(self(points), arm)

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        """Log loss and accuracy."""
        points, arm = batch
        logits = self(points)
        self.log("val/loss", nn.functional.cross_entropy(logits, arm))
        self.log("val/accuracy", (logits.argmax(dim=1) == arm).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.lr)


def spiral(count: int, seed: int) -> DataLoader:
    """Return batches of points of shape (batch, 2) and the arm, 0 or 1, that each lies on."""
    generator = torch.Generator().manual_seed(seed)
    arm = torch.randint(0, 2, (count,), generator=generator)
    along = torch.rand(count, generator=generator)
    angle = 6 * along + torch.pi * arm
    return DataLoader(TensorDataset(torch.stack([along * angle.cos(), along * angle.sin()], dim=1), arm), batch_size=64)


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(config: DictConfig) -> None:
    """Build what the configuration names, and train it."""
    pl.seed_everything(config.seed)
    callbacks = [instantiate(one) for one in config.callbacks.values()]
    trainer = instantiate(config.trainer, callbacks=callbacks)
    trainer.fit(instantiate(config.model), spiral(512, seed=0), spiral(200, seed=1))


if __name__ == "__main__":
    main()
