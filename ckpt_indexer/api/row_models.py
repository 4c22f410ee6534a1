"""What a row looks like in the OpenAPI description, and what says how fresh it is."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Root(BaseModel):
    """A watched directory, and how fresh its rows are."""

    name: str
    path: str
    state: str
    mode: str
    as_of: str | None = Field(description="When its last complete scan ended.")


class Fresh(BaseModel):
    """How fresh an answer is."""

    catalog: str = Field(description="Random id of the catalog.")
    seq: int = Field(description="Number of the last change.")
    as_of: str | None = Field(description="The oldest of the roots' last complete scans.")
    roots: list[Root]


class Issue(BaseModel):
    """Something wrong with a checkpoint."""

    kind: str
    message: str


class Row(BaseModel):
    """One checkpoint. Unknown is null."""

    model_config = ConfigDict(extra="allow")

    id: int
    root: str
    path: str
    abs_path: str
    name: str
    format: str | None
    size_bytes: int | None
    mtime: str | None
    created_at: str | None
    experiment: str | None
    run_id: str | None
    run_dir: str | None
    architecture: str | None
    backbone: str | None
    decoder: str | None
    head: str | None
    loss: str | None
    epoch: int | None
    global_step: int | None
    training_phase: str | None
    max_epochs: int | None
    hmean: float | None
    precision: float | None
    recall: float | None
    validation_loss: float | None
    metrics: dict[str, float | None]
    metrics_step: int | None
    monitor: str | None
    monitor_mode: str | None
    dataset: str | None
    split: str | None
    num_parameters: int | None
    components: list[dict[str, Any]]  # open by design
    params: dict[str, Any]  # JSON values
    saved_as: str | None
    source: str | None
    sidecar_state: str | None
    has_sidecar: bool
    schema_version: str | None
    read_state: str
    presence: str
    problems: list[Issue]
    conflicts: list[dict[str, Any]]  # JSON values
    provenance: dict[str, str]
    alias_of: int | None
    duplicate_of: int | None
    wandb_run_id: str | None
    config_path: str | None
    tags: list[str]
    notes: str | None
    pinned: bool
    seq: int
    content_id: str | None
    weights_id: str | None
    header: dict[str, Any]  # JSON values


class RankedRow(Row):
    """A checkpoint and its place in a ranking."""

    group: str | None
    value: float
    rank: int
    n: int
    ties: int


class OneRow(Row):
    """One checkpoint, where each fact was found, and how fresh that is."""

    catalog: str
    catalog_seq: int
    as_of: str | None
    roots: list[Root]
    details: dict[str, str]
