"""Trees of real checkpoints: a Lightning training without documents, files as torch and safetensors write them, and
documents as the replaced system's callback wrote them."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from typing import TYPE_CHECKING, Any

import torch
import yaml
from safetensors.torch import save_file

from ckpt_indexer import app
from tests.journeys.harness import settings_for

if TYPE_CHECKING:
    from pathlib import Path

MONITOR = "val/hmean"
CALLBACK = "ModelCheckpoint{'monitor': 'val/hmean', 'mode': 'max', 'every_n_train_steps': 0, 'every_n_epochs': 1}"
SCORES = (0.3, 0.9, 0.5)
"""What validation returned after each epoch of `train`; the best is the second."""


def train(run: Path) -> Path:
    """Train three epochs of four steps with Lightning and its CSV logger, without any document; return the folder of
    the checkpoints: `epoch=N-step=M.ckpt` and `last.ckpt`."""
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger

    from tests.integrations import trainings

    run.mkdir(parents=True)
    folder = run / "checkpoints"
    keep = ModelCheckpoint(
        folder, filename="{epoch}-{step}", monitor=MONITOR, mode="max", save_top_k=-1, save_last=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger = CSVLogger(run, name="csv_logs")
        trainer = trainings.trainer_for(run, keep, logger=logger, log_every_n_steps=1)
        trainer.fit(trainings.TinyModel(scores=SCORES), trainings.batches(), trainings.batches())
    return folder


def state(epoch: int = 3, global_step: int = 300, *, seed: int = 0, **more: Any) -> dict[str, Any]:
    """Return what Lightning saves, its keys in Lightning's order. `seed` decides the weights."""
    made = torch.Generator().manual_seed(seed)
    weights = {
        "model.encoder.weight": torch.randn(3, 4, generator=made),
        "model.head.weight": torch.randn(1, 3, generator=made),
    }
    made_state: dict[str, Any] = {
        "epoch": epoch,
        "global_step": global_step,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": weights,
        "callbacks": {CALLBACK: {"monitor": MONITOR, "best_model_score": torch.tensor(0.9), "best_k_models": {}}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(float(global_step))}}, "param_groups": []}],
        "lr_schedulers": [],
        "hyper_parameters": {"lr": 0.5, "architecture_name": "dbnet"},
    }
    return made_state | more


PARAMETERS = 15
"""How many `state` holds."""


def save(path: Path, value: Any, *, legacy: bool = False) -> Path:
    """Write a checkpoint as `torch.save` does, under its name at once: by a rename, as trainers do."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return put(path, buffer.getvalue())


def put(path: Path, data: bytes) -> Path:
    """Write a file beside and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:100]}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
    return path


def save_late(path: Path, epoch: int, global_step: int) -> Path:
    """Write a torch zip whose counters come after the weights, where a peek does not find them."""
    whole = state(epoch, global_step)
    return save(
        path, {name: whole[name] for name in (*sorted(whole.keys() - {"epoch", "global_step"}), "epoch", "global_step")}
    )


def save_safetensors(path: Path, epoch: int, global_step: int) -> Path:
    """Write a safetensors file whose metadata tells its counters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"epoch": str(epoch), "global_step": str(global_step)}
    save_file(state(epoch, global_step)["state_dict"], path, metadata=metadata)
    return path


def replaced_sidecar(checkpoint: Path, *, epoch: int, global_step: int, hmean: float) -> Path:
    """Write a version 1.0 document as the replaced callback did: nothing in it ties it to the state of its file."""
    document = {
        "schema_version": "1.0",
        "checkpoint_path": f"{checkpoint.parent.name}/{checkpoint.name}",
        "exp_name": "dbnet-1",
        "created_at": "2025-10-19T13:36:50.323967",
        "training": {"epoch": epoch, "global_step": global_step, "training_phase": "training", "max_epochs": 25},
        "model": {
            "architecture": "dbnet",
            "encoder": {"model_name": "resnet18", "pretrained": True, "frozen": False},
            "decoder": {"name": "unet", "in_channels": [], "params": {}},
            "head": {"name": "db_head", "params": {}},
            "loss": {"name": "db_loss", "params": {}},
        },
        "metrics": {"precision": hmean, "recall": hmean, "hmean": hmean, "additional_metrics": {}},
        "checkpointing": {"monitor": MONITOR, "mode": "max", "save_top_k": 3, "save_last": True},
    }
    path = checkpoint.with_name(checkpoint.name.rpartition(".")[0] + ".metadata.yaml")
    put(path, yaml.safe_dump(document, sort_keys=False).encode())
    return path


def own_sidecar(checkpoint: Path, **more: Any) -> Path:
    """Write a complete 2.0 document that is tied to its file by size and time."""
    stat = checkpoint.stat()
    document = {
        "schema_version": "2.0",
        "file": {"name": checkpoint.name, "size_bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns},
        "exp_name": "dbnet-1",
        "training": {"epoch": 3, "global_step": 300},
        "model": {"architecture": "dbnet", "encoder": {"model_name": "resnet18"}},
        "metrics": {"hmean": 0.75},
    }
    path = checkpoint.with_name(checkpoint.name.rpartition(".")[0] + ".metadata.yaml")
    put(path, yaml.safe_dump(document | more, sort_keys=False).encode())
    return path


def scan(root: Path, database: Path, *, full: bool = False) -> dict[str, Any]:
    """Scan as the command does, in this process; return its summary."""
    return app.scan(settings_for(database), [root], full=full, progress=None).to_dict()


def shown(database: Path, ref: str) -> dict[str, Any]:
    """Return the row that `show --json` prints."""
    with contextlib.closing(app.open_catalog(settings_for(database))) as catalog:
        return dict(catalog.get(ref))


def best(database: Path, by: str = "backbone") -> list[str]:
    """Return the paths that `best` lists, the best group first."""
    with contextlib.closing(app.open_catalog(settings_for(database))) as catalog:
        return [row["path"] for row in catalog.best("hmean", by=by)]


def children_of(pid: int) -> list[int]:
    """Return the processes below a process, at any depth."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:  # it has ended meanwhile
                continue
    found = [pid]
    for place in found:
        found += [child for child, parent in parents.items() if parent == place]
    return found[1:]


def alive(pids: list[int]) -> list[int]:
    """Return those of the processes that have not ended."""
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
