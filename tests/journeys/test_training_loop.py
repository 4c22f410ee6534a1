"""The loop closed: while a training runs, the catalog says of each of its checkpoints what the training knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from ckpt_indexer import connect, forget, record
from ckpt_indexer.integrations.lightning import MetadataCallback
from ckpt_indexer.integrations.transformers import MetadataCallback as TransformersCallback
from tests.integrations.sentences import trainer as trainer_of_sentences
from tests.integrations.trainings import TinyModel, batches, checkpoints_in, quiet, sidecars_in, trainer_for
from tests.journeys.harness import Daemon, eventually, problems, rows, run
from tests.journeys.witness import WITHIN_S, NotingIO, Paced, Seen, Witness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckpt_indexer.catalog.views import Row

pytestmark = quiet


SAME = {
    "backbone": "resnet18",
    "architecture": "dbnet",
    "num_parameters": 19,
    "conflicts": [],
    "sidecar_state": "verified",
}
"""What the catalog says of every checkpoint of the tiny model."""


@pytest.fixture
def witness(root: Path, database: Path) -> Iterator[Witness]:
    """A daemon that serves the root, and someone who watches its catalog."""
    with Daemon(root, database) as daemon:
        daemon.settle()
        with Witness(database) as watching:
            yield watching


def keeping(root: Path, **options: Any) -> ModelCheckpoint:
    place = root / "dbnet-1" / "checkpoints"
    return ModelCheckpoint(**{"dirpath": place, "monitor": "val/hmean", "mode": "max", "save_last": True, **options})


def fit(
    root: Path, witness: Witness, *callbacks: ModelCheckpoint, version: str = "2.0", ckpt_path: Path | None = None,
    **options: Any,
) -> tuple[TinyModel, NotingIO]:  # fmt: skip
    """Train at the catalog's pace; return the model, which knows its scores, and what wrote its checkpoints."""
    model, writer = TinyModel(), NotingIO()
    described = MetadataCallback(outputs_dir=root, schema_version=version)
    trainer = trainer_for(root, described, Paced(witness, writer), *callbacks, plugins=[writer], **options)
    trainer.fit(model, batches(), batches(), ckpt_path=ckpt_path, weights_only=False)
    report("saved -> row", witness.saw(writer.rows(model.returned)))
    report("removed -> missing", witness.missed(writer.removed))
    return model, writer


def report(what: str, waits: list[float]) -> None:
    """Print how long the catalog took: shown by `pytest -rP`."""
    if waits:
        print(f"{what}: {len(waits)}, median {waits[len(waits) // 2]:.2f} s, longest {waits[-1]:.2f} s")  # noqa: T201  # a measurement


def assert_rows_are_files(root: Path, database: Path) -> None:
    """Assert that the present rows are the checkpoints that are there, with nothing to complain about."""
    found = rows(database, "path", "presence = 'present'")
    assert [row["path"] for row in found] == [path.relative_to(root).as_posix() for path in checkpoints_in(root)]
    assert len(sidecars_in(root)) == len(found)
    assert problems(database) == []


def rows_of(database: Path, query: str = "") -> dict[str, Row]:
    """Return the rows that the client gives, by name."""
    with closing(connect(database)) as catalog:
        return {row["name"]: row for row in catalog.find(query)}


def present_names(database: Path) -> list[str]:
    return [row["name"] for row in rows(database, "name", "presence = 'present'")]


def best(database: Path, *, by: str) -> list[tuple[str, float]]:
    """Return path and score of the best of each group, on which command and client agree."""
    done = run(database, "best", "--json", "--by", by)
    assert done.returncode == 0, done.stderr
    with closing(connect(database)) as catalog:
        answer = [(row["path"], row["hmean"]) for row in catalog.best(by=by)]
    assert [(row["path"], row["hmean"]) for row in json.loads(done.stdout)] == answer
    return answer


def own_record(root: Path, callback: ModelCheckpoint) -> tuple[str, float]:
    """Return path and score of the best checkpoint by the training's own record."""
    return os.path.relpath(callback.best_model_path, root), float(callback.best_model_score)


def scores(row: Row) -> dict[str, float]:
    """Return what validation returned for a checkpoint, as the catalog has it."""
    return {name: value for name, value in row["metrics"].items() if name.startswith("val/") and value is not None}


