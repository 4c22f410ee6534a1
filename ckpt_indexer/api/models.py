"""What answers look like, for the OpenAPI description only: no answer passes through these."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ckpt_indexer.api.row_models import Fresh, Issue, RankedRow, Row
from ckpt_indexer.catalog.fields import PROMOTED

HEADLINES = frozenset(PROMOTED)


class Rows(Fresh):
    """A page of checkpoints."""

    items: list[dict[str, Any] | Row]  # whole rows, or the keys asked for
    next: str | None = Field(description="Where the following page begins; null on the last.")
    hidden: int = Field(description="Matching rows left out because they are not present.")
    total: int | None = Field(None, description="With `count=exact`: how many rows match, on all pages.")


class Ranking(Fresh):
    """The best of each group."""

    items: list[RankedRow]
    next: None
    hidden: int
    warnings: list[str]
    known_metrics: list[str]


class Choice(BaseModel):
    """One line of a dropdown."""

    value: int
    label: str
    path: str
    config_path: str | None


class Choices(Fresh):
    """The lines of a dropdown."""

    items: list[Choice]
    next: None


class Comparison(Fresh):
    """Checkpoints side by side."""

    items: list[Row]
    fields: dict[str, list[Any]] = Field(description="Field -> a value per checkpoint; only where they differ.")
    next: None


class Experiment(BaseModel):
    """A summary of an experiment."""

    name: str | None
    count: int
    size_bytes: int
    best: float | None
    best_epoch: int | None
    best_id: int | None
    last_epoch: int | None
    newest: str | None


class Experiments(Fresh):
    """All experiments."""

    items: list[Experiment]
    next: None


class OneExperiment(Fresh, Experiment):
    """One experiment."""


class Point(BaseModel):
    """A value of a curve."""

    epoch: int | None
    global_step: int | None
    value: float
    id: int
    path: str


class Curve(Fresh):
    """One metric over the checkpoints of an experiment."""

    items: list[Point]
    experiment: str
    metric: str
    next: None


class Facet(BaseModel):
    """A value of a field, and how many have it."""

    value: str | None
    n: int


class Facets(Fresh):
    """How many checkpoints each value of each field has."""

    facets: dict[str, list[Facet]]


class Stats(Fresh):
    """Totals over the whole catalog."""

    checkpoints: int
    present: int
    presence: dict[str, int]
    read_state: dict[str, int]
    size_bytes: int
    duplicates: int
    duplicate_bytes: int
    experiments: int
    metrics: list[str]
    problems: int


class Disk(Fresh):
    """Bytes by the values of some fields."""

    by: list[str]
    items: list[dict[str, Any]] = Field(
        description="The fields asked for, `count` and `size_bytes`; a month reads `2026-03`, in UTC."
    )
    next: None


class OpenProblem(Issue):
    """A problem of a checkpoint or a place."""

    path: str
    root: str
    first_seen: str
    last_seen: str
    count: int
    checkpoint_id: int | None


class Problems(Fresh):
    """Everything that is wrong now."""

    items: list[OpenProblem]
    next: None


class FieldOf(BaseModel):
    """A key of a row."""

    name: str
    kind: str
    help: str
    aliases: list[str]


class Schema(Fresh):
    """What a row holds."""

    fields: list[FieldOf]
    best: list[str]
    groups: list[str]
    headline: dict[str, str]


class Version(Fresh):
    """The program, and the state of the catalog."""

    version: str
    api: str


class Rescan(BaseModel):
    """Scans that begin now."""

    accepted: bool
    roots: list[str]


class SqlResult(BaseModel):
    """What one statement yielded."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
    ms: float


class Health(BaseModel):
    """How the daemon is."""

    model_config = ConfigDict(extra="allow")

    status: str


class Ready(BaseModel):
    """Whether answers are complete."""

    ready: bool
