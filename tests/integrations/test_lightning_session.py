"""What a session remembers of one trainer: what was measured when, and which documents it has written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
import numpy as np
import pytest
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import nn

from ckpt_indexer.integrations.lightning import MetadataCallback, SidecarWarning
from tests.integrations.trainings import (
    TinyModel,
    assert_described,
    batches,
    checkpoints_in,
    document_of,
    quiet,
    sidecars_in,
    train,
    trainer_for,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = quiet


def every_epoch(folder: Path, **options: Any) -> ModelCheckpoint:
    return ModelCheckpoint(**{"dirpath": folder / "run", "filename": "{epoch}", "save_top_k": -1, **options})


class Measures(TinyModel):
    def test_step(self, *_: Any) -> None:
        self.log("test/hmean", 0.125)


@pytest.mark.parametrize("loaded", [False, True])
def test_a_save_after_a_test_tells_what_validation_returned_for_the_same_weights(tmp_path: Path, loaded: bool) -> None:
    model = Measures()
    keeper = every_epoch(tmp_path)
    trainer = trainer_for(tmp_path, MetadataCallback(outputs_dir=tmp_path), keeper, max_epochs=2)
    trainer.fit(model, batches(), batches())
    first = str(tmp_path / "run" / "epoch=0.ckpt")
    trainer.test(model, batches(), ckpt_path=first if loaded else None, verbose=False, weights_only=False)
    trainer.save_checkpoint(tmp_path / "run" / "after.ckpt")
    metrics = document_of(tmp_path / "run" / "after.ckpt")["metrics"]
    assert metrics["additional_metrics"]["test/hmean"] == 0.125
    assert metrics.get("hmean") == (None if loaded else model.returned[8]["val/hmean"])


def test_weights_that_a_prediction_loaded_have_no_score(tmp_path: Path) -> None:
    model = TinyModel()
    trainer = trainer_for(tmp_path, MetadataCallback(outputs_dir=tmp_path), every_epoch(tmp_path), max_epochs=2)
    trainer.fit(model, batches(), batches())
    model.predict_step = lambda *_: 0
    trainer.predict(model, batches(), ckpt_path=str(tmp_path / "run" / "epoch=0.ckpt"), weights_only=False)
    trainer.save_checkpoint(tmp_path / "run" / "after.ckpt")
    assert "hmean" not in document_of(tmp_path / "run" / "after.ckpt").get("metrics", {})


class Deletes(pl.Callback):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Keeps the latest checkpoint only, without asking the trainer."""

    def __init__(self, folder: Path, *, until: int) -> None:
        self.folder, self.until = folder, until

    def on_train_epoch_start(self, trainer: pl.Trainer, _: Any) -> None:
        if trainer.current_epoch == self.until:
            raise RuntimeError("the training's own error")

    def on_train_epoch_end(self, *_: Any) -> None:
        for path in checkpoints_in(self.folder):
            path.unlink()


def test_documents_of_checkpoints_that_the_training_deleted_itself_go_at_its_end(tmp_path: Path) -> None:
    model = train(tmp_path, Deletes(tmp_path, until=9), every_epoch(tmp_path, save_last=True), max_epochs=3)
    assert set(assert_described(tmp_path, model)) == {"epoch=2.ckpt", "last.ckpt"}


def test_documents_of_deleted_checkpoints_go_when_the_training_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="own error"):
        train(tmp_path, Deletes(tmp_path, until=2), every_epoch(tmp_path), max_epochs=3)
    assert [path.name for path in sidecars_in(tmp_path)] == ["epoch=1.metadata.yaml"]


class Counting(pl.Trainer):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Equal to every other, and so without a hash."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counting)

    __hash__ = None  # type: ignore[assignment]  # what Python does with a class that says what is equal


def test_trainers_that_cannot_be_hashed_are_told_apart(tmp_path: Path) -> None:
    callback = MetadataCallback(outputs_dir=tmp_path)
    for epochs in (2, 1):
        model, folder = TinyModel(), tmp_path / str(epochs)
        options = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = Counting(callbacks=[callback, every_epoch(folder)], max_epochs=epochs, **options)
        trainer.fit(model, batches(), batches())
        assert len(sidecars_in(folder)) == epochs


class SetsItself(TinyModel):
    """Puts values among the metrics without logging them: no tensors, and no numbers."""

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self.trainer.callback_metrics.update({"val/f1": np.float64(0.25 * self.rounds), "note": "fine", "big": 10**400})


def test_values_that_nobody_logged_are_no_reason_to_write_nothing(tmp_path: Path) -> None:
    train(tmp_path, every_epoch(tmp_path), model=SetsItself(), max_epochs=2)
    said = [document_of(path)["metrics"]["additional_metrics"] for path in checkpoints_in(tmp_path)]
    assert [metrics["val/f1"] for metrics in said] == [0.25, 0.5]
    assert not {"note", "big"} & said[0].keys()


class Lazy(TinyModel):
    """Makes its parameters in the first step."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LazyLinear(3)


def test_parameters_that_are_made_in_the_first_step_are_counted(tmp_path: Path) -> None:
    train(tmp_path, every_epoch(tmp_path), model=Lazy(), max_epochs=1)
    (checkpoint,) = checkpoints_in(tmp_path)
    assert document_of(checkpoint)["model"]["num_parameters"] == 19


class WrapsItself(TorchCheckpointIO):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Says that it is around a checkpoint IO: itself, or one that does the same, and so on."""

    endless = False

    @property
    def checkpoint_io(self) -> TorchCheckpointIO:
        return Endless() if self.endless else self


class Endless(WrapsItself):
    endless = True


@pytest.mark.parametrize("writer", [WrapsItself, Endless])
def test_a_checkpoint_io_that_wraps_without_end_does_not_hang_a_training(
    tmp_path: Path, writer: type[TorchCheckpointIO]
) -> None:
    model = train(tmp_path, every_epoch(tmp_path), plugins=[writer()], max_epochs=2)
    assert len(assert_described(tmp_path, model)) == 2


class Sulks(Checkpoint):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Keeps checkpoints in a way of its own, and raises when it is asked which."""

    @property
    def best_k_models(self) -> dict[str, float]:
        raise RuntimeError("not now")


def test_a_checkpoint_callback_that_raises_costs_only_what_it_would_have_said(tmp_path: Path) -> None:
    with pytest.warns(SidecarWarning, match="not now"):
        model = train(tmp_path, Sulks(), every_epoch(tmp_path), max_epochs=1)
    (document,) = assert_described(tmp_path, model).values()
    assert document["saved_as"] == "manual"
