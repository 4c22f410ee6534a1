"""Files that torch and Lightning wrote, read the way a child reads them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import pytest
import torch
from lightning.fabric.utilities.data import AttributeDict
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from omegaconf import OmegaConf

from ckpt_indexer.readers.child_jobs import read_header
from ckpt_indexer.readers.header import Header

if TYPE_CHECKING:
    from pathlib import Path

CONFIG: dict[str, Any] = {"model": {"encoder": {"model_name": "resnet34"}}, "trainer": {"max_epochs": 2}, "lr": 0.1}


@dataclass
class Settings:
    lr: float
    model: dict[str, Any]
    trainer: dict[str, Any]


class Tiny(lightning.LightningModule):  # type: ignore[misc]  # lightning is not followed by the type checker
    def __init__(self, lr: float = 0.1, encoder: str = "resnet18") -> None:  # noqa: ARG002  # saved as hyper-parameters
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch: torch.Tensor, _: int) -> torch.Tensor:
        loss = self.layer(batch).pow(2).mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, _batch: torch.Tensor, _: int) -> None:
        self.log("val/hmean", torch.tensor(0.5 + 0.25 * self.current_epoch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), self.hparams["lr"])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["cleval_metrics"] = {
            "val/hmean": torch.tensor(0.75, dtype=torch.bfloat16), "precision": np.float32(0.5), "recall": float("nan")
        }  # fmt: skip


def read(root: Path, name: str) -> Header:
    return Header.from_json(read_header(str(root), name, "file"))


def saved(root: Path, value: object) -> Header:
    torch.save(value, root / "a.pt")
    return read(root, "a.pt")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    batches = torch.utils.data.DataLoader(torch.ones(16, 4), batch_size=4)
    best = ModelCheckpoint(
        root / "best", monitor="val/hmean", mode="max", filename="e{epoch}", auto_insert_metric_name=False,
        save_top_k=2, save_last=True,
    )  # fmt: skip
    steps = ModelCheckpoint(root / "steps", every_n_train_steps=3, save_top_k=-1, filename="s{step}")
    steps.filename = "{step}"
    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[best, steps, EarlyStopping("train/loss", mode="min")],
    )  # fmt: skip
    trainer.fit(Tiny(), batches, batches)
    return root


pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("name", "epoch", "step", "score"), [("e0", 0, 4, 0.5), ("e1", 1, 8, 0.75), ("last", 1, 8, 0.75)]
)
def test_a_lightning_checkpoint_tells_its_own_score(
    trained: Path, name: str, epoch: int, step: int, score: float
) -> None:
    header = read(trained, f"best/{name}.ckpt")
    assert (header.facts["epoch"], header.facts["global_step"]) == (epoch, step)
    assert (header.facts["monitor"], header.facts["monitor_mode"]) == ("val/hmean", "max")
    assert header.facts["saved_as"] == ("last" if name == "last" else "top_k")
    assert header.monitor_scores == {"val/hmean": score}
    assert header.metrics == {"val/hmean": 0.75, "precision": 0.5, "recall": None}
    assert header.mid_epoch is False
    assert header.params == {"lr": 0.1, "encoder": "resnet18"}
    assert (header.facts["backbone"], header.facts["num_parameters"]) == ("resnet18", 5)
    assert header.weights_only is False
    assert header.optimizer_share is not None
    assert 0.5 < header.optimizer_share < 0.8


def test_a_save_within_an_epoch_says_so(trained: Path) -> None:
    header = read(trained, "steps/step=3.ckpt")
    assert header.mid_epoch is True
    assert header.facts["saved_as"] == "step"
    assert header.monitor_scores == {}


@pytest.mark.parametrize(
    "hparams",
    [
        CONFIG, argparse.Namespace(**CONFIG), AttributeDict(CONFIG), OmegaConf.create(CONFIG), Settings(**CONFIG),
        {"cfg": CONFIG, "lr": 0.1},
    ],
    ids=["dict", "namespace", "attributes", "omegaconf", "dataclass", "nested"],
)  # fmt: skip
def test_hyper_parameters_are_read_whatever_class_holds_them(tmp_path: Path, hparams: object) -> None:
    header = saved(tmp_path, {"epoch": 0, "state_dict": {"w": torch.ones(2)}, "hyper_parameters": hparams})
    assert header.facts["backbone"] == "resnet34"
    assert header.facts["max_epochs"] == 2
    assert header.params["lr"] == 0.1


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        np.float64(0.5),
        np.float32(0.5),
        np.float16(0.5),
        torch.tensor(0.5),
        torch.tensor([0.5]),
        torch.tensor(0.5, dtype=torch.float64),
        torch.tensor(0.5, dtype=torch.bfloat16),
        torch.tensor(0.5, dtype=torch.half),
    ],
    ids=repr,
)
def test_a_metric_of_any_type_is_a_number(tmp_path: Path, value: object) -> None:
    assert saved(tmp_path, {"epoch": 0, "val_acc": value, "model": {"w": torch.ones(1)}}).metrics == {"val_acc": 0.5}


def test_shared_and_sparse_and_tied_tensors_count_once(tmp_path: Path) -> None:
    base = torch.ones(10)
    header = saved(tmp_path, {"state_dict": {"a": base, "tied": base, "view": base[:4], "s": torch.eye(3).to_sparse()}})
    assert header.facts["num_parameters"] == 10 + 4 + 9
    assert header.tensors == 4


def test_a_whole_module_is_counted(tmp_path: Path) -> None:
    header = saved(tmp_path, torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)))
    assert header.facts["num_parameters"] == 12
    assert header.weights_only is True


def test_a_training_loop_keeps_epoch_zero_and_loss_zero(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    header = saved(
        tmp_path,
        {
            "epoch": 0,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "loss": 0.0,
            "step": np.int64(0),
        },
    )
    assert header.facts == {"epoch": 0, "global_step": 0, "num_parameters": 8}
    assert header.metrics == {"loss": 0.0}
