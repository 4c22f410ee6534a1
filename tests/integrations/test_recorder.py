from __future__ import annotations

import argparse
import inspect
import json
import logging
import os
import resource
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ckpt_indexer import forget, record
from ckpt_indexer.errors import SchemaFromFuture, SidecarInvalid
from ckpt_indexer.integrations import recorder
from ckpt_indexer.integrations.guard import SidecarWarning
from ckpt_indexer.metadata.record import Metric, SidecarState
from tests.integrations.recorded import document, documents, reading, state


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    recorder.complaints().summarise()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "epoch=3-loss=0.25.ckpt"
    path.write_bytes(b"weights")
    return path


# -- what is written --------------------------------------------------------------------------------------------------


def test_the_document_is_verified_by_the_index(checkpoint: Path) -> None:
    written = record(checkpoint, metrics={"val/hmean": 0.5}, epoch=0, step=0)
    assert written == checkpoint.with_name("epoch=3-loss=0.25.metadata.yaml")
    assert state(checkpoint) is SidecarState.VERIFIED


def test_epoch_zero_and_a_metric_of_zero_are_values(checkpoint: Path) -> None:
    found = reading(record(checkpoint, metrics={"hmean": 0.0}, epoch=0, step=0)).finding
    assert (found.facts["epoch"], found.facts["global_step"], found.facts["metrics_step"]) == (0, 0, 0)
    assert found.metrics == {"hmean": Metric(0.0)}


def test_everything_that_can_be_said_is_written(checkpoint: Path, tmp_path: Path) -> None:
    written = record(
        checkpoint,
        metrics={"val/hmean": 0.5, "val": {"iou": 0.25}},
        epoch=3,
        step=40,
        model={"architecture": "dbnet", "backbone": "resnet18", "head": {"name": "db_head", "in_channels": 64}},
        config={"lr": 0.1, "optimizer": {"name": "adamw", "betas": (0.9, 0.99)}},
        run={"id": "r1", "dir": tmp_path, "name": "first"},
        monitor="val/hmean",
        mode="max",
        exp_name="e1",
        outputs_dir=tmp_path.parent,
        training_phase="finetuning",
        max_epochs=10,
        directions={"val/iou": "max"},
        dataset={"name": "receipts", "split": "val"},
        resumed_from="last.ckpt",
        finetuned_from=Path("imagenet"),
        saved_as="manual",
        tags=["good", "good"],
        notes="first try",
        wandb_run_id="w1",
        hydra_config_path=tmp_path / ".hydra" / "config.yaml",
        strict=True,
    )
    said = document(written)
    for key in ("environment", "created_at", "file"):
        assert said.pop(key)
    assert said == {
        "schema_version": "2.0",
        "checkpoint_path": f"{tmp_path.name}/epoch=3-loss=0.25.ckpt",
        "exp_name": "e1",
        "training": {"epoch": 3, "global_step": 40, "training_phase": "finetuning", "max_epochs": 10},
        "model": {
            "architecture": "dbnet",
            "encoder": {"model_name": "resnet18"},
            "head": {"name": "db_head", "in_channels": 64},
        },
        "metrics": {
            "hmean": 0.5,
            "additional_metrics": {"val/hmean": 0.5, "val/iou": 0.25},
            "directions": {"val/iou": "max"},
        },
        "metrics_step": 40,
        "checkpointing": {"monitor": "val/hmean", "mode": "max"},
        "run": {"id": "r1", "dir": tmp_path.name, "name": "first"},
        "dataset": {"name": "receipts", "split": "val"},
        "lineage": {"resumed_from": "last.ckpt", "finetuned_from": "imagenet"},
        "params": {"lr": 0.1, "optimizer.name": "adamw", "optimizer.betas": [0.9, 0.99]},
        "saved_as": "manual",
        "tags": ["good"],
        "notes": "first try",
        "hydra_config_path": f"{tmp_path.name}/.hydra/config.yaml",
        "wandb_run_id": "w1",
    }


