from __future__ import annotations

import logging
import os
import pickle
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import transformers
from transformers import TrainerCallback

from ckpt_indexer.integrations.guard import SidecarWarning
from ckpt_indexer.integrations.transformers import MetadataCallback
from ckpt_indexer.metadata.record import Metric, SidecarState
from tests.integrations.recorded import document, finding, reading, state
from tests.integrations.sentences import trainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
]
INSIDE = "checkpoint.metadata.yaml"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    yield
    logging.getLogger("transformers").setLevel(logging.NOTSET)


def evaluated(trained: Any, step: int) -> dict[str, Metric]:
    """Return what the Trainer itself logged of the evaluation at a step."""
    rows = [row for row in trained.state.log_history if row["step"] == step and "eval_loss" in row]
    assert len(rows) == 1
    return {name: Metric(value) for name, value in rows[0].items() if name.startswith("eval_")}


def test_every_checkpoint_carries_what_its_evaluation_returned(tmp_path: Path) -> None:
    trained = trainer(tmp_path, metric_for_best_model="f1", greater_is_better=True)
    trained.train()
    saved = sorted(path.name for path in tmp_path.glob("checkpoint-*"))
    assert saved == ["checkpoint-2", "checkpoint-4"]
    for step, epoch in ((2, 1), (4, 2)):
        found = reading(tmp_path / f"checkpoint-{step}" / INSIDE).finding
        logged = {name: metric for name, metric in found.metrics.items() if name.startswith("eval_")}
        assert logged == evaluated(trained, step)
        facts = found.facts
        assert (facts["epoch"], facts["global_step"], facts["metrics_step"]) == (epoch, step, step)
        assert (facts["monitor"], facts["monitor_mode"]) == ("eval_f1", "max")


def test_the_index_finds_the_document_and_nothing_against_it(tmp_path: Path) -> None:
    trainer(tmp_path).train()
    checkpoint = tmp_path / "checkpoint-4"
    assert state(checkpoint) is SidecarState.UNVERIFIED
    (checkpoint / "optimizer.pt").unlink()
    assert state(checkpoint) is SidecarState.UNVERIFIED


def test_the_document_says_what_was_trained_and_how(tmp_path: Path) -> None:
    trained = trainer(
        tmp_path / "runs" / "bert",
        MetadataCallback(exp_name="tiny", outputs_dir=tmp_path),
        run_name="first",
        max_steps=2,
    )
    trained.train()
    written = document(tmp_path / "runs" / "bert" / "checkpoint-2" / INSIDE)
    assert written["exp_name"] == "tiny"
    assert written["checkpoint_path"] == "runs/bert/checkpoint-2"
    assert written["run"] == {"dir": "runs/bert", "name": "first"}
    assert written["model"]["architecture"] == "BertForSequenceClassification"
    assert written["model"]["encoder"]["model_name"] == "bert"
    assert written["model"]["num_parameters"] == sum(one.numel() for one in trained.model.parameters())
    assert written["params"]["learning_rate"] == 0.01
    assert written["params"]["per_device_train_batch_size"] == 4
    assert not [key for key in written["params"] if "token" in key or "dir" in key]
    assert "max_epochs" not in written["training"]
    assert written["environment"]["transformers"] == transformers.__version__


def test_rotation_leaves_documents_only_where_checkpoints_are(tmp_path: Path) -> None:
    trained = trainer(
        tmp_path, num_train_epochs=4, save_total_limit=1, load_best_model_at_end=True, metric_for_best_model="loss"
    )
    trained.train()
    left = sorted(tmp_path.glob("checkpoint-*"))
    assert 1 <= len(left) <= 2
    assert sorted(tmp_path.rglob(f"*{INSIDE}")) == [path / INSIDE for path in left]
    for path in left:
        step = int(path.name.removeprefix("checkpoint-"))
        metrics = reading(path / INSIDE).finding.metrics
        assert metrics["eval_loss"] == evaluated(trained, step)["eval_loss"]


def test_a_checkpoint_between_evaluations_has_no_metrics_and_no_epoch(tmp_path: Path) -> None:
    trainer(tmp_path, save_strategy="steps", save_steps=1, num_train_epochs=1).train()
    within = document(tmp_path / "checkpoint-1" / INSIDE)
    assert within["training"]["global_step"] == 1
    assert "epoch" not in within["training"]
    assert "metrics" not in within
    assert "metrics_step" not in within
    assert within["saved_as"] == "step"


def test_an_evaluation_after_the_save_of_its_step_is_added(tmp_path: Path) -> None:
    trained = trainer(tmp_path, save_strategy="steps", save_steps=2, num_train_epochs=1)
    trained.train()
    found = reading(tmp_path / "checkpoint-2" / INSIDE).finding
    assert found.metrics["eval_f1"] == evaluated(trained, 2)["eval_f1"]


def test_an_evaluation_after_training_changes_no_document(tmp_path: Path) -> None:
    trained = trainer(tmp_path, load_best_model_at_end=True)
    trained.train()
    before = (tmp_path / "checkpoint-4" / INSIDE).read_bytes()
    trained.evaluate()
    assert (tmp_path / "checkpoint-4" / INSIDE).read_bytes() == before


def test_a_resumed_training_describes_what_it_saves_itself(tmp_path: Path) -> None:
    trainer(tmp_path, num_train_epochs=1).train()
    first = (tmp_path / "checkpoint-2" / INSIDE).read_bytes()
    resumed = trainer(tmp_path, num_train_epochs=2)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert (tmp_path / "checkpoint-2" / INSIDE).read_bytes() == first
    found = reading(tmp_path / "checkpoint-4" / INSIDE).finding
    assert (found.facts["epoch"], found.facts["global_step"]) == (2, 4)
    assert found.metrics["eval_f1"] == evaluated(resumed, 4)["eval_f1"]