def test_each_checkpoint_of_a_training_is_a_true_row_while_it_trains(
    root: Path, database: Path, witness: Witness
) -> None:
    top = keeping(root, save_top_k=2)
    steps = keeping(root, filename="s-{step}", every_n_train_steps=3, save_top_k=-1, monitor=None, save_last=False)
    model, writer = fit(root, witness, top, steps, max_epochs=5)
    assert_rows_are_files(root, database)
    found = rows_of(database)
    assert {name for name in found if name.startswith("s-")} == {f"s-step={step}.ckpt" for step in range(3, 21, 3)}
    for row in found.values():
        assert {name: row[name] for name in SAME} == SAME
        assert scores(row) == model.returned.get(row["global_step"], {})
        assert row["experiment"] == "dbnet-1"
    assert {row["path"].rpartition("/")[2] for row in rows(database, "path", "presence = 'missing'")} == {
        *writer.removed
    }
    assert len(writer.removed) == 2
    assert best(database, by="backbone") == best(database, by="none") == [own_record(root, top)]


def test_documents_of_version_1_say_the_same(root: Path, database: Path, witness: Witness) -> None:
    top = keeping(root, save_top_k=1)
    model, _ = fit(root, witness, top, version="1.0", max_epochs=3)
    assert_rows_are_files(root, database)
    told = {name: SAME[name] for name in SAME if name != "num_parameters"} | {"schema_version": "1.0"}
    for row in rows_of(database).values():
        assert {name: row[name] for name in told} == told
        assert scores(row) == model.returned[row["global_step"]]
    assert best(database, by="backbone") == [own_record(root, top)]


def test_a_resumed_training_goes_on_in_the_catalog(root: Path, database: Path, witness: Witness) -> None:
    _, before = fit(root, witness, keeping(root, save_top_k=1), max_epochs=1)
    top = keeping(root, save_top_k=1)
    model, after = fit(root, witness, top, max_epochs=3, ckpt_path=root / "dbnet-1" / "checkpoints" / "last.ckpt")
    assert [name for name, _, _ in before.saved] == ["epoch=0-step=4.ckpt", "last.ckpt"]
    assert "epoch=0-step=4.ckpt" in after.removed
    assert_rows_are_files(root, database)
    found = rows_of(database)
    assert (found["last.ckpt"]["epoch"], found["last.ckpt"]["global_step"]) == (2, 12)
    assert all(scores(row) == model.returned[row["global_step"]] for row in found.values())
    assert best(database, by="none") == [own_record(root, top)]


