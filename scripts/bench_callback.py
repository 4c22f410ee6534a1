"""What MetadataCallback costs a training: the same training with and without it, in turns, and what its hooks take.

    python scripts/bench_callback.py [--checkpoints 100] [--rounds 5] [--json]

Trains a small and a large model on the CPU (the large one has 1,000 times the parameters in 100 times the tensors),
saves after each step and rotates the checkpoint before. What the callback does on the training thread must not grow
with the model; a snapshot, which is everything but writing and removing the document, must take less than a millisecond
in the median.
"""

from __future__ import annotations

import logging
import time
import warnings
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
import torch
from _measure import Report, arguments, median, percentile, workspace
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ckpt_indexer.integrations.lightning import MetadataCallback

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckpt_indexer.integrations.lightning_session import Session

BUDGET_MS = 1.0
"""DESIGN 12, for the median snapshot."""
GROWTH = 2.0
"""How many times what the small model takes the large one may: equal, but for noise and for caches that saving a
thousand times the bytes leaves cold."""
MODELS = {"small": (2, 16), "large": (200, 160)}
"""Name -> number of layers and their width."""


class Layers(pl.LightningModule):  # type: ignore[misc]  # Lightning is skipped by mypy, so its classes are Any
    """As many linear layers as asked, that log a dozen metrics."""

    architecture_name = "dbnet"

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))
        self.encoder.requires_grad_(requires_grad=False)
        self.head = nn.Linear(width, 1)
        self.criterion = nn.MSELoss()

    def training_step(self, batch: Any, _: int) -> Any:  # noqa: ANN401  # Lightning's hook; a tensor
        """Log what a training logs."""
        loss = self.criterion(self.head(batch[0]), batch[1])
        self.log_dict({f"train/{number}": loss + number for number in range(12)})
        return loss

    def configure_optimizers(self) -> Any:  # noqa: ANN401  # Lightning's hook; an optimizer
        """Only the head is trained: a step should cost little beside a save."""
        return torch.optim.SGD(self.head.parameters(), lr=0.01)


class Stopwatch(pl.Callback):  # type: ignore[misc]  # Lightning is skipped by mypy, so its classes are Any
    """Measures what the hooks of the metadata callback take on the training thread, in milliseconds."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {"learn": [], "announce": [], "settle": [], "removed": []}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002  # Lightning's hook
        """Put a clock around the methods of the session that the hooks were installed for just now."""
        session: Session = vars(trainer.strategy)["save_checkpoint"].session
        for name, taken in self.taken.items():
            setattr(session, name, _timed(getattr(session, name), taken))

    @property
    def each_save(self) -> list[float]:
        """All that one save and the rotation that follows it wait for; the first rotates nothing."""
        parts = (self.taken["announce"][1:], self.taken["settle"][1:], self.taken["removed"])
        return [sum(times) for times in zip(*parts, strict=True)]


def _timed(call: Callable[..., Any], taken: list[float]) -> Callable[..., Any]:
    def timed(*given: Any, **more: Any) -> Any:  # noqa: ANN401  # whatever the method takes and returns
        began = time.perf_counter()
        answer = call(*given, **more)
        taken.append((time.perf_counter() - began) * 1000)
        return answer

    return timed


def fit(place: Path, shape: tuple[int, int], saves: int, *callbacks: pl.Callback) -> float:
    """Train for as many steps as there are saves; return how many milliseconds each took."""
    depth, width = shape
    batches = DataLoader(TensorDataset(torch.zeros(saves, width), torch.zeros(saves, 1)), batch_size=1)
    keeper = ModelCheckpoint(dirpath=place, every_n_train_steps=1, save_top_k=1, save_weights_only=True)
    trainer = pl.Trainer(
        callbacks=[*callbacks, keeper],
        accelerator="cpu",
        max_steps=saves,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=place,
    )
    model = Layers(depth, width)
    began = time.perf_counter()
    trainer.fit(model, batches)
    return (time.perf_counter() - began) / saves * 1000


def measure(work: Path, saves: int, rounds: int) -> Report:
    """Return the cost of one save with and without the callback, and of its parts, for both models."""
    report = Report("callback", {"saves in each training": saves, "rounds": rounds})
    snapshot: dict[str, float] = {}
    whole: dict[str, float] = {}
    for name, shape in MODELS.items():
        without: list[float] = []
        having: list[float] = []
        clocks = [Stopwatch() for _ in range(rounds)]
        for turn, clock in enumerate(clocks):
            without.append(fit(work / f"{name}-{turn}-without", shape, saves))
            having.append(fit(work / f"{name}-{turn}-with", shape, saves, MetadataCallback(outputs_dir=work), clock))
        snapshots = [taken for clock in clocks for taken in clock.taken["announce"][1:]]
        each = [taken for clock in clocks for taken in clock.each_save]
        snapshot[name], whole[name] = median(snapshots), median(each)
        report.figures |= {
            f"{name} model: parameters": sum(one.numel() for one in Layers(*shape).parameters()),
            f"{name} model: step and save without, ms": median(without),
            f"{name} model: step and save with, ms": median(having),
            f"{name} model: snapshot p99, ms": percentile(snapshots, 0.99),
            f"{name} model: snapshot, writing, removing, median, ms": whole[name],
            f"{name} model: snapshot, writing, removing, p99, ms": percentile(each, 0.99),
            f"{name} model: asked once for each training, ms": median([clock.taken["learn"][0] for clock in clocks]),
        }
        report.at_most(f"{name} model: snapshot median, ms", snapshot[name], BUDGET_MS)
    report.at_most("snapshot median, large / small", snapshot["large"] / snapshot["small"], GROWTH)
    report.at_most("snapshot, writing, removing, large / small", whole["large"] / whole["small"], GROWTH)
    return report


def main() -> None:
    """Measure and print."""
    options = arguments(MetadataCallback.__name__, checkpoints=100).parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    with workspace(options.work) as work:
        measure(work, options.checkpoints, options.rounds).show(as_json=options.json)


if __name__ == "__main__":
    main()
