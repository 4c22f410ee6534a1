"""A training loop of one's own that keeps its best two checkpoints, each described by a metadata document.

    python examples/plain_torch/train.py --outputs outputs --epochs 20

The two lines that matter: `record` after a checkpoint is saved, `forget` after one is deleted.
"""  # noqa: INP001  # a program, not a package

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from ckpt_indexer import forget, record


class Spiral(nn.Module):
    """Tells two arms of a spiral apart."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.encoder.model_name = f"mlp_{width}"
        self.head = nn.Linear(width, 2)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (points, 2)."""
        return self.head(self.encoder(points))


def spiral(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return points of shape (count, 2) and the arm, 0 or 1, that each lies on."""
    generator = torch.Generator().manual_seed(seed)
    arm = torch.randint(0, 2, (count,), generator=generator)
    along = torch.rand(count, generator=generator)
    angle = 6 * along + torch.pi * arm
    noise = 0.02 * torch.randn(count, 2, generator=generator)
    return torch.stack([along * angle.cos(), along * angle.sin()], dim=1) + noise, arm


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batches: list[tuple[torch.Tensor, ...]]) -> None:
    """Take one optimizer step per batch."""
    for points, arm in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(points), arm).backward()
        optimizer.step()


@torch.no_grad()
def evaluate(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return loss and accuracy on points never trained on; `record` takes tensors as they are."""
    points, arm = spiral(200, seed=1)
    logits = model(points)
    return {
        "val/loss": nn.functional.cross_entropy(logits, arm),
        "val/accuracy": (logits.argmax(dim=1) == arm).float().mean(),
    }


def main() -> None:
    """Train, and keep the checkpoints with the lowest loss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outputs", type=Path, default=Path("outputs"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--keep", type=int, default=2)
    args = parser.parse_args()

    torch.manual_seed(0)
    model = Spiral(args.width)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    points, arm = spiral(512, seed=0)
    batches = list(zip(points.split(64), arm.split(64), strict=True))
    folder = args.outputs / "spiral" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    kept: dict[Path, float] = {}
    for epoch in range(args.epochs):
        train_epoch(model, optimizer, batches)
        step = (epoch + 1) * len(batches)
        metrics = evaluate(model)
        path = folder / f"epoch={epoch}.pt"
        torch.save({"epoch": epoch, "global_step": step, "model": model.state_dict()}, path)
        record(
            path,
            metrics=metrics,
            epoch=epoch,
            step=step,
            model=model,
            config=args,
            monitor="val/loss",
            mode="min",
            outputs_dir=args.outputs,
        )
        kept[path] = metrics["val/loss"].item()
        if len(kept) > args.keep:
            worst = max(kept, key=lambda one: kept[one])
            del kept[worst]
            worst.unlink()
            forget(worst)


if __name__ == "__main__":
    main()
