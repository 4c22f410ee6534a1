"""The document as we write it: version 2.0, strict and frozen. Reading is elsewhere and tolerant: see `reading`.

Every key of 1.0 keeps its place and type. What is not known is left out: never null-filled, never "unknown".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ckpt_indexer.metadata.fields import (
    ABSENT_WORDS,
    INT_LIMIT,
    is_clean,
    is_file_name,
    is_relative,
    moment,
    moment_text,
)
from ckpt_indexer.metadata.versions import Mode, Phase  # noqa: TC001  # pydantic reads annotations at run time


def _clean(value: str) -> str:
    if not is_clean(value):
        raise ValueError("text must not hold NUL")
    return value


def _named(value: str) -> str:
    value = value.strip()
    if value.lower() in ABSENT_WORDS:
        raise ValueError("leave the key out when the name is not known")
    return value


def _relative(value: str) -> str:
    if not is_relative(value):
        raise ValueError("a path is relative to the outputs root, stays below it and has forward slashes")
    return value


def _plain_name(value: str) -> str:
    if not is_file_name(value):
        raise ValueError("a file name has no directory")
    return value


def _one_word(value: str) -> str:
    if len(value.split()) != 1:
        raise ValueError("one word, as top_k, last, step, manual, exception")
    return value


def _aware(value: object) -> object:
    """Return a moment that names its zone in UTC; text is ISO 8601. Anything else is left to the type to refuse."""
    found = moment(value, UTC) if isinstance(value, str | datetime) else None
    if found is None:
        return value
    if not found[1]:
        raise ValueError("a moment names its time zone")
    return found[0]


Text = Annotated[str, AfterValidator(_clean)]
Name = Annotated[Text, AfterValidator(_named)]
Place = Annotated[Text, AfterValidator(_relative)]
Count = Annotated[int, Field(ge=0, lt=INT_LIMIT)]
Size = Annotated[int, Field(ge=1, lt=INT_LIMIT)]
Integer = Annotated[int, Field(ge=-INT_LIMIT, lt=INT_LIMIT)]
Scalar = bool | Integer | float | Text
Value = Scalar | list[Scalar]
MetricName = Annotated[Text, Field(min_length=1)]


class Block(BaseModel):
    """A block of the document. Strict: `"3"` is no number, an unknown key is an error, NaN has no place."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, validate_default=True, protected_namespaces=()
    )


class File(Block):
    """What ties the document to its file."""

    name: Annotated[Text, AfterValidator(_plain_name)] | None = None
    size_bytes: Count | None = None
    mtime_ns: Integer | None = None


class Training(Block):
    """How far training was. The epoch is 0-indexed; `max_epochs` -1 means no limit."""

    epoch: Count | None = None
    global_step: Count | None = None
    training_phase: Phase | None = None
    max_epochs: Annotated[int, Field(ge=-1, lt=INT_LIMIT)] | None = None


class Encoder(Block):
    """The backbone."""

    model_name: Name | None = None
    pretrained: bool | None = None
    frozen: bool | None = None


class Decoder(Block):
    """The neck: channels in, inside and out."""

    name: Name | None = None
    in_channels: list[Integer] | None = None
    inner_channels: Size | None = None
    output_channels: Size | None = None
    params: dict[Text, Scalar] | None = None


class Head(Block):
    """The part that predicts."""

    name: Name | None = None
    in_channels: Size | None = None
    params: dict[Text, Scalar] | None = None


class Loss(Block):
    """What was minimised."""

    name: Name | None = None
    params: dict[Text, float] | None = None


class Part(Block):
    """One part of any model: its role is any word. Further keys describe it and count as params."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Value] = Field(init=False)

    role: Name
    name: Name | None = None
    params: dict[Text, Value] | None = None


class Model(Block):
    """The architecture and its parts."""

    architecture: Name | None = None
    encoder: Encoder | None = None
    decoder: Decoder | None = None
    head: Head | None = None
    loss: Loss | None = None
    components: list[Part] | None = None
    num_parameters: Count | None = None


class Metrics(Block):
    """Measured at `metrics_step`. A logged value that is NaN, infinite or stale is null."""

    precision: float | None = None
    recall: float | None = None
    hmean: float | None = None
    validation_loss: float | None = None
    additional_metrics: dict[MetricName, float | None] | None = None
    directions: dict[MetricName, Mode] | None = None


class Checkpointing(Block):
    """Which metric decides what is kept. `save_top_k` -1 keeps all."""

    monitor: Name | None = None
    mode: Mode | None = None
    save_top_k: Annotated[int, Field(ge=-1, lt=INT_LIMIT)] | None = None
    save_last: bool | None = None


class Run(Block):
    """One execution of training."""

    id: Name | None = None
    dir: Place | None = None
    name: Name | None = None


class Dataset(Block):
    """What the metrics were measured on."""

    name: Name | None = None
    version: Name | None = None
    split: Name | None = None


class Lineage(Block):
    """The checkpoints this one grew from."""

    resumed_from: Text | None = None
    finetuned_from: Text | None = None


class MetadataV2(Block):
    """A document of version 2.0. Demanded are the version, and `checkpoint_path` or `file.name`."""

    schema_version: Literal["2.0"]
    checkpoint_path: Place | None = None
    exp_name: Name | None = None
    created_at: Annotated[datetime, BeforeValidator(_aware)] | None = None
    file: File | None = None
    training: Training | None = None
    model: Model | None = None
    metrics: Metrics | None = None
    metrics_step: Count | None = None
    checkpointing: Checkpointing | None = None
    run: Run | None = None
    dataset: Dataset | None = None
    lineage: Lineage | None = None
    params: dict[Text, Value] | None = None
    """Hyper-parameters, flat: nested names are joined with dots."""
    environment: dict[Text, Value | dict[Text, Value]] | None = None
    """Framework versions, git commit, program: whatever helps to do it again."""
    saved_as: Annotated[Name, AfterValidator(_one_word)] | None = None
    tags: list[Name] | None = None
    notes: Text | None = None
    hydra_config_path: Place | None = None
    wandb_run_id: Name | None = None
    upgraded_from: dict[str, Any] | None = None  # what an older document said and 2.0 does not call a fact

    @model_validator(mode="after")
    def _names_its_file(self) -> MetadataV2:
        if self.checkpoint_path is None and (self.file is None or self.file.name is None):
            raise ValueError("a document needs checkpoint_path or file.name")
        return self


def to_document(model: BaseModel) -> dict[str, Any]:  # plain values, ready for YAML or JSON
    """Return a document as plain values. Of 2.0, keys that say nothing are left out; 1.0 keeps all its keys."""
    if not isinstance(model, Block):
        return model.model_dump(mode="json")
    plain: dict[str, Any] = {}  # plain values
    for name, value in model:
        if isinstance(value, Block):
            said: Any = to_document(value)  # a plain value
        elif isinstance(value, datetime):
            said = moment_text(value)
        elif isinstance(value, list):
            said = [to_document(item) if isinstance(item, Block) else item for item in value]
        else:
            said = value
        if said is not None and said not in ({}, []):
            plain[name] = said
    return plain
