"""The tables, as SQLModel declares them. These classes do not validate: they are filled only through `store.mapping`.

`checkpoints`, `metrics` and `components` are promised to SQL users, the views of `migrations/` even more so; the rest
may change. Paths are raw bytes in BLOB columns (`path_bytes`), `path` is their display text. Times are ISO 8601 text
with a `Z`; booleans are 0 and 1; NULL means unknown.
"""

from __future__ import annotations

from sqlalchemy import BLOB, Column, ForeignKey, Index, Integer, MetaData, Text, text
from sqlmodel import Field, SQLModel

from ckpt_indexer.store.indexes import declare_indexes

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """Base with the naming convention that gives every constraint and index a name."""

    metadata = MetaData(naming_convention=NAMING)


class Meta(Table, table=True):
    """Facts about the catalog itself: catalog_id, seq, next_id, derivation, created_at."""

    __tablename__ = "meta"
    key: str = Field(primary_key=True)
    value: str


class Root(Table, table=True):
    """A watched directory."""

    __tablename__ = "roots"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    path: str
    path_bytes: bytes = Field(sa_column=Column(BLOB, nullable=False, unique=True))
    device: int | None = None
    inode: int | None = None
    state: str = "present"
    """present | unreachable"""
    mode: str = "manual"
    """events | poll | manual: how changes are noticed."""
    scanned_at: str | None = None
    """When the last complete scan ended."""


class Directory(Table, table=True):
    """A directory holding checkpoints. `digest` covers names and stamps of a listing whose rows are all up to date;
    NULL means "compare file by file"."""

    __tablename__ = "directories"
    __table_args__ = (Index("uq_directories_root_id_path_bytes", "root_id", "path_bytes", unique=True),)
    id: int | None = Field(default=None, primary_key=True)
    root_id: int = Field(foreign_key="roots.id")
    path_bytes: bytes = Field(sa_column=Column(BLOB, nullable=False))
    digest: bytes | None = Field(default=None, sa_column=Column(BLOB))


class Checkpoint(Table, table=True):
    """One checkpoint: columns named as the row of the public contract, plus what the writer needs."""

    __tablename__ = "checkpoints"
    id: int | None = Field(default=None, primary_key=True)
    root_id: int = Field(foreign_key="roots.id")
    directory_id: int = Field(foreign_key="directories.id")
    root: str
    path: str
    path_bytes: bytes = Field(sa_column=Column(BLOB, nullable=False))
    name: str
    kind: str
    format: str | None = None
    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    mtime: str
    created_at: str | None = None
    experiment: str | None = None
    run_id: str | None = None
    run_dir: str | None = None
    architecture: str | None = None
    backbone: str | None = None
    decoder: str | None = None
    head: str | None = None
    loss: str | None = None
    epoch: int | None = None
    global_step: int | None = None
    training_phase: str | None = None
    max_epochs: int | None = None
    hmean: float | None = None
    precision: float | None = None
    recall: float | None = None
    validation_loss: float | None = None
    metrics_step: int | None = None
    monitor: str | None = None
    monitor_mode: str | None = None
    dataset: str | None = None
    split: str | None = None
    num_parameters: int | None = None
    saved_as: str | None = None
    source: str | None = None
    sidecar_state: str | None = None
    has_sidecar: int = 0
    schema_version: str | None = None
    read_state: str = "pending"
    presence: str = "present"
    missing_since: str | None = None
    alias_of: int | None = None
    duplicate_of: int | None = None
    wandb_run_id: str | None = None
    config_path: str | None = None
    notes: str | None = None
    pinned: int = 0
    rankable: int = 0
    """1 when present and no alias: only such rows are ranked."""
    derivation: int = 0
    """The derivation version the row was made with."""
    first_seen_at: str
    nested: str = "{}"
    """JSON object: metrics, components, params, problems, conflicts, provenance, details, directions, tags, header."""
    seq: int = 0
    content_id: str | None = None
    """Equal for files with equal bytes; NULL until the header was read."""
    weights_id: str | None = None
    """Equal for files with equal weights, whatever else they hold."""
    header_read: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """1 when the row says what the file's own header says; 0 when that waits for idle time."""
    surroundings: bytes | None = Field(default=None, sa_column=Column(BLOB))
    """Digest of the files around it that were consulted (configs, logs); NULL when none was asked."""


declare_indexes(Checkpoint.__table__)  # type: ignore[attr-defined]  # SQLModel adds __table__ at class creation


