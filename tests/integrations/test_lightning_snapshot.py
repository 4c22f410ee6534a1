"""What a snapshot finds around a training: Hydra, W&B, the data, hyper-parameters, odd values."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from ckpt_indexer.integrations.lightning import MetadataCallback
from ckpt_indexer.metadata.document import MetadataV2
from tests.integrations.trainings import (
    TinyModel,
    batches,
    checkpoints_in,
    document_of,
    finding_of,
    quiet,
    trainer_for,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from torch.utils.data import DataLoader

pytestmark = quiet


class Words(pl.LightningDataModule):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    dataset_name = "synthetic-words"
    dataset_version = 3

    def __init__(self, root: str, hub_token: str) -> None:  # noqa: ARG002  # saved as hyper-parameters
        super().__init__()
        self.save_hyperparameters()

    def train_dataloader(self) -> DataLoader[Any]:
        return batches()

    def val_dataloader(self) -> DataLoader[Any]:
        return batches()


class Odd(TinyModel):
    """Scores on another scale, and values that are no numbers."""

    def on_validation_epoch_end(self) -> None:
        self.log_dict({"val/hmean": 84.25, "val/precision": math.nan, "val/recall": math.inf, "val/f1": 0.5})


def fit(folder: Path, model: pl.LightningModule, *callbacks: pl.Callback, **options: Any) -> dict[str, Any]:
    keeper = ModelCheckpoint(dirpath=folder / "17" / "checkpoints")
    trainer = trainer_for(
        folder, *(callbacks or (MetadataCallback(outputs_dir=folder),)), keeper, max_epochs=1, **options
    )
    trainer.fit(model, datamodule=Words("data", "hf_abc"))
    (checkpoint,) = checkpoints_in(folder)
    document = document_of(checkpoint)
    MetadataV2.model_validate(document)
    assert finding_of(folder, checkpoint).sidecar_state == "verified"
    return document


def test_what_lies_around_a_run_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "17" / ".hydra").mkdir(parents=True)
    (tmp_path / "17" / ".hydra" / "config.yaml").write_text("exp_name: dbnet-words\n")
    run = SimpleNamespace(id="abc123", name="brave-sky-1", project="ocr", entity="team")
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=run))
    document = fit(tmp_path, TinyModel())
    assert document["exp_name"] == "dbnet-words"
    assert document["hydra_config_path"] == "17/.hydra/config.yaml"
    assert document["wandb_run_id"] == "abc123"
    assert document["run"] == {"id": "abc123", "dir": "17", "name": "brave-sky-1"}
    assert document["environment"]["wandb_project"] == "ocr"
    assert document["dataset"] == {"name": "synthetic-words", "version": "3"}
    assert document["params"]["datamodule.root"] == "data"
    assert "hf_abc" not in str(document)


def test_the_user_s_own_words_come_first(tmp_path: Path) -> None:
    callback = MetadataCallback("mine", str(tmp_path), "finetuning")
    document = fit(tmp_path, TinyModel(), callback)
    assert (document["exp_name"], document["training"]["training_phase"]) == ("mine", "finetuning")


def test_values_off_scale_are_kept_and_those_that_are_no_numbers_are_null(tmp_path: Path) -> None:
    metrics = fit(tmp_path, Odd())["metrics"]
    assert metrics["hmean"] == metrics["additional_metrics"]["val/hmean"] == 84.25
    assert (metrics["precision"], metrics["recall"]) == (None, None)
    assert (metrics["additional_metrics"]["val/precision"], metrics["additional_metrics"]["val/recall"]) == (None, None)


def test_a_logger_s_directory_is_the_run(tmp_path: Path) -> None:
    trainer = trainer_for(tmp_path, MetadataCallback(), logger=CSVLogger(tmp_path), max_epochs=1)
    trainer.fit(TinyModel(), batches(), batches())
    (checkpoint,) = checkpoints_in(tmp_path)
    document = document_of(checkpoint)
    assert document["checkpoint_path"] == "lightning_logs/version_0/checkpoints/epoch=0-step=4.ckpt"
    assert "run" not in document  # nobody said which directory a catalog watches
