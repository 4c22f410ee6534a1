"""The hooks under what goes wrong: slow and failing writers, copies of the strategy, directories, a full disk."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import AsyncCheckpointIO, TorchCheckpointIO
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch.distributed import checkpoint as dcp

from ckpt_indexer.integrations.lightning import MetadataCallback, SidecarWarning
from ckpt_indexer.integrations.lightning_hooks import Hook
from ckpt_indexer.metadata.versions import MetadataV1
from tests.integrations.trainings import (
    TinyModel,
    assert_described,
    batches,
    checkpoints_in,
    document_of,
    quiet,
    sidecar_of,
    sidecars_in,
    train,
    trainer_for,
)

if TYPE_CHECKING:
    import lightning.pytorch as pl

pytestmark = quiet


def keeping(folder: Path, **options: Any) -> ModelCheckpoint:
    return ModelCheckpoint(**{"dirpath": folder / "run", "monitor": "val/hmean", "mode": "max", **options})


class HeldIO(TorchCheckpointIO):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Writes only when it is let."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        assert self.free.wait(30)
        super().save_checkpoint(checkpoint, path, storage_options)


@pytest.mark.parametrize("held", [False, True])
def test_checkpoints_written_by_a_thread_are_described_when_they_are_there(tmp_path: Path, held: bool) -> None:
    writer = HeldIO()
    if not held:
        writer.free.set()
    steps = ModelCheckpoint(dirpath=tmp_path, filename="again", every_n_train_steps=1, enable_version_counter=False)

    class Lets(MetadataCallback):
        """Lets the writer go when training is over and nothing has been written."""

        def on_train_end(self, *_: Any) -> None:
            assert held is False or sidecars_in(tmp_path) == []
            writer.free.set()

    model = TinyModel()
    callbacks = (Lets(outputs_dir=tmp_path), keeping(tmp_path, save_top_k=1), steps)
    trainer = trainer_for(tmp_path, *callbacks, plugins=[AsyncCheckpointIO(writer)], max_epochs=3)
    trainer.fit(model, batches(), batches())
    documents = assert_described(tmp_path, model)
    assert documents["again.ckpt"]["training"]["global_step"] == 12
    trainer.save_checkpoint(tmp_path / "after.ckpt")
    trainer.strategy.teardown()
    assert "after.ckpt" in assert_described(tmp_path, model)


class LateIO(TorchCheckpointIO):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Returns before it has written, wraps nothing and says nothing: the file is there one save later."""

    def __init__(self) -> None:
        self.kept: list[tuple[Any, Any]] = []

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002  # Lightning passes it
        self.teardown()
        self.kept.append((copy.deepcopy(checkpoint), path))

    def teardown(self) -> None:
        for checkpoint, path in self.kept:
            super().save_checkpoint(checkpoint, path)
        self.kept.clear()


def test_a_writer_that_is_late_without_saying_so_is_waited_for(tmp_path: Path) -> None:
    model = train(tmp_path, keeping(tmp_path, save_top_k=-1), plugins=[LateIO()], max_epochs=3)
    assert len(assert_described(tmp_path, model)) == 3