class MetricValue(Table, table=True):
    """One logged value under its logged name. `value` is NULL for NaN, infinity and null."""

    __tablename__ = "metrics"
    __table_args__ = (Index("ix_metrics_name_value", "name", "value"), {"sqlite_with_rowid": False})
    checkpoint_id: int = Field(
        sa_column=Column(Integer, ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True)
    )
    name: str = Field(sa_column=Column(Text, primary_key=True))
    value: float | None = None
    stale: int = 0


class ComponentRow(Table, table=True):
    """One part of a model, in document order. `params` is a JSON object."""

    __tablename__ = "components"
    __table_args__ = ({"sqlite_with_rowid": False},)
    checkpoint_id: int = Field(
        sa_column=Column(Integer, ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True)
    )
    position: int = Field(primary_key=True)
    role: str
    name: str | None = None
    params: str = "{}"


class Param(Table, table=True):
    """One hyper-parameter, flat dotted key. `num` where it is a number, `text` always its text."""

    __tablename__ = "params"
    __table_args__ = (
        Index("ix_params_key_num", "key", "num"),
        Index("ix_params_key_text", "key", "text"),
        {"sqlite_with_rowid": False},
    )
    checkpoint_id: int = Field(
        sa_column=Column(Integer, ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True)
    )
    key: str = Field(sa_column=Column(Text, primary_key=True))
    num: float | None = None
    text: str


class InputFile(Table, table=True):
    """A file a row was derived from (`absent` = 0) or looked for in vain (1). `path` is relative to the root."""

    __tablename__ = "inputs"
    __table_args__ = (Index("ix_inputs_path", "path"), {"sqlite_with_rowid": False})
    checkpoint_id: int = Field(
        sa_column=Column(Integer, ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True)
    )
    path: bytes = Field(sa_column=Column(BLOB, primary_key=True))
    size: int | None = None
    mtime_ns: int | None = None
    absent: int = 0
    source: str = Field(default="sidecar", sa_column_kwargs={"server_default": text("'sidecar'")})
    """Who read it: sidecar, config, trainer, wandb, header."""


class WandbAnswer(Table, table=True):
    """What the W&B service said about a run, so that it is asked once. `answer` is JSON; `final`: the run is over."""

    __tablename__ = "wandb_cache"
    __table_args__ = ({"sqlite_with_rowid": False},)
    run: str = Field(primary_key=True)
    """`entity/project/id`."""
    answer: str
    fetched_at: float
    """Seconds since 1970."""
    final: int = 0


class ProblemRow(Table, table=True):
    """Something a person should know. `checkpoint_id` is NULL for problems of directories and roots."""

    __tablename__ = "problems"
    __table_args__ = (
        Index("uq_problems_root_id_path_bytes_kind", "root_id", "path_bytes", "kind", unique=True),
        Index("ix_problems_checkpoint_id", "checkpoint_id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    checkpoint_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("checkpoints.id", ondelete="CASCADE"))
    )
    root_id: int = Field(foreign_key="roots.id")
    path: str
    path_bytes: bytes = Field(sa_column=Column(BLOB, nullable=False))
    kind: str
    message: str
    first_seen: str
    last_seen: str
    count: int = 1


class Annotation(Table, table=True):
    """Tags, notes and pins people added by hand. Not derived: also in the journal beside the database."""

    __tablename__ = "annotations"
    __table_args__ = (Index("uq_annotations_root_id_path_bytes", "root_id", "path_bytes", unique=True),)
    id: int | None = Field(default=None, primary_key=True)
    root_id: int = Field(foreign_key="roots.id")
    path_bytes: bytes = Field(sa_column=Column(BLOB, nullable=False))
    content_id: str | None = None
    tags: str = "[]"
    notes: str | None = None
    pinned: int = 0
    rewritten: int = 0
    """1 when the file was rewritten in place after the annotation was made."""
    updated_at: str


class Facet(Table, table=True):
    """Counts kept by the writer, for `fields.FACETS`. `metric` '' counts present rows and their bytes; a metric name
    counts rankable rows with an own, fresh, finite value of it, per group of `fields.GROUPS` (a headline metric: rows
    with a value in its column). `field` '' is the whole catalog; field 'presence' counts all rows, whatever their
    presence. `value` NULL is stored as '' with `is_null` 1. Rows with `n` 0 are removed."""

    __tablename__ = "facets"
    __table_args__ = ({"sqlite_with_rowid": False},)
    field: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, primary_key=True))
    is_null: int = Field(default=0, primary_key=True)
    metric: str = Field(sa_column=Column(Text, primary_key=True))
    n: int = 0
    size_bytes: int = 0