class Normalised(TinyModel):
    """Has what a state dict holds beside parameters: running statistics, and other buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
        self.encoder.model_name = "resnet18"
        self.criterion = nn.MSELoss()
        self.register_buffer("anchors", torch.ones(7))


def test_document_and_file_agree_on_how_many_parameters_there_are(root: Path, database: Path) -> None:
    model = Normalised()
    trainer = trainer_for(root, MetadataCallback(outputs_dir=root), keeping(root, save_last=False), max_epochs=1)
    trainer.fit(model, batches(), batches())
    done = run(database, "scan", root, "--full")
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(database).values()
    assert row["num_parameters"] == sum(parameter.numel() for parameter in model.parameters()) == 25
    assert (row["conflicts"], row["provenance"]["num_parameters"]) == ([], "sidecar")


@pytest.mark.parametrize("outputs", [".", "..", "dbnet-1", "dbnet-1/checkpoints"])
def test_a_training_may_call_another_directory_its_outputs_than_the_catalog(
    root: Path, database: Path, outputs: str
) -> None:
    callback = MetadataCallback(outputs_dir=root / outputs)
    trainer = trainer_for(root, callback, keeping(root, save_last=False), max_epochs=1)
    trainer.fit(TinyModel(), batches(), batches())
    assert run(database, "scan", root).returncode == 0
    (row,) = rows_of(database).values()
    assert (row["run_dir"], row["conflicts"], row["problems"]) == ("dbnet-1", [], [])


def test_a_loop_of_ones_own_is_followed_by_record_and_forget(root: Path, database: Path, witness: Witness) -> None:
    place = root / "plain" / "checkpoints"
    place.mkdir(parents=True)
    model = nn.Linear(4, 1)
    kept: list[tuple[float, Path]] = []
    saved: dict[Seen, float] = {}
    for epoch, hmean in enumerate((0.3, 0.9, 0.5)):
        path = place / f"epoch={epoch}.pt"
        torch.save({"model": model.state_dict(), "epoch": epoch, "global_step": epoch}, path)
        record(path, metrics={"hmean": hmean}, epoch=epoch, step=epoch, model=model, outputs_dir=root, strict=True)
        saved[Seen(path.name, epoch, epoch, hmean)] = time.monotonic()
        kept = sorted([*kept, (hmean, path)])
        witness.saw(saved)
    worst = kept[0][1]
    worst.unlink()
    assert forget(worst, strict=True)
    removed = {worst.name: time.monotonic()}
    report("recorded -> row", witness.saw(saved))
    report("forgotten -> missing", witness.missed(removed))
    assert best(database, by="none") == [("plain/checkpoints/epoch=1.pt", 0.9)]
    assert rows(database, "path", "presence = 'present'") == [
        {"path": "plain/checkpoints/epoch=1.pt"}, {"path": "plain/checkpoints/epoch=2.pt"},
    ]  # fmt: skip
    assert problems(database) == []


class PacedTrainer(transformers.TrainerCallback):
    """Begins an epoch only when the catalog has shown every checkpoint so far, and notes what rotation removed."""

    def __init__(self, root: Path, witness: Witness) -> None:
        self.root, self.witness = root, witness
        self.saved: dict[Seen, float] = {}
        self.removed: dict[str, float] = {}

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002  # as it is called
        name, score = f"checkpoint-{state.global_step}", state.log_history[-1]["eval_f1"]
        self.saved[Seen(name, int(state.epoch), state.global_step, score)] = time.monotonic()
        known = {seen.name for seen in self.saved} - self.removed.keys()
        self.removed |= {gone: time.monotonic() for gone in known if not (self.root / "bert" / gone).exists()}

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002  # as it is called
        self.witness.saw(self.saved)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning:torch")
def test_a_training_with_transformers_is_followed(
    root: Path, database: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    described, paced = TransformersCallback(exp_name="tiny", outputs_dir=root), PacedTrainer(root, witness)
    options = {"num_train_epochs": 4, "save_total_limit": 2, "metric_for_best_model": "f1", "greater_is_better": False}
    trained = trainer_of_sentences(root / "bert", described, paced, **options)
    trained.train()
    report("saved -> row", witness.saw(paced.saved))
    report("rotated -> missing", witness.missed(paced.removed))
    kept = ["checkpoint-2", "checkpoint-8"]
    eventually(lambda: present_names(database) == kept, timeout_s=WITHIN_S, what="the directories alone")
    logged = {row["step"]: row for row in trained.state.log_history if "eval_f1" in row}
    for row in rows_of(database).values():
        assert (row["experiment"], row["backbone"], row["epoch"]) == ("tiny", "bert", row["global_step"] // 2)
        assert row["num_parameters"] == sum(parameter.numel() for parameter in trained.model.parameters())
        assert {name: row["metrics"][name] for name in ("eval_f1", "eval_loss")} == {
            name: logged[row["global_step"]][name] for name in ("eval_f1", "eval_loss")
        }
        assert row["hmean"] == row["metrics"]["eval_f1"]
        assert (row["has_sidecar"], row["conflicts"], row["problems"]) == (True, [], [])
    done = run(database, "best", "--metric", "eval_f1", "--mode", "min", "--by", "none", "--json")
    own = (os.path.relpath(trained.state.best_model_checkpoint, root), trained.state.best_metric)
    assert [(row["path"], row["value"]) for row in json.loads(done.stdout)] == [own]


PARALLEL = """
import json, sys
from pathlib import Path
from tests.integrations.trainings import *
from lightning.pytorch.callbacks import ModelCheckpoint

folder = Path(sys.argv[1])
if __name__ == "__main__":
    keeper = ModelCheckpoint(folder / "dbnet-1" / "checkpoints", monitor="val/hmean", mode="max", save_top_k=2)
    model = train(folder, keeper, devices=2, strategy="ddp", max_epochs=4)
    if model.trainer.is_global_zero:
        kept = {Path(path).name: float(score) for path, score in keeper.best_k_models.items()}
        print(json.dumps({"kept": kept, "best": [os.path.relpath(keeper.best_model_path, folder), max(kept.values())]}))
"""


@pytest.mark.prove
def test_a_training_in_two_processes_gives_one_row_for_each_checkpoint(
    root: Path, database: Path, witness: Witness, tmp_path: Path
) -> None:
    script = tmp_path / "parallel.py"
    script.write_text(PARALLEL)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(script), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    eventually(lambda: set(present_names(database)) == set(said["kept"]), timeout_s=WITHIN_S, what="the rows")
    eventually(lambda: all(row["hmean"] == said["kept"][name] for name, row in rows_of(database).items()))
    assert_rows_are_files(root, database)
    assert {row["sidecar_state"] for row in rows_of(database).values()} == {"verified"}
    assert best(database, by="backbone") == [tuple(said["best"])]
    assert witness.shown