class FullDiskIO(TorchCheckpointIO):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Fails to write the second checkpoint, and leaves half of it when asked to."""

    def __init__(self, *, spoils: bool) -> None:
        self.saves = 0
        self.spoils = spoils

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        self.saves += 1
        if self.saves == 2:
            if self.spoils:
                Path(path).write_bytes(b"half a checkpoint")
            raise OSError(28, "No space left on device")
        super().save_checkpoint(checkpoint, path, storage_options)


@pytest.mark.parametrize("spoils", [False, True])
def test_a_save_that_fails_fails_as_before_and_leaves_no_lie(tmp_path: Path, spoils: bool) -> None:
    keeper = keeping(tmp_path, filename="best", enable_version_counter=False)
    model = TinyModel()
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path, keeper, model=model, plugins=[FullDiskIO(spoils=spoils)], max_epochs=2)
    if spoils:
        assert sidecars_in(tmp_path) == []
    else:
        assert assert_described(tmp_path, model)["best.ckpt"]["training"]["epoch"] == 0


@pytest.mark.parametrize("spoils", [False, True])
def test_a_save_that_fails_in_a_thread_leaves_no_lie(tmp_path: Path, spoils: bool) -> None:
    keeper = keeping(tmp_path, filename="best", enable_version_counter=False)
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path, keeper, plugins=[AsyncCheckpointIO(FullDiskIO(spoils=spoils))], max_epochs=2)
    assert [path.name for path in sidecars_in(tmp_path)] == ([] if spoils else ["best.metadata.yaml"])


def test_a_checkpoint_on_another_machine_gets_no_document(tmp_path: Path) -> None:
    trainer = trainer_for(tmp_path, MetadataCallback(), enable_checkpointing=False, max_epochs=1)
    trainer.fit(TinyModel(), batches(), batches())
    trainer.save_checkpoint("memory://far/away.ckpt")
    trainer.strategy.remove_checkpoint("memory://far/away.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_a_sidecar_that_cannot_be_written_is_warned_about_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for epoch in range(3):
        (tmp_path / "run" / f"epoch={epoch}.metadata.yaml").mkdir(parents=True)
    caplog.set_level(logging.DEBUG, logger="ckpt_indexer")
    with pytest.warns(SidecarWarning, match="writing the sidecar of .*epoch=0.ckpt") as warned:
        train(tmp_path, keeping(tmp_path, filename="{epoch}", save_top_k=-1), max_epochs=3)
    assert len(checkpoints_in(tmp_path)) == 3
    assert len([one for one in warned if one.category is SidecarWarning]) == 1
    said = [(record.levelname, bool(record.exc_info)) for record in caplog.records if "ckpt_indexer" in record.name]
    assert said == [("WARNING", True), ("DEBUG", True), ("DEBUG", True), ("WARNING", False)]
    assert "3 steps" in caplog.records[-1].getMessage()


def test_warnings_that_are_errors_do_not_stop_a_training(tmp_path: Path) -> None:
    (tmp_path / "run" / "best.metadata.yaml").mkdir(parents=True)
    train(tmp_path, keeping(tmp_path, filename="best"), max_epochs=1)  # pytest runs with warnings as errors
    assert [path.name for path in checkpoints_in(tmp_path)] == ["best.ckpt"]


def test_the_training_never_waits_for_the_disk_and_its_end_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: dict[int, str] = {}

    def note(descriptor: int) -> None:
        flushed[os.fstat(descriptor).st_ino] = threading.current_thread().name

    monkeypatch.setattr(os, "fsync", note)
    train(tmp_path, keeping(tmp_path, save_top_k=-1, save_last=True), max_epochs=3)
    monkeypatch.undo()
    written = sidecars_in(tmp_path)
    assert len(written) == 4
    assert {path.stat().st_ino for path in [*written, tmp_path / "run"]} <= flushed.keys()
    assert set(flushed.values()) == {"ckpt-indexer-flusher"}


class Sulking(TinyModel):
    """Raises when it is asked for some of its attributes."""

    @property
    def architecture_name(self) -> str:  # type: ignore[override]  # a property in place of an attribute
        raise RuntimeError("not now")

    @property
    def decoder(self) -> Any:
        raise ZeroDivisionError


def test_attributes_that_raise_cost_their_own_field_only(tmp_path: Path) -> None:
    model = Sulking()
    with pytest.warns(SidecarWarning, match="not now|ZeroDivisionError"):
        train(tmp_path, keeping(tmp_path), model=model, max_epochs=2)
    (document,) = assert_described(tmp_path, model).values()
    assert "architecture" not in document["model"]
    assert "decoder" not in document["model"]
    assert document["model"]["encoder"]["model_name"] == "resnet18"


class Delegating(TinyModel):
    """Hands on what it is asked for to something that is not there yet."""

    def __getattr__(self, name: str) -> Any:
        if name in {"model", "net", "backbone", "decoder", "architecture"}:
            raise ValueError(f"no {name} yet")
        return super().__getattr__(name)


def test_a_module_that_raises_for_what_it_does_not_have_is_described(tmp_path: Path) -> None:
    model = Delegating()
    with pytest.warns(SidecarWarning, match="no model yet"):
        train(tmp_path, keeping(tmp_path), model=model, max_epochs=1)
    (document,) = assert_described(tmp_path, model).values()
    assert (document["model"]["architecture"], document["model"]["num_parameters"]) == ("dbnet", 19)


class ShardingStrategy(SingleDeviceStrategy):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Saves as FSDP does when its state is sharded: a directory with one file for each process."""

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:  # noqa: ARG002  # Lightning passes it
        place = Path(filepath)
        place.mkdir(parents=True, exist_ok=True)
        with pytest.warns(UserWarning, match=".*"):
            dcp.save({"model": checkpoint.pop("state_dict")}, checkpoint_id=place, no_dist=True)
        torch.save(checkpoint, place / "meta.pt")


