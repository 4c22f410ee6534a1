"""The callback in real trainings: after each, one true document per checkpoint and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, OnExceptionCheckpoint
from lightning.pytorch.tuner import Tuner

from ckpt_indexer.integrations.lightning import MetadataCallback
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

pytestmark = quiet


def best(folder: Path, **options: Any) -> ModelCheckpoint:
    """Return a checkpoint callback that keeps the best by score."""
    place = folder / "run" / "checkpoints"
    return ModelCheckpoint(**{"dirpath": place, "monitor": "val/hmean", "mode": "max", **options})


def by_step(folder: Path, every: int, **options: Any) -> ModelCheckpoint:
    place = folder / "run" / "checkpoints"
    return ModelCheckpoint(
        **{"dirpath": place, "filename": "s-{step}", "every_n_train_steps": every, "save_top_k": -1, **options}
    )


class SavesByHand(pl.Callback):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Saves in the middle of an epoch and while a validation ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == 6:
            trainer.save_checkpoint(self.folder / "mid.ckpt")

    def on_validation_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == 8:
            trainer.save_checkpoint(self.folder / "early.ckpt")


def test_every_checkpoint_of_a_usual_training_is_described(tmp_path: Path) -> None:
    loss = ModelCheckpoint(dirpath=tmp_path / "run" / "loss", monitor="val/loss", mode="min", save_top_k=1)
    stop = EarlyStopping("train/loss", mode="min", patience=99)
    model = train(
        tmp_path, stop, best(tmp_path, save_top_k=2, save_last=True), loss, by_step(tmp_path, 3), max_epochs=5
    )
    documents = assert_described(tmp_path, model)
    assert {name: document["saved_as"] for name, document in documents.items() if "=" not in name or "s-" in name} == {
        "last.ckpt": "last", **{f"s-step={step}.ckpt": "step" for step in range(3, 21, 3)},
    }  # fmt: skip
    top = documents["epoch=1-step=8.ckpt"]
    assert top["checkpointing"] == {"monitor": "val/hmean", "mode": "max", "save_top_k": 2, "save_last": True}
    assert top["saved_as"] == "top_k"
    assert documents["epoch=0-step=4.ckpt"]["checkpointing"]["monitor"] == "val/loss"
    assert "monitor" not in documents["s-step=6.ckpt"]["checkpointing"]
    assert top["metrics"]["directions"] == {"val/hmean": "max", "val/loss": "min"}


def test_what_a_document_says_of_model_run_and_training(tmp_path: Path) -> None:
    train(tmp_path, best(tmp_path), max_epochs=1)
    document = document_of(checkpoints_in(tmp_path)[0])
    assert document["model"] == {
        "architecture": "dbnet",
        "encoder": {"model_name": "resnet18", "frozen": False},
        "head": {"name": "linear"},
        "loss": {"name": "mse_loss"},
        "num_parameters": 19,
    }
    assert document["training"] == {"epoch": 0, "global_step": 4, "training_phase": "training", "max_epochs": 1}
    assert (document["exp_name"], document["run"]) == ("run", {"dir": "run"})
    assert document["params"] == {"lr": 0.1, "scores": [0.3, 0.9, 0.5, 0.7, 0.2, 0.8]}
    assert {"python", "torch", "lightning", "ckpt_indexer"} <= document["environment"].keys()
    assert "wandb_run_id" not in document
    assert "hydra_config_path" not in document


@pytest.mark.parametrize("last", [True, "link"])
def test_last_has_a_document_of_its_own(tmp_path: Path, last: Any) -> None:
    model = train(tmp_path, best(tmp_path, save_top_k=-1, save_last=last), max_epochs=3)
    documents = assert_described(tmp_path, model)
    assert len(documents) == 4
    assert documents["last.ckpt"]["saved_as"] == "last"
    assert documents["last.ckpt"]["training"]["epoch"] == 2


def test_a_link_whose_target_is_rotated_away_keeps_no_document(tmp_path: Path) -> None:
    keeper = by_step(tmp_path, 2, save_top_k=1, save_last="link", monitor="val/hmean", mode="max")
    model = train(tmp_path, keeper, max_epochs=3, val_check_interval=0.5)
    assert_described(tmp_path, model)


def test_a_validation_in_the_middle_of_an_epoch_belongs_to_its_step(tmp_path: Path) -> None:
    model = train(tmp_path, by_step(tmp_path, 1), max_epochs=2, val_check_interval=0.5)
    documents = assert_described(tmp_path, model)
    fresh = {document["training"]["global_step"] for document in documents.values() if document["metrics"].get("hmean")}
    assert fresh == {2, 4, 6, 8} == set(model.returned)
    assert documents["s-step=3.ckpt"]["metrics_step"] == 2


def test_an_epoch_without_validation_has_no_score(tmp_path: Path) -> None:
    every = ModelCheckpoint(dirpath=tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    model = train(tmp_path, every, max_epochs=4, check_val_every_n_epoch=2)
    documents = assert_described(tmp_path, model)
    assert {name: document["metrics"].get("hmean") is None for name, document in documents.items()} == {
        "epoch=0.ckpt": True, "epoch=1.ckpt": False, "epoch=2.ckpt": True, "epoch=3.ckpt": False,
    }  # fmt: skip
    stale = documents["epoch=2.ckpt"]
    assert (stale["metrics"]["hmean"], stale["metrics_step"]) == (None, 8)
    assert stale["saved_as"] == "epoch"


def test_saves_by_hand_are_described(tmp_path: Path) -> None:
    model = TinyModel()
    callbacks = (SavesByHand(tmp_path), MetadataCallback(outputs_dir=tmp_path))
    trainer = trainer_for(tmp_path, *callbacks, enable_checkpointing=False, max_epochs=2)
    trainer.fit(model, batches(), batches())
    trainer.save_checkpoint(tmp_path / "after.ckpt")
    trainer.save_checkpoint(tmp_path / "weights.ckpt", weights_only=True)
    documents = assert_described(tmp_path, model)
    assert {document["saved_as"] for document in documents.values()} == {"manual"}
    assert documents["after.ckpt"]["training"]["epoch"] == 2
    assert documents["early.ckpt"]["metrics"]["hmean"] == model.returned[8]["val/hmean"]
    assert documents["mid.ckpt"]["metrics"]["hmean"] is None
    assert "monitor" not in documents["after.ckpt"].get("checkpointing", {})


class Explodes(TinyModel):
    """Fails in the middle of the second epoch."""

    def on_train_batch_start(self, *_: Any) -> None:
        if self.global_step == 6:
            raise RuntimeError("the training's own error")


def test_a_checkpoint_saved_on_an_exception_says_so(tmp_path: Path) -> None:
    model = Explodes()
    rescue = OnExceptionCheckpoint(tmp_path / "rescue")
    keeper = best(tmp_path, save_on_exception=True, save_top_k=1)
    with pytest.raises(RuntimeError, match="own error"):
        train(tmp_path, rescue, keeper, model=model)
    documents = assert_described(tmp_path, model)
    reasons = {name: document["saved_as"] for name, document in documents.items()}
    assert reasons == {
        "epoch=0-step=4.ckpt": "top_k", "on_exception.ckpt": "exception", "epoch=1-step=6.ckpt": "exception",
    }  # fmt: skip
    assert documents["epoch=1-step=6.ckpt"]["checkpointing"]["monitor"] == "val/hmean"


def test_a_training_inside_an_except_block_is_no_rescue(tmp_path: Path) -> None:
    try:
        raise ValueError("out of memory, say")  # noqa: TRY301  # the block is what matters
    except ValueError:
        model = train(tmp_path, best(tmp_path), max_epochs=1)
    assert [document["saved_as"] for document in assert_described(tmp_path, model).values()] == ["top_k"]


def test_a_second_run_into_the_same_directory_gets_names_of_its_own(tmp_path: Path) -> None:
    train(tmp_path, best(tmp_path, filename="best"), max_epochs=1)
    model = train(tmp_path, best(tmp_path, filename="best"), max_epochs=1)
    documents = assert_described(tmp_path, model)
    assert set(documents) == {"best.ckpt", "best-v1.ckpt"}


def test_a_name_that_is_written_again_has_the_latest_document(tmp_path: Path) -> None:
    keeper = best(tmp_path, filename="best", enable_version_counter=False)
    model = train(tmp_path, keeper, max_epochs=2)
    documents = assert_described(tmp_path, model)
    assert documents["best.ckpt"]["training"]["epoch"] == 1


def test_checkpoints_of_weights_only_are_described(tmp_path: Path) -> None:
    model = train(tmp_path, best(tmp_path, save_weights_only=True, save_top_k=2), max_epochs=3)
    assert len(assert_described(tmp_path, model)) == 2


def test_a_resumed_training_names_its_start_and_rotates_what_the_earlier_process_left(tmp_path: Path) -> None:
    first = train(tmp_path, best(tmp_path, save_top_k=1, save_last=True), model=TinyModel(scores=(0.3,)), max_epochs=1)
    place = tmp_path / "run" / "checkpoints"
    assert set(assert_described(tmp_path, first)) == {"epoch=0-step=4.ckpt", "last.ckpt"}
    second = TinyModel(scores=(0.9, 0.1))
    callbacks = (
        MetadataCallback(outputs_dir=tmp_path),
        best(tmp_path, save_top_k=1, save_last=True),
        by_step(tmp_path, 5),
    )
    trainer = trainer_for(tmp_path, *callbacks, max_epochs=3)
    trainer.fit(second, batches(), batches(), ckpt_path=place / "last.ckpt", weights_only=False)
    documents = assert_described(tmp_path, second)
    assert set(documents) == {"epoch=1-step=8.ckpt", "last.ckpt", "s-step=5.ckpt", "s-step=10.ckpt"}
    assert documents["epoch=1-step=8.ckpt"]["lineage"] == {"resumed_from": "run/checkpoints/last.ckpt"}
    assert "hmean" not in documents["s-step=5.ckpt"].get("metrics", {})


def test_a_training_without_an_end_says_so(tmp_path: Path) -> None:
    model = train(tmp_path, best(tmp_path), max_epochs=-1, max_steps=4)
    (document,) = assert_described(tmp_path, model).values()
    assert document["training"]["max_epochs"] == -1


def test_the_sanity_check_measures_nothing(tmp_path: Path) -> None:
    model = train(tmp_path, by_step(tmp_path, 2), num_sanity_val_steps=2, max_epochs=1)
    documents = assert_described(tmp_path, model)
    assert "hmean" not in documents["s-step=2.ckpt"].get("metrics", {})


def test_the_learning_rate_finder_leaves_nothing_behind(tmp_path: Path) -> None:
    model = TinyModel()
    trainer = trainer_for(tmp_path, MetadataCallback(outputs_dir=tmp_path), best(tmp_path), max_epochs=1)
    Tuner(trainer).lr_find(model, batches(), batches(), num_training=5, update_attr=False)
    assert (checkpoints_in(tmp_path), sidecars_in(tmp_path)) == ([], [])
    trainer.fit(model, batches(), batches())
    assert len(assert_described(tmp_path, model)) == 1


def test_fit_and_validate_again_with_one_trainer(tmp_path: Path) -> None:
    model = TinyModel()
    keeper = best(tmp_path, save_top_k=-1, save_last=True)
    trainer = trainer_for(tmp_path, MetadataCallback(outputs_dir=tmp_path), keeper, max_epochs=1)
    trainer.fit(model, batches(), batches())
    trainer.fit_loop.max_epochs = 3
    trainer.fit(model, batches(), batches())
    before = assert_described(tmp_path, model)
    trainer.validate(
        model, batches(), ckpt_path=str(next(iter(keeper.best_k_models))), verbose=False, weights_only=False
    )
    assert assert_described(tmp_path, model) == before


def test_one_callback_serves_two_trainers(tmp_path: Path) -> None:
    callback = MetadataCallback(outputs_dir=tmp_path, exp_name="shared")
    for number in range(2):
        model = TinyModel()
        trainer = trainer_for(tmp_path, callback, best(tmp_path / str(number)), max_epochs=1)
        trainer.fit(model, batches(), batches())
        assert_described(tmp_path, model)
    assert [document_of(path)["exp_name"] for path in checkpoints_in(tmp_path)] == ["shared", "shared"]


def test_a_save_after_an_evaluation_of_other_weights_tells_what_was_measured_on_these(tmp_path: Path) -> None:
    model = TinyModel()
    keeper = best(tmp_path, save_top_k=-1)
    trainer = trainer_for(tmp_path, MetadataCallback(outputs_dir=tmp_path), keeper, max_epochs=2)
    trainer.fit(model, batches(), batches())
    first, second = keeper.best_k_models
    trainer.validate(model, batches(), ckpt_path=first, verbose=False, weights_only=False)
    measured = float(trainer.callback_metrics["val/hmean"])
    assert measured != model.returned[8]["val/hmean"]
    trainer.save_checkpoint(tmp_path / "run" / "again.ckpt")
    assert document_of(tmp_path / "run" / "again.ckpt")["metrics"]["hmean"] == measured
    assert document_of(Path(second))["metrics"]["hmean"] == model.returned[8]["val/hmean"]


class LogsLossInBoth(TinyModel):
    """Logs one name in training and in validation."""

    def validation_step(self, batch: Any, index: int) -> None:
        super().validation_step(batch, index)
        self.log("train/loss", 7.0)


def test_a_name_that_training_logs_too_keeps_what_validation_returned(tmp_path: Path) -> None:
    every = ModelCheckpoint(dirpath=tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    train(tmp_path, every, model=LogsLossInBoth(), max_epochs=2)
    assert {document_of(path)["metrics"]["additional_metrics"]["train/loss"] for path in checkpoints_in(tmp_path)} == {
        7.0
    }


def test_a_training_metric_that_decides_is_the_step_s_own(tmp_path: Path) -> None:
    keeper = by_step(tmp_path, 3, monitor="train/loss", mode="min")
    model = train(tmp_path, keeper, max_epochs=2, check_val_every_n_epoch=1)
    documents = assert_described(tmp_path, model)
    for path, score in keeper.best_k_models.items():
        document = documents[Path(path).name]
        assert document["metrics"]["additional_metrics"]["train/loss"] == float(score)
        assert document["metrics_step"] == document["training"]["global_step"]


@pytest.mark.parametrize(
    ("given", "named"),
    [({"training_phase": "tuning"}, "training_phase"), ({"schema_version": "3.0"}, "schema_version")],
)
def test_a_wrong_option_is_refused_before_training(given: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        MetadataCallback(**given)