def test_only_the_first_process_of_all_writes(tmp_path: Path) -> None:
    trained = trainer(tmp_path, num_train_epochs=1)
    trained.state.is_world_process_zero = False
    trained.state.global_step = 2
    (tmp_path / "checkpoint-2").mkdir()
    callback = MetadataCallback()
    callback.on_save(trained.args, trained.state, trained.control, model=trained.model)
    assert list((tmp_path / "checkpoint-2").iterdir()) == []
    trained.state.is_world_process_zero = True
    callback.on_save(trained.args, trained.state, trained.control, model=trained.model)
    assert [path.name for path in (tmp_path / "checkpoint-2").iterdir()] == [INSIDE]


def test_the_trial_of_a_search_is_found(tmp_path: Path) -> None:
    trained = trainer(tmp_path, num_train_epochs=1)
    trained.state.is_hyper_param_search, trained.state.global_step = True, 2
    trained.state.trial_params = {"learning_rate": 0.5}
    (tmp_path / "run-3" / "checkpoint-2").mkdir(parents=True)
    MetadataCallback().on_save(trained.args, trained.state, trained.control, model=trained.model)
    written = document(tmp_path / "run-3" / "checkpoint-2" / INSIDE)
    assert written["params"]["learning_rate"] == 0.5


def test_a_failure_is_said_once_and_never_stops_the_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Occupied(TrainerCallback):
        """Puts a directory where the document goes."""

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002  # as it is called
            (tmp_path / f"checkpoint-{state.global_step}" / INSIDE).mkdir()

    trained = trainer(tmp_path, Occupied(), MetadataCallback(), num_train_epochs=3)
    with pytest.warns(SidecarWarning, match="failed: writing a metadata document"):
        trained.train()
    assert trained.state.global_step == 6
    assert not [path for path in tmp_path.rglob(INSIDE) if path.is_file()]
    said = [record for record in caplog.records if record.name.startswith("ckpt_indexer")]
    loud = [record.getMessage() for record in said if record.levelno == logging.WARNING]
    assert len([message for message in loud if message.startswith("failed: writing a metadata")]) == 1
    assert "3 times in all" in loud[-1]


def test_old_readers_get_version_1(tmp_path: Path) -> None:
    import yaml

    trainer(tmp_path / "bert", MetadataCallback(schema_version="1.0"), num_train_epochs=1).train()
    written = yaml.safe_load((tmp_path / "bert" / "checkpoint-2" / INSIDE).read_text(encoding="utf-8"))
    assert written["schema_version"] == "1.0"
    assert written["exp_name"] == "bert"
    assert written["checkpoint_path"] == "checkpoint-2"
    found = finding(tmp_path / "bert" / "checkpoint-2")
    assert found is not None
    assert found.facts["epoch"] == 1


def test_version_1_within_an_epoch_names_the_epoch_in_progress(tmp_path: Path) -> None:
    callback = MetadataCallback(schema_version="1.0")
    trainer(tmp_path, callback, save_strategy="steps", save_steps=1, num_train_epochs=1).train()
    found = finding(tmp_path / "checkpoint-1")
    assert found is not None
    assert found.facts["epoch"] == 0


def test_a_model_that_raises_costs_only_itself(tmp_path: Path) -> None:
    class Hostile:
        @property
        def config(self) -> Any:
            raise RuntimeError("no")

    trained = trainer(tmp_path)
    trained.state.global_step = 2
    (tmp_path / "checkpoint-2").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SidecarWarning)
        MetadataCallback().on_save(trained.args, trained.state, trained.control, model=Hostile())
    written = document(tmp_path / "checkpoint-2" / INSIDE)
    assert written["training"]["global_step"] == 2
    assert "model" not in written


@pytest.mark.parametrize("said", [{"training_phase": "testing"}, {"schema_version": "3.0"}])
def test_an_argument_that_is_wrong_is_refused_before_the_training(said: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(said))):
        MetadataCallback(**said)


def test_the_training_never_waits_for_the_disk_and_its_end_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: dict[int, str] = {}

    def note(descriptor: int) -> None:
        flushed[os.fstat(descriptor).st_ino] = threading.current_thread().name

    trained = trainer(tmp_path)
    monkeypatch.setattr(os, "fsync", note)
    trained.train()
    monkeypatch.undo()
    written = sorted(tmp_path.rglob(INSIDE))
    assert {path.stat().st_ino for path in written} <= flushed.keys()
    assert (len(written), set(flushed.values())) == (2, {"ckpt-indexer-flusher"})


def test_the_age_of_a_checkpoint_directory_stays_as_the_trainer_left_it(tmp_path: Path) -> None:
    ages: dict[str, int] = {}

    class Before(TrainerCallback):
        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002  # as it is called
            ages[f"checkpoint-{state.global_step}"] = (tmp_path / f"checkpoint-{state.global_step}").stat().st_mtime_ns

    trainer(tmp_path, Before(), MetadataCallback()).train()
    assert ages == {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("checkpoint-*")}


def test_the_callback_travels_to_other_processes() -> None:
    copied = pickle.loads(pickle.dumps(MetadataCallback("tiny", "outputs", "finetuning", "1.0")))
    assert (copied.exp_name, copied.outputs_dir, copied.training_phase, copied.schema_version) == (
        "tiny", "outputs", "finetuning", "1.0",
    )  # fmt: skip