def test_a_checkpoint_that_is_a_directory_is_described_inside_and_removed_whole(tmp_path: Path) -> None:
    strategy = ShardingStrategy(device=torch.device("cpu"))
    steps = ModelCheckpoint(dirpath=tmp_path / "steps", filename="{step}", every_n_train_steps=2, save_top_k=-1)
    keeper = keeping(tmp_path, save_top_k=1)
    model = train(tmp_path, keeper, steps, strategy=strategy, accelerator="auto", max_epochs=2)
    documents = assert_described(tmp_path, model)
    assert documents["epoch=1-step=8.ckpt"]["file"] == {"name": "epoch=1-step=8.ckpt"}
    assert documents["step=4.ckpt"]["metrics_step"] == 4  # rewritten when validation ended after the save
    assert set(documents) == {"epoch=1-step=8.ckpt", *(f"step={step}.ckpt" for step in (2, 4, 6, 8))}


def test_a_link_to_a_directory_shares_its_document(tmp_path: Path) -> None:
    strategy = ShardingStrategy(device=torch.device("cpu"))
    train(tmp_path, keeping(tmp_path, save_last="link"), strategy=strategy, accelerator="auto", max_epochs=1)
    assert (tmp_path / "run" / "last.ckpt").is_symlink()
    assert document_of(tmp_path / "run" / "epoch=0-step=4.ckpt")["file"]["name"] == "epoch=0-step=4.ckpt"


def test_a_copy_of_the_strategy_has_no_hooks(tmp_path: Path) -> None:
    model = TinyModel()
    (tmp_path / "run").mkdir()  # Lightning makes the link before its thread makes the directory
    keeper = keeping(tmp_path, save_last="link")
    callback = MetadataCallback(outputs_dir=tmp_path)
    trainer = trainer_for(tmp_path, callback, keeper, plugins=[AsyncCheckpointIO()], max_epochs=1)
    trainer.fit(model, batches(), batches())
    for copied in (pickle.loads(pickle.dumps(trainer.strategy)), copy.deepcopy(trainer.strategy)):
        assert not any(isinstance(held, Hook) for held in vars(copied).values())
        assert copied.save_checkpoint.__self__ is copied
        assert copied.remove_checkpoint.__self__ is copied
    assert isinstance(vars(trainer.strategy)["save_checkpoint"], Hook)
    assert set(assert_described(tmp_path, model)) == {"epoch=0-step=4.ckpt", "last.ckpt"}
    other: MetadataCallback = pickle.loads(pickle.dumps(callback))
    link = pickle.loads(pickle.dumps(keeper))._link_checkpoint
    assert not isinstance(link, Hook)
    again = trainer_for(tmp_path / "again", other, keeping(tmp_path / "again"), max_epochs=1)
    again.fit(model, batches(), batches())
    assert len(sidecars_in(tmp_path / "again")) == 1


def test_another_programs_documents_are_neither_written_over_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    future = tmp_path / "run" / "epoch=0.metadata.yaml"
    future.write_text("schema_version: '9.1'\nfile: {name: epoch=0.ckpt}\n")
    foreign = tmp_path / "run" / "epoch=1.metadata.yaml"
    with pytest.warns(SidecarWarning, match="newer than ours"):
        train(tmp_path, keeping(tmp_path, filename="{epoch}", save_top_k=1), ReplacesDocument(foreign), max_epochs=6)
    assert "9.1" in future.read_text()
    assert foreign.read_text() == ReplacesDocument.text