def test_what_is_not_known_is_absent(checkpoint: Path) -> None:
    said = document(record(checkpoint))
    assert set(said) == {"schema_version", "created_at", "file", "environment"}


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        np.float32(0.5),
        np.float64(0.5),
        np.array(0.5),
        np.array([0.5]),
        torch.tensor(0.5),
        torch.tensor([0.5]),
        "0.5",
    ],
    ids=["float", "float32", "float64", "0-d", "1-d", "tensor", "tensor of one", "text"],
)
def test_any_number_is_a_metric(checkpoint: Path, value: object) -> None:
    assert reading(record(checkpoint, metrics={"m": value}, strict=True)).finding.metrics == {"m": Metric(0.5)}


@pytest.mark.parametrize("value", [np.int64(3), torch.tensor(3), 3.0, np.float32(3)])
def test_any_whole_number_is_a_step(checkpoint: Path, value: object) -> None:
    assert document(record(checkpoint, epoch=value, step=value, strict=True))["training"] == {
        "epoch": 3,
        "global_step": 3,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), torch.tensor(float("-inf"))])
def test_what_is_not_finite_is_null_and_said(checkpoint: Path, value: object) -> None:
    with pytest.warns(SidecarWarning, match=r"metrics\.val/loss: .* is not a finite number"):
        written = record(checkpoint, metrics={"val/loss": value, "val/hmean": 0.5}, strict=True)
    assert reading(written).finding.metrics["val/loss"] == Metric(None)
    assert document(written)["metrics"]["hmean"] == 0.5


def test_a_score_on_another_scale_keeps_its_name_and_value(checkpoint: Path) -> None:
    said = document(record(checkpoint, metrics={"hmean": 91.5}))
    assert said["metrics"] == {"additional_metrics": {"hmean": 91.5}}


def test_a_module_says_its_class_its_encoder_and_its_size(checkpoint: Path) -> None:
    class TinyNet(torch.nn.Module):  # type: ignore[misc]  # mypy does not follow torch
        def __init__(self) -> None:
            super().__init__()
            self.encoder = torch.nn.Linear(2, 3)
            self.encoder.model_name = "resnet18"

    for model in (TinyNet(), torch.nn.DataParallel(TinyNet()), torch.compile(TinyNet(), disable=True)):
        said = document(record(checkpoint, model=model, strict=True))["model"]
        assert said["architecture"] == "TinyNet"
        assert said["encoder"]["model_name"] == "resnet18"
        assert said["num_parameters"] == 9


@dataclass
class Optimizer:
    name: str = "sgd"
    api_key: str = "abcdefgh"


@dataclass
class Config:
    lr: float = 0.1
    optimizer: Optimizer = field(default_factory=Optimizer)


def omegaconf_config() -> Any:
    from omegaconf import OmegaConf

    return OmegaConf.create(
        {
            "lr": "${base.lr}",
            "base": {"lr": 0.1},
            "optimizer": {"name": "sgd", "api_key": "${oc.env:HOME}"},
            "gap": "???",
        }
    )


@pytest.mark.parametrize(
    "config",
    [
        {"lr": 0.1, "optimizer": {"name": "sgd", "api_key": "abcdefgh"}, "none": None},
        argparse.Namespace(lr=0.1, optimizer=argparse.Namespace(name="sgd", password="abc")),
        Config(),
        omegaconf_config(),
    ],
    ids=["mapping", "namespace", "dataclass", "omegaconf"],
)
def test_a_config_becomes_flat_params_without_secrets(checkpoint: Path, config: object) -> None:
    params = document(record(checkpoint, config=config, strict=True))["params"]
    params.pop("base.lr", None)
    assert params == {"lr": 0.1, "optimizer.name": "sgd"}


