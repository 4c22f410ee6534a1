"""Metadata, entries and catalogs as the replaced package typed them: mutable pydantic models.

The metadata models are version 1.0 of the document with every rule of the replaced package, unknown keys ignored. Our
own shape of 1.0, `metadata.versions`, is frozen and refuses what these let pass.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path  # noqa: TC003  # pydantic reads annotations at run time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

UNKNOWN = "unknown"
"""What the replaced package put where a name was not known, and where its types demand one."""
_SHORT = 20
"""Characters of an experiment's name that are shown when it has more than three above that."""

Mode = Literal["min", "max"]
Scalars = dict[str, int | float | bool | str]


class _Model(BaseModel):
    """What all of them have in common."""

    model_config = ConfigDict(validate_assignment=True, str_strip_whitespace=True, protected_namespaces=())


class TrainingInfo(_Model):
    """How far training was. The epoch is 0-indexed."""

    epoch: int = Field(ge=0)
    global_step: int = Field(ge=0)
    training_phase: Literal["training", "validation", "finetuning"] = "training"
    max_epochs: int | None = Field(default=None, ge=1)


class EncoderInfo(_Model):
    """The backbone."""

    model_name: str
    pretrained: bool = True
    frozen: bool = False


class DecoderInfo(_Model):
    """The decoder: channels in, inside and out."""

    name: str
    in_channels: list[int] = Field(default_factory=list)
    inner_channels: int | None = Field(default=None, ge=1)
    output_channels: int | None = Field(default=None, ge=1)
    params: Scalars = Field(default_factory=dict)


class HeadInfo(_Model):
    """The part that predicts."""

    name: str
    in_channels: int | None = Field(default=None, ge=1)
    params: Scalars = Field(default_factory=dict)


class LossInfo(_Model):
    """What was minimised."""

    name: str
    params: dict[str, float] = Field(default_factory=dict)


class ModelInfo(_Model):
    """The architecture and its four parts."""

    architecture: str
    encoder: EncoderInfo
    decoder: DecoderInfo
    head: HeadInfo
    loss: LossInfo


class MetricsInfo(_Model):
    """Measured on validation data."""

    precision: float | None = Field(default=None, ge=0.0, le=1.0)
    recall: float | None = Field(default=None, ge=0.0, le=1.0)
    hmean: float | None = Field(default=None, ge=0.0, le=1.0)
    validation_loss: float | None = Field(default=None, ge=0.0)
    additional_metrics: dict[str, float] = Field(default_factory=dict)


class CheckpointingConfig(_Model):
    """Which metric decides what is kept. `save_top_k` -1 keeps all."""

    monitor: str
    mode: Mode
    save_top_k: int = Field(default=1, ge=-1)
    save_last: bool = True


class CheckpointMetadataV1(_Model):
    """A document of version 1.0."""

    schema_version: Literal["1.0"] = "1.0"
    checkpoint_path: str
    exp_name: str
    created_at: str
    """ISO 8601; without a zone it is local time of the machine that wrote it."""
    training: TrainingInfo
    model: ModelInfo
    metrics: MetricsInfo
    checkpointing: CheckpointingConfig
    hydra_config_path: str | None = None
    wandb_run_id: str | None = None

    @field_validator("created_at")
    @classmethod
    def validate_iso_timestamp(cls, value: str) -> str:
        """Return the text unchanged when it is an ISO 8601 moment."""
        try:
            datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"Invalid ISO 8601 timestamp: {value}") from error
        return value


class CheckpointCatalogEntry(BaseModel):
    """One checkpoint as a dropdown shows it."""

    model_config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())

    checkpoint_path: Path
    """Below the directory the catalog was asked for, as that was given."""
    config_path: Path | None = None
    display_name: str
    architecture: str
    """`unknown` where nothing tells."""
    backbone: str
    """Likewise."""
    exp_name: str
    epochs: int | None = Field(default=None, ge=0)
    """0-indexed epoch; None where nothing tells."""
    created_timestamp: str = ""
    """`YYYYmmdd_HHMM`, local time; empty where nothing tells."""
    hmean: float | None = Field(default=None, ge=0.0, le=1.0)
    precision: float | None = Field(default=None, ge=0.0, le=1.0)
    recall: float | None = Field(default=None, ge=0.0, le=1.0)
    monitor: str | None = None
    monitor_mode: Mode | None = None
    has_metadata: bool = False
    """A valid document lies beside it, or W&B told of it."""

    def to_display_option(self) -> str:
        """Return one line for a dropdown: the parts that are known. A checkpoint whose model and experiment nobody
        knows goes by its name."""
        parts = [name for name in (self.architecture, self.backbone) if name not in {"", UNKNOWN}]
        if self.exp_name and self.exp_name not in {*parts, UNKNOWN}:
            is_long = len(self.exp_name) > _SHORT + 3
            parts.append(self.exp_name[:_SHORT] + "..." if is_long else self.exp_name)
        model = " · ".join(parts) or self.display_name
        notes = [] if self.epochs is None else [f"ep{self.epochs}"]
        for word, value in (("hmean", self.hmean), ("prec", self.precision), ("rec", self.recall)):
            if value is not None:
                notes.append(f"{word} {value:.3f}")
        if self.created_timestamp:
            notes.append(self.created_timestamp)
        return f"{model} ({' • '.join(notes)})" if notes else model


class CheckpointCatalog(BaseModel):
    """The checkpoints below one directory, and how long finding them took."""

    entries: list[CheckpointCatalogEntry] = Field(default_factory=list)
    total_count: int = Field(default=0, ge=0)
    metadata_available_count: int = Field(default=0, ge=0)
    catalog_build_time_seconds: float = Field(default=0.0, ge=0.0)
    outputs_dir: Path

    @property
    def metadata_coverage_percent(self) -> float:
        """Return how many of a hundred checkpoints have metadata; 0.0 for an empty catalog."""
        return self.metadata_available_count / self.total_count * 100 if self.total_count else 0.0