class ReplacesDocument(ModelCheckpoint):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """Writes a document of its own over ours, about another file."""

    text = "schema_version: '2.0'\nfile:\n  name: other.ckpt\n"

    def __init__(self, path: Path) -> None:
        super().__init__(dirpath=path.parent, save_top_k=0)
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.current_epoch == 1:
            self.path.write_text(self.text)


def test_documents_of_version_1_are_valid_and_go_with_their_checkpoints(tmp_path: Path) -> None:
    keeper = keeping(tmp_path, save_top_k=1, save_last="link")
    steps = ModelCheckpoint(dirpath=tmp_path / "run", filename="{step}", every_n_train_steps=3, save_top_k=1)
    callback = MetadataCallback(outputs_dir=tmp_path, schema_version="1.0")
    trainer = trainer_for(tmp_path, callback, keeper, steps, max_epochs=-1, max_steps=11)
    trainer.fit(TinyModel(), batches(), batches())
    checkpoints = checkpoints_in(tmp_path)
    assert sidecars_in(tmp_path) == sorted(map(sidecar_of, checkpoints))
    for checkpoint in checkpoints:
        document = document_of(checkpoint)
        MetadataV1.model_validate(document)
        assert document["checkpoint_path"] == f"run/{checkpoint.name}"
        assert document["model"]["decoder"]["name"] == "unknown"
        assert document["training"]["max_epochs"] is None
    assert document_of(tmp_path / "run" / "step=9.ckpt")["metrics"]["hmean"] is None
    assert document_of(tmp_path / "run" / "last.ckpt")["metrics"]["hmean"] == pytest.approx(0.9)


FULL_DISK = """
import resource, sys
from pathlib import Path
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from tests.integrations.trainings import *

class Fills(TorchCheckpointIO):
    saves = 0
    def save_checkpoint(self, checkpoint, path, storage_options=None):
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        super().save_checkpoint(checkpoint, path, storage_options)
        Fills.saves += 1
        if Fills.saves > 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))

folder = Path(sys.argv[1])
keeper = ModelCheckpoint(dirpath=folder, filename="best", monitor="val/loss", mode="max", enable_version_counter=False)
train(folder, keeper, plugins=[Fills()], max_epochs=2)
print(Fills.saves, [path.name for path in folder.iterdir()])
"""


@pytest.mark.prove
def test_a_disk_that_is_full_for_the_sidecar_alone_leaves_no_lie(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.endswith("2 ['best.ckpt']\n"), done.stdout + done.stderr
    assert "the training goes on" in done.stderr


PARALLEL = """
import sys
from pathlib import Path
from lightning.pytorch.callbacks import ModelCheckpoint
from tests.integrations.trainings import *

class Synced(TinyModel):
    def training_step(self, batch, index):
        loss = super().training_step(batch, index)
        self.log("train/synced", loss, on_epoch=True, on_step=False, sync_dist=True)
        return loss
    def on_train_epoch_end(self):
        self.trainer.save_checkpoint(folder / "hand" / f"{self.current_epoch}.ckpt")

folder = Path(sys.argv[1])
if __name__ == "__main__":
    keeper = ModelCheckpoint(dirpath=folder / "run", monitor="val/hmean", mode="max", save_top_k=2, save_last="link")
    model = train(folder, keeper, model=Synced(), devices=2, strategy=sys.argv[2], max_epochs=3)
    if model.returned and model.trainer.is_global_zero:
        assert len(assert_described(folder, model)) == 6
        print("described")
"""


@pytest.mark.prove
@pytest.mark.parametrize("strategy", ["ddp", "ddp_spawn"])
def test_two_processes_leave_one_document_for_each_checkpoint(tmp_path: Path, strategy: str) -> None:
    script = tmp_path / "parallel.py"
    script.write_text(PARALLEL)
    folder = tmp_path / "outputs"
    command = [sys.executable, str(script), str(folder), strategy]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    assert strategy == "ddp_spawn" or "described" in done.stdout
    assert sidecars_in(folder) == sorted(map(sidecar_of, checkpoints_in(folder)))
    assert len(checkpoints_in(folder)) == 6
    for checkpoint in checkpoints_in(folder):
        assert yaml.safe_load(sidecar_of(checkpoint).read_text())["file"]["name"] == checkpoint.name
