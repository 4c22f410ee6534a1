"""What sources say about one checkpoint (Finding), and the merged, complete answer ready to store (Record).

Pure values. Who is trusted for what is decided in `provenance`; the merging in `ckpt_indexer.sources.chain`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class SidecarState(StrEnum):
    """How far the sidecar of a checkpoint can be believed (no sidecar at all is None)."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    CONTRADICTED = "contradicted"
    INVALID = "invalid"
    FROM_FUTURE = "from_future"


class ReadState(StrEnum):
    """How far reading got."""

    PENDING = "pending"
    OK = "ok"
    DEGRADED = "degraded"
    UNREADABLE = "unreadable"


class Presence(StrEnum):
    """Whether the file is there."""

    PRESENT = "present"
    MISSING = "missing"
    UNREACHABLE = "unreachable"


class Problem(NamedTuple):
    """Something a person should know about a file. `kind` is a stable lower-case word, `message` one sentence."""

    kind: str
    message: str


class Metric(NamedTuple):
    """One measured number. None where the document holds NaN, infinity or null; stale when measured at another step."""

    value: float | None
    stale: bool = False


class Conflict(NamedTuple):
    """Two sources disagree on a field; `kept` won."""

    field: str
    kept: Any  # a JSON value of that field
    other: Any  # a JSON value of that field
    kept_source: str
    other_source: str


class Input(NamedTuple):
    """A file a row was derived from, or looked for in vain. `path` is raw bytes relative to the root."""

    path: bytes
    size_bytes: int | None
    mtime_ns: int | None
    absent: bool = False
    source: str = "sidecar"
    """Who read it."""


class Component(NamedTuple):
    """One part of a model: role (encoder, decoder, head, loss, or any other word), name, parameters."""

    role: str
    name: str | None
    params: dict[str, Any]  # JSON values


@dataclass(slots=True)
class Finding:
    """What one source says about one checkpoint. Absent keys mean "I do not know"."""

    source: str
    """Name of the source: sidecar, wandb, header, trainer, config, names."""
    detail: str
    """Where in it: the sidecar's file name, a key path."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Scalar fields of the row by their row names (`provenance.FIELDS`): JSON values, never None."""
    metrics: dict[str, Metric] = field(default_factory=dict)
    """Every logged value under its logged name."""
    directions: dict[str, str] = field(default_factory=dict)
    """Metric name -> 'min' or 'max' where the source declares it."""
    components: list[Component] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    """Hyper-parameters, flat dotted keys, JSON scalars or lists of them."""
    tags: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    sidecar_state: SidecarState | None = None
    defaults: frozenset[str] = frozenset()
    """Field names whose value the writer is known to have filled in by default, not measured."""
    header: dict[str, Any] | None = None
    """What a reader learned beyond the fields of the row: dtypes, structure, callbacks. JSON values."""
    denies: bool = False
    """A history of the run proves that nothing was evaluated at this checkpoint's step: metrics inside the file itself
    are left over from an earlier one."""
    also: list[Finding] = field(default_factory=list)
    """What the same source says in another, less trusted voice (`header:monitor`, `wandb:summary`)."""


@dataclass(slots=True)
class Record:
    """The merged answer for one checkpoint, ready for `store.mapping`."""

    facts: dict[str, Any] = field(default_factory=dict)
    """Scalar row fields (experiment, epoch, backbone, ...); a missing key is NULL."""
    metrics: dict[str, Metric] = field(default_factory=dict)
    headline: dict[str, float] = field(default_factory=dict)
    """Promoted metric name -> own, finite, fresh value in scale."""
    directions: dict[str, str] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    provenance: dict[str, str] = field(default_factory=dict)
    """Field -> source name; `metrics` for all of them, `metrics.NAME` where one came from elsewhere."""
    details: dict[str, str] = field(default_factory=dict)
    """Source name -> detail."""
    inputs: list[Input] = field(default_factory=list)
    source: str | None = None
    """The most trusted source of the metrics, else of the epoch."""
    sidecar_state: SidecarState | None = None
    has_sidecar: bool = False
    read_state: ReadState = ReadState.PENDING
    header: dict[str, Any] | None = None
    """What the file's own header says beyond the fields of the row; None until it was read."""
    surroundings: bytes | None = None
    """Digest of the files around the checkpoint that could be consulted; None when none was asked."""
