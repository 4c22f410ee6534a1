"""Real, tiny trainings with Lightning, and what must hold on disk after any of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
import pytest
import torch
import yaml
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ckpt_indexer.candidate import Candidate, Fingerprint, Kind
from ckpt_indexer.integrations.lightning import MetadataCallback
from ckpt_indexer.metadata.document import MetadataV2
from ckpt_indexer.metadata.record import Finding, SidecarState
from ckpt_indexer.sidecar.loading import parse_inline
from ckpt_indexer.sources.base import Said
from ckpt_indexer.sources.sidecar import SidecarSource

if TYPE_CHECKING:
    from pathlib import Path

QUIET = (
    "ignore:The '.*_dataloader' does not have many workers",
    "ignore:The number of training batches",
    "ignore:Checkpoint directory .* exists and is not empty",
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning",
    "ignore:You are using `torch.load` with `weights_only=False`",
    "ignore:`max_epochs` was not set",
    "ignore:Starting from v1.9.0, `tensorboardX` has been removed",
    "ignore:.*does not have any configured optimizers",
    "ignore:Found .* module.s. in eval mode",
    "ignore:.*was called without a model. The last model",
    "ignore:.*is set, but there is no last checkpoint available",
)
"""What Lightning warns about in so small a training; each test module marks itself with these."""
quiet = [pytest.mark.filterwarnings(warning) for warning in QUIET]
BATCHES = 4


class TinyModel(pl.LightningModule):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Returns scores that rise and fall, and remembers what validation returned at which step."""

    architecture_name = "dbnet"

    def __init__(
        self,
        lr: float = 0.1,  # noqa: ARG002  # saved as a hyper-parameter, and so are the scores
        scores: tuple[float, ...] = (0.3, 0.9, 0.5, 0.7, 0.2, 0.8),  # noqa: ARG002
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Linear(4, 3)
        self.encoder.model_name = "resnet18"
        self.head = nn.Linear(3, 1)
        self.criterion = nn.MSELoss()
        self.returned: dict[int, dict[str, float]] = {}
        self.rounds = 0

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        loss = self.criterion(self.head(self.encoder(batch[0])), batch[1])
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: Any, _: int) -> None:
        self.log("val/loss", batch[0].abs().mean() + self.global_step)

    def on_validation_epoch_end(self) -> None:
        score = self.hparams["scores"][self.rounds % len(self.hparams["scores"])]
        self.log("val/hmean", score)
        if not self.trainer.sanity_checking:
            self.rounds += 1

    def on_validation_end(self) -> None:
        if not self.trainer.sanity_checking and self.trainer.state.fn == "fit":
            shown = self.trainer.callback_metrics
            names = [name for name in shown if name.startswith("val/")]
            self.returned[self.global_step] = {name: float(shown[name]) for name in names}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])


def batches() -> DataLoader[Any]:
    torch.manual_seed(0)
    return DataLoader(TensorDataset(torch.randn(2 * BATCHES, 4), torch.randn(2 * BATCHES, 1)), batch_size=2)


def trainer_for(folder: Path, *callbacks: pl.Callback, **options: Any) -> pl.Trainer:
    """Return a trainer that prints nothing; the metadata callback is the caller's to give."""
    quiet_options: dict[str, Any] = {
        "accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False,
        "num_sanity_val_steps": 0, "max_epochs": 3, "default_root_dir": folder,
    }  # fmt: skip
    return pl.Trainer(callbacks=list(callbacks), **{**quiet_options, **options})


def train(folder: Path, *callbacks: pl.Callback, model: TinyModel | None = None, **options: Any) -> TinyModel:
    """Train with the metadata callback and these; return the model, which remembers its scores."""
    model = model or TinyModel()
    trainer = trainer_for(folder, MetadataCallback(outputs_dir=folder), *callbacks, **options)
    trainer.fit(model, batches(), batches())
    return model


def checkpoints_in(folder: Path) -> list[Path]:
    """Return every checkpoint file, link and directory."""
    found = [path for path in folder.rglob("*") if path.name.endswith((".ckpt", ".pt"))]
    return sorted(path for path in found if not any(parent in found for parent in path.parents))


def sidecars_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.metadata.*"))


def sidecar_of(checkpoint: Path) -> Path:
    """Return the one document of a checkpoint."""
    if checkpoint.is_dir():
        return checkpoint / "checkpoint.metadata.yaml"
    names = [checkpoint.name.rpartition(".")[0], checkpoint.name]
    found = [path for name in names if (path := checkpoint.with_name(name + ".metadata.yaml")).exists()]
    assert len(found) == 1, (checkpoint, sidecars_in(checkpoint.parent))
    return found[0]


def document_of(checkpoint: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(sidecar_of(checkpoint).read_text("utf-8"))
    return loaded


def finding_of(folder: Path, checkpoint: Path) -> Finding:
    """Return what the catalog's own source says of the checkpoint."""
    kind = Kind.SYMLINK if checkpoint.is_symlink() else Kind.DIRECTORY if checkpoint.is_dir() else Kind.FILE
    root = os.fsencode(folder.resolve())
    path = os.fsencode(checkpoint.relative_to(folder))
    candidate = Candidate(root, path, kind, Fingerprint.of(checkpoint.stat()))
    finding = SidecarSource(parse=parse_inline).find(candidate, Said())
    assert finding is not None
    return finding


def progress_of(checkpoint: Path) -> tuple[int, int]:
    """Return (epoch, global step) as the file itself has them."""
    inside = checkpoint / "meta.pt" if checkpoint.is_dir() else checkpoint
    held = torch.load(inside, weights_only=False, map_location="cpu")
    return held["epoch"], held["global_step"]


def assert_described(folder: Path, model: TinyModel) -> dict[str, dict[str, Any]]:
    """Assert that each checkpoint below the folder has one true document, and that there is no other document.

    Returns the documents by the name of their checkpoint.
    """
    checkpoints = checkpoints_in(folder)
    assert checkpoints
    assert sidecars_in(folder) == sorted(sidecar_of(checkpoint) for checkpoint in checkpoints)
    documents = {}
    for checkpoint in checkpoints:
        document = document_of(checkpoint)
        MetadataV2.model_validate(document)
        assert_true(document, folder, checkpoint, model)
        documents[checkpoint.name] = document
    return documents


def assert_true(document: dict[str, Any], folder: Path, checkpoint: Path, model: TinyModel) -> None:
    finding = finding_of(folder, checkpoint)
    expected = SidecarState.UNVERIFIED if checkpoint.is_dir() else SidecarState.VERIFIED
    assert (finding.sidecar_state, finding.problems) == (expected, [])
    epoch, step = progress_of(checkpoint)
    assert (document["training"]["epoch"], document["training"]["global_step"]) == (epoch, step)
    assert document["checkpoint_path"] == checkpoint.relative_to(folder).as_posix()
    metrics = document.get("metrics", {})
    said = {name: value for name, value in metrics.get("additional_metrics", {}).items() if name.startswith("val/")}
    returned = model.returned.get(step)
    if returned is not None:
        assert (said, document["metrics_step"]) == (returned, step)
        assert (metrics["hmean"], metrics["validation_loss"]) == (returned["val/hmean"], returned["val/loss"])
        return
    assert set(said.values()) <= {None}
    assert metrics.get("hmean") is None
    assert metrics.get("validation_loss") is None
