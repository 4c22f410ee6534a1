"""Past shapes of the document, frozen: version 1.0 as the replaced system declared it, and the older version 0.

For writers that are asked for 1.0, and to say in tests what "valid" means. Reading never comes here: see `reading`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Mode = Literal["min", "max"]
Phase = Literal["training", "validation", "finetuning"]


def _iso_8601(value: str) -> str:
    """Return the text unchanged when it is an ISO 8601 moment."""
    datetime.fromisoformat(value)
    return value


Share = Annotated[float, Field(ge=0.0, le=1.0)]
Size = Annotated[int, Field(ge=1)]
Moment = Annotated[str, AfterValidator(_iso_8601)]
Scalars = dict[str, int | float | bool | str]


class Shape(BaseModel):
    """A block of version 1.0. As from every writer here, unknown keys and NaN are refused, which the replaced system
    let pass; all other rules are its own."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False, protected_namespaces=()
    )


class TrainingInfo(Shape):
    """How far training was. The epoch is 0-indexed."""

    epoch: int = Field(ge=0)
    global_step: int = Field(ge=0)
    training_phase: Phase = "training"
    max_epochs: Size | None = None


class EncoderInfo(Shape):
    """The backbone. Its flags are defaults more often than facts."""

    model_name: str
    pretrained: bool = True
    frozen: bool = False


class DecoderInfo(Shape):
    """The neck: channels in, inside and out."""

    name: str
    in_channels: list[int] = Field(default_factory=list)
    inner_channels: Size | None = None
    output_channels: Size | None = None
    params: Scalars = Field(default_factory=dict)


class HeadInfo(Shape):
    """The part that predicts."""

    name: str
    in_channels: Size | None = None
    params: Scalars = Field(default_factory=dict)


class LossInfo(Shape):
    """What was minimised."""

    name: str
    params: dict[str, float] = Field(default_factory=dict)


class ModelInfo(Shape):
    """The architecture and its four parts."""

    architecture: str
    encoder: EncoderInfo
    decoder: DecoderInfo
    head: HeadInfo
    loss: LossInfo


class MetricsInfo(Shape):
    """Measured on validation data. Everything else that was logged is in `additional_metrics`."""

    precision: Share | None = None
    recall: Share | None = None
    hmean: Share | None = None
    validation_loss: Annotated[float, Field(ge=0.0)] | None = None
    additional_metrics: dict[str, float] = Field(default_factory=dict)


class CheckpointingConfig(Shape):
    """Which metric decides what is kept. `save_top_k` -1 keeps all."""

    monitor: str
    mode: Mode
    save_top_k: int = Field(default=1, ge=-1)
    save_last: bool = True


class MetadataV1(Shape):
    """A document of version 1.0. `created_at` without a zone is local time of the machine that wrote it."""

    schema_version: Literal["1.0"] = "1.0"
    checkpoint_path: str
    exp_name: str
    created_at: Moment
    training: TrainingInfo
    model: ModelInfo
    metrics: MetricsInfo
    checkpointing: CheckpointingConfig
    hydra_config_path: str | None = None
    wandb_run_id: str | None = None


class OldShape(BaseModel):
    """A block of version 0, which was never declared: what is known of it, and whatever else there is."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class TrainingV0(OldShape):
    """How far training was."""

    epoch: int | None = None
    global_step: int | None = None
    training_phase: str | None = None


class ModelV0(OldShape):
    """The architecture; the encoder is a name only."""

    architecture: str | None = None
    encoder: str | None = None
    components: Any = None  # its shape differed from writer to writer


class ConfigV0(OldShape):
    """What 1.0 calls checkpointing."""

    monitor: str | None = None
    mode: Mode | None = None
    save_top_k: int | None = None


class MetadataV0(OldShape):
    """A document of version 0, a `.metadata.json`: metrics are keyed by the names they were logged under."""

    training: TrainingV0 | None = None
    model: ModelV0 | None = None
    metrics: dict[str, float | None] = Field(default_factory=dict)
    config: ConfigV0 | None = None