def test_a_wandb_run_is_noticed_where_it_is_in_use(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    run = types.SimpleNamespace(id="abc123", name="happy-1", project="p", entity="e")
    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(run=run))
    said = document(record(checkpoint))
    assert said["wandb_run_id"] == "abc123"
    assert said["run"] == {"id": "abc123", "name": "happy-1"}
    assert document(record(checkpoint, run=run, wandb_run_id="other"))["wandb_run_id"] == "other"


# -- where it is written ----------------------------------------------------------------------------------------------


def test_a_directory_checkpoint_carries_its_document(tmp_path: Path) -> None:
    place = tmp_path / "checkpoint-500"
    place.mkdir()
    (place / "model.bin").write_bytes(b"weights")
    before = place.stat().st_mtime_ns
    written = record(f"{place}/", step=500)
    assert written == place / "checkpoint.metadata.yaml"
    assert document(written)["file"] == {"name": "checkpoint-500"}
    assert state(place) is SidecarState.UNVERIFIED
    assert place.stat().st_mtime_ns == before
    assert forget(place)
    assert documents(tmp_path) == []


def test_a_shared_stem_gets_two_documents_and_never_a_third(tmp_path: Path) -> None:
    for name in ("best.ckpt", "best.safetensors"):
        (tmp_path / name).write_bytes(b"weights")
        record(tmp_path / name, epoch=1)
        record(tmp_path / name, epoch=2)
    record(tmp_path / "best.ckpt", epoch=3)
    assert documents(tmp_path) == ["best.ckpt.metadata.yaml", "best.safetensors.metadata.yaml"]
    assert state(tmp_path / "best.ckpt") is SidecarState.VERIFIED
    assert state(tmp_path / "best.safetensors") is SidecarState.VERIFIED


