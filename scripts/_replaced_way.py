"""The way this program replaces, as its specification draws it: the baseline of bench_index.py.

    python scripts/_replaced_way.py OUTPUTS

One walk with `rglob`, `yaml.safe_load` per document, a pydantic model of schema 1.0, a sorted list of entries. The
searches for configs and W&B runs that it also did are left out, so the baseline is faster than the original.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

Params = dict[str, int | float | bool | str]


class Training(BaseModel):
    """How far the training was."""

    epoch: int = Field(ge=0)
    global_step: int = Field(ge=0)
    training_phase: Literal["training", "validation", "finetuning"] = "training"
    max_epochs: int | None = Field(default=None, ge=1)


class Encoder(BaseModel):
    """The backbone."""

    model_config = ConfigDict(protected_namespaces=())
    model_name: str
    pretrained: bool = True
    frozen: bool = False


class Decoder(BaseModel):
    """The decoder and its channels."""

    name: str
    in_channels: list[int] = Field(default_factory=list)
    inner_channels: int | None = Field(default=None, ge=1)
    output_channels: int | None = Field(default=None, ge=1)
    params: Params = Field(default_factory=dict)


class Head(BaseModel):
    """The detection head."""

    name: str
    in_channels: int | None = Field(default=None, ge=1)
    params: Params = Field(default_factory=dict)


class Loss(BaseModel):
    """The loss function."""

    name: str
    params: dict[str, float] = Field(default_factory=dict)


class Model(BaseModel):
    """The parts of the model."""

    architecture: str
    encoder: Encoder
    decoder: Decoder
    head: Head
    loss: Loss


class Metrics(BaseModel):
    """What was measured."""

    precision: float | None = Field(default=None, ge=0.0, le=1.0)
    recall: float | None = Field(default=None, ge=0.0, le=1.0)
    hmean: float | None = Field(default=None, ge=0.0, le=1.0)
    validation_loss: float | None = Field(default=None, ge=0.0)
    additional_metrics: dict[str, float] = Field(default_factory=dict)


class Checkpointing(BaseModel):
    """How checkpoints are kept."""

    monitor: str
    mode: Literal["min", "max"]
    save_top_k: int = Field(default=1, ge=-1)
    save_last: bool = True


class Document(BaseModel):
    """Schema 1.0."""

    model_config = ConfigDict(validate_assignment=True, str_strip_whitespace=True)
    schema_version: Literal["1.0"] = "1.0"
    checkpoint_path: str
    exp_name: str
    created_at: str
    training: Training
    model: Model
    metrics: Metrics
    checkpointing: Checkpointing
    hydra_config_path: str | None = None
    wandb_run_id: str | None = None

    @field_validator("created_at")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        datetime.fromisoformat(value)
        return value


class Entry(BaseModel):
    """One line of the replaced catalog."""

    checkpoint_path: Path
    display_name: str
    architecture: str
    backbone: str
    exp_name: str
    epochs: int = Field(ge=0)
    created_timestamp: str
    hmean: float | None = Field(default=None, ge=0.0, le=1.0)
    precision: float | None = Field(default=None, ge=0.0, le=1.0)
    recall: float | None = Field(default=None, ge=0.0, le=1.0)
    monitor: str | None = None
    monitor_mode: Literal["min", "max"] | None = None
    has_metadata: bool = False


def build_catalog(outputs: Path) -> list[Entry]:
    """Return an entry for every checkpoint below `outputs` that has a document."""
    entries = [entry for path in sorted(outputs.rglob("*.ckpt")) if (entry := build_entry(path)) is not None]
    entries.sort(key=lambda entry: (entry.architecture, entry.backbone, entry.epochs, entry.checkpoint_path.name))
    return entries


def build_entry(checkpoint: Path) -> Entry | None:
    """Return the entry of one checkpoint, None without a document."""
    sidecar = checkpoint.with_suffix(".metadata.yaml")
    if not sidecar.exists():
        return None
    with sidecar.open(encoding="utf-8") as stream:
        loaded: Any = yaml.safe_load(stream)  # Any: what YAML gives
    document = Document.model_validate(loaded)
    return Entry(
        checkpoint_path=checkpoint,
        display_name=checkpoint.stem,
        architecture=document.model.architecture,
        backbone=document.model.encoder.model_name,
        exp_name=document.exp_name,
        epochs=document.training.epoch,
        created_timestamp=document.created_at[:13].replace("T", "_").replace("-", ""),
        hmean=document.metrics.hmean,
        precision=document.metrics.precision,
        recall=document.metrics.recall,
        monitor=document.checkpointing.monitor,
        monitor_mode=document.checkpointing.mode,
        has_metadata=True,
    )


if __name__ == "__main__":
    print(len(build_catalog(Path(sys.argv[1]))))