def test_bytes_and_names_that_are_no_text_are_paths_too(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.ckpt"
    with open(path, "wb") as file:
        file.write(b"weights")
    written = record(path, epoch=1, outputs_dir=tmp_path, strict=True)
    assert document(written)["file"]["name"] == "caf\\xe9.ckpt"
    assert b"caf\xe9.metadata.yaml" in os.listdir(os.fsencode(tmp_path))
    assert forget(path)


def test_a_rewritten_checkpoint_gets_a_new_document(checkpoint: Path) -> None:
    record(checkpoint, epoch=1, metrics={"hmean": 0.1})
    checkpoint.write_bytes(b"other weights")
    record(checkpoint, epoch=2)
    said = reading(checkpoint.with_name("epoch=3-loss=0.25.metadata.yaml")).finding
    assert (said.facts["epoch"], said.metrics) == (2, {})
    assert state(checkpoint) is SidecarState.VERIFIED


def test_a_checkpoint_that_is_not_there_yet_is_described_by_name(tmp_path: Path) -> None:
    with pytest.warns(SidecarWarning, match="record it after it is saved"):
        written = record(tmp_path / "later.ckpt", epoch=1)
    assert document(written)["file"] == {"name": "later.ckpt"}


def test_old_readers_get_version_1(checkpoint: Path) -> None:
    import yaml

    written = record(checkpoint, epoch=1, step=2, metrics={"val/hmean": 0.5}, schema_version="1.0", strict=True)
    assert written is not None
    said = yaml.safe_load(written.read_text(encoding="utf-8"))
    assert said["schema_version"] == "1.0"
    assert said["metrics"]["hmean"] == 0.5
    assert said["model"]["architecture"] == "unknown"
    assert forget(checkpoint)


# -- what goes wrong --------------------------------------------------------------------------------------------------


def hostile_model() -> object:
    class Hostile:
        @property
        def encoder(self) -> object:
            raise RuntimeError("no")

        def parameters(self) -> object:
            raise ValueError("no")

    return Hostile()


BAD: dict[str, dict[str, Any]] = {
    "a vector": {"metrics": {"m": torch.zeros(3)}},
    "text": {"metrics": {"m": "resnet"}},
    "no mapping": {"metrics": [0.5]},
    "a metric without a name": {"metrics": {1: 0.5}},
    "half an epoch": {"epoch": 0.5},
    "a negative step": {"step": -1},
    "a truth value": {"epoch": True},
    "another mode": {"monitor": "m", "mode": "best"},
    "a model that raises": {"model": hostile_model()},
    "an unknown part": {"model": {"neck": "fpn"}},
    "a part of another kind": {"model": {"encoder": 3}},
    "no config": {"config": 3},
    "an unknown argument": {"hmean": 0.5},
    "an unknown key": {"dataset": {"size": "3"}},
    "two words": {"saved_as": "top k"},
    "no tags": {"tags": 3},
    "no run": {"run": 3},
    "a path beyond": {"outputs_dir": "/nowhere/else", "hydra_config_path": "/etc/config.yaml"},
    "half a character": {"notes": "\ud800"},
}


@pytest.mark.parametrize("said", BAD.values(), ids=BAD.keys())
def test_a_bad_argument_costs_only_itself(checkpoint: Path, said: dict[str, Any]) -> None:
    with pytest.warns(SidecarWarning):
        written = record(checkpoint, **{"step": 7, "tags": ["kept"], **said})
    found = reading(written).finding
    assert "step" in said or found.facts["global_step"] == 7
    assert "tags" in said or found.tags == ["kept"]


@pytest.mark.parametrize("said", BAD.values(), ids=BAD.keys())
def test_strict_refuses_a_bad_argument_and_writes_nothing(checkpoint: Path, said: dict[str, Any]) -> None:
    with pytest.raises(SidecarInvalid):
        record(checkpoint, **said, strict=True)
    assert documents(checkpoint.parent) == []


@pytest.mark.parametrize("path", ["absent/x.ckpt", None, 3, "x\0.ckpt"])
def test_an_impossible_path_is_said_and_survived(tmp_path: Path, path: Any) -> None:
    with pytest.warns(SidecarWarning, match="failed: writing a metadata document"):
        assert record(tmp_path / path if path == "absent/x.ckpt" else path, epoch=1) is None
    with pytest.raises((OSError, TypeError, ValueError)):
        record(tmp_path / path if path == "absent/x.ckpt" else path, epoch=1, strict=True)


def test_a_failure_is_loud_once_and_logged_with_its_traceback(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for epoch in range(3):
            record(tmp_path / "absent" / "x.ckpt", epoch=epoch)
    assert len([one for one in said if "writing a metadata document" in str(one.message)]) == 1
    levels = [
        one.levelno for one in caplog.records if "writing a metadata document" in one.getMessage() and one.exc_info
    ]
    assert levels == [logging.WARNING, logging.DEBUG, logging.DEBUG]


def test_warnings_turned_into_errors_do_not_stop_the_training(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert record(tmp_path / "absent" / "x.ckpt") is None


def test_a_failed_rewrite_leaves_no_document_of_the_earlier_file(checkpoint: Path) -> None:
    record(checkpoint, epoch=1)
    checkpoint.write_bytes(b"other weights")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            record(checkpoint, epoch=2, strict=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(checkpoint.parent) == [checkpoint.name]


def test_a_document_from_the_future_stays(checkpoint: Path) -> None:
    place = checkpoint.with_name("epoch=3-loss=0.25.metadata.yaml")
    text = f"schema_version: '9.0'\nfile: {{name: {checkpoint.name}}}\n"
    place.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaFromFuture):
        record(checkpoint, epoch=1, strict=True)
    assert not forget(checkpoint)
    assert place.read_text(encoding="utf-8") == text


def test_version_1_without_an_epoch_is_refused(checkpoint: Path) -> None:
    with pytest.raises(SidecarInvalid, match=r"training\.epoch"):
        record(checkpoint, schema_version="1.0", strict=True)
    with pytest.raises(SidecarInvalid, match="schema_version"):
        record(checkpoint, schema_version="3.0", strict=True)


def test_too_many_parameters_cost_only_themselves(checkpoint: Path) -> None:
    with pytest.warns(SidecarWarning, match="too many parameters"):
        written = record(checkpoint, epoch=1, config={f"layer{n}": "x" * 400 for n in range(1_000)})
    assert reading(written).finding.facts["epoch"] == 1


# -- forget -----------------------------------------------------------------------------------------------------------


def test_forget_removes_the_document_of_a_deleted_checkpoint(checkpoint: Path) -> None:
    record(checkpoint, epoch=1)
    checkpoint.unlink()
    assert forget(checkpoint) is True
    assert forget(checkpoint) is False
    assert documents(checkpoint.parent) == []


@pytest.mark.parametrize(
    "text",
    ["schema_version: '2.0'\nfile:\n  name: other.ckpt\n", "schema_version: '2.0'\nepoch: 3\n", "a: [", "[1, 2]", "\0"],
)
def test_forget_leaves_what_is_not_that_files(checkpoint: Path, text: str) -> None:
    place = checkpoint.with_name("epoch=3-loss=0.25.metadata.yaml")
    place.write_text(text, encoding="utf-8")
    assert forget(checkpoint, strict=True) is False
    assert place.read_text(encoding="utf-8") == text


def test_forget_of_one_of_two_leaves_the_other(tmp_path: Path) -> None:
    for name in ("best.ckpt", "best.pt"):
        (tmp_path / name).write_bytes(b"weights")
    for name in ("best.ckpt", "best.pt"):
        record(tmp_path / name)
    (tmp_path / "best.ckpt").unlink()
    assert forget(tmp_path / "best.ckpt")
    assert documents(tmp_path) == ["best.pt.metadata.yaml"]


def test_forget_never_raises_by_default() -> None:
    with pytest.warns(SidecarWarning, match="failed: removing a metadata document"):
        assert forget(None) is False  # type: ignore[arg-type]  # a mistake a loop may make
    with pytest.raises(TypeError):
        forget(None, strict=True)  # type: ignore[arg-type]  # likewise


# -- what it costs ----------------------------------------------------------------------------------------------------

HEAVY = {
    "torch",
    "pydantic",
    "numpy",
    "yaml",
    "sqlalchemy",
    "sqlmodel",
    "click",
    "lightning",
    "transformers",
    "asyncio",
}
_ON_IMPORT = {"logging", "dataclasses", "pathlib", "inspect", "hashlib", "json", "datetime", "ckpt_indexer.metadata"}


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    bare = [sys.executable, "-I", "-S", "-c"]
    place = str(Path(recorder.__file__).parents[2])
    done = subprocess.run(
        [*bare, f"import sys; sys.path.insert(0, {place!r})\n{program}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_record_loads_next_to_nothing() -> None:
    seen = modules_after("from ckpt_indexer import record, forget")
    assert not {name.partition(".")[0] for name in seen} & HEAVY
    assert not seen & (_ON_IMPORT - {"json"})


def test_calling_record_imports_neither_torch_nor_pydantic(checkpoint: Path) -> None:
    call = (
        f"record({str(checkpoint)!r}, metrics={{'val/hmean': 0.5}}, epoch=1, step=2, model={{'encoder': 'resnet18'}},"
        " config={'lr': 0.1}, run='r', monitor='val/hmean', mode='max', strict=True)"
    )
    seen = modules_after(f"from ckpt_indexer import record, forget\n{call}\n{call}\nforget({str(checkpoint)!r})")
    assert not {name.partition(".")[0] for name in seen} & HEAVY


def test_the_signature_is_the_documented_one() -> None:
    named = list(inspect.signature(record).parameters)
    assert named == ["path", "metrics", "epoch", "step", "model", "config", "run", "monitor", "mode", "strict", "more"]
