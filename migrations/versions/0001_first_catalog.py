"""The first catalog: tables, ranking indexes, views.

The tables are spelled out as they are in this revision, whatever `store.tables` says later. Never edited once released.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPLICATION_ID = 0x434B5049
GROUPS = ("backbone", "architecture", "decoder", "head", "loss", "experiment", "dataset", "root")
PROMOTED = (("hmean", "DESC"), ("precision", "DESC"), ("recall", "DESC"), ("validation_loss", "ASC"))

VIEWS = (
    """
CREATE VIEW catalog AS
SELECT c.id, c.root, c.path,
  CASE WHEN r.path = '/' THEN '/' || c.path ELSE r.path || '/' || c.path END AS abs_path,
  c.name, c.format, c.size_bytes, c.mtime, c.created_at, c.experiment, c.run_id, c.run_dir, c.architecture, c.backbone,
  c.decoder, c.head, c.loss, c.epoch, c.global_step, c.training_phase, c.max_epochs, c.hmean, c."precision", c.recall,
  c.validation_loss, json_extract(c.nested, '$.metrics') AS metrics, c.metrics_step, c.monitor, c.monitor_mode,
  c.dataset, c.split, c.num_parameters, json_extract(c.nested, '$.components') AS components,
  json_extract(c.nested, '$.params') AS params, c.saved_as, c.source, c.sidecar_state, c.has_sidecar, c.schema_version,
  c.read_state, c.presence, json_extract(c.nested, '$.problems') AS problems,
  json_extract(c.nested, '$.conflicts') AS conflicts, json_extract(c.nested, '$.provenance') AS provenance,
  c.alias_of, c.duplicate_of, c.wandb_run_id, c.config_path, json_extract(c.nested, '$.tags') AS tags, c.notes,
  c.pinned, c.seq
FROM checkpoints AS c JOIN roots AS r ON r.id = c.root_id
""",
    """
CREATE VIEW experiments AS
SELECT experiment, COUNT(*) AS checkpoints, SUM(size_bytes) AS size_bytes,
  MAX(CASE WHEN rankable = 1 THEN hmean END) AS best_hmean,
  MIN(CASE WHEN rankable = 1 THEN validation_loss END) AS best_validation_loss,
  MAX(epoch) AS last_epoch, MIN(created_at) AS first_created_at, MAX(mtime) AS newest_mtime
FROM checkpoints WHERE presence = 'present' GROUP BY experiment
""",
    """
CREATE VIEW metric_values AS
SELECT m.checkpoint_id, c.root, c.path, c.experiment, c.backbone, c.epoch, c.global_step, m.name, m.value, m.stale,
  c.presence, c.rankable
FROM metrics AS m JOIN checkpoints AS c ON c.id = m.checkpoint_id
""",
    """
CREATE VIEW problem_list AS
SELECT r.name AS root, p.path, p.kind, p.message, p.first_seen, p.last_seen, p.count, p.checkpoint_id
FROM problems AS p JOIN roots AS r ON r.id = p.root_id
""",
)
"""Plain SQL: readable by sqlite3 3.31, Datasette and DuckDB. `catalog` has the keys of the public row, in order."""

BEST = """
CREATE VIEW best_per_{group} AS
SELECT c.*, b.n, b.ties FROM catalog AS c JOIN (
  SELECT id, COUNT(*) OVER (PARTITION BY {group}) AS n, COUNT(*) OVER (PARTITION BY {group}, hmean) AS ties,
    ROW_NUMBER() OVER (PARTITION BY {group} ORDER BY hmean DESC, epoch IS NULL, epoch, path_bytes) AS place
  FROM checkpoints WHERE rankable = 1 AND hmean IS NOT NULL
) AS b ON b.id = c.id WHERE b.place = 1
ORDER BY c.{group} IS NULL, c.hmean DESC
"""
"""The best hmean of each group, best first, the unknown group last; ties go to the lower epoch, then the path."""


def upgrade() -> None:
    _make_tables()
    _make_checkpoints()
    _make_ranking_indexes()
    _make_children()
    for statement in VIEWS:
        op.execute(statement)
    for group in GROUPS:
        op.execute(BEST.format(group=group))
    op.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    op.execute("PRAGMA user_version = 1")


def _make_tables() -> None:
    op.create_table(
        "facets",
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("is_null", sa.Integer(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("field", "value", "is_null", "metric", name="pk_facets"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    op.create_table(
        "roots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("path_bytes", sa.BLOB(), nullable=False),
        sa.Column("device", sa.Integer()),
        sa.Column("inode", sa.Integer()),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("scanned_at", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_roots"),
        sa.UniqueConstraint("name", name="uq_roots_name"),
        sa.UniqueConstraint("path_bytes", name="uq_roots_path_bytes"),
    )
    op.create_table(
        "annotations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("root_id", sa.Integer(), nullable=False),
        sa.Column("path_bytes", sa.BLOB(), nullable=False),
        sa.Column("content_id", sa.String()),
        sa.Column("tags", sa.String(), nullable=False),
        sa.Column("notes", sa.String()),
        sa.Column("pinned", sa.Integer(), nullable=False),
        sa.Column("rewritten", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["root_id"], ["roots.id"], name="fk_annotations_root_id_roots"),
        sa.PrimaryKeyConstraint("id", name="pk_annotations"),
    )
    op.create_index("uq_annotations_root_id_path_bytes", "annotations", ["root_id", "path_bytes"], unique=True)
    op.create_table(
        "directories",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("root_id", sa.Integer(), nullable=False),
        sa.Column("path_bytes", sa.BLOB(), nullable=False),
        sa.Column("digest", sa.BLOB()),
        sa.ForeignKeyConstraint(["root_id"], ["roots.id"], name="fk_directories_root_id_roots"),
        sa.PrimaryKeyConstraint("id", name="pk_directories"),
    )
    op.create_index("uq_directories_root_id_path_bytes", "directories", ["root_id", "path_bytes"], unique=True)


def _make_checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("root_id", sa.Integer(), nullable=False),
        sa.Column("directory_id", sa.Integer(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("path_bytes", sa.BLOB(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("format", sa.String()),
        sa.Column("device", sa.Integer(), nullable=False),
        sa.Column("inode", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("mtime_ns", sa.Integer(), nullable=False),
        sa.Column("ctime_ns", sa.Integer(), nullable=False),
        sa.Column("mtime", sa.String(), nullable=False),
        sa.Column("created_at", sa.String()),
        sa.Column("experiment", sa.String()),
        sa.Column("run_id", sa.String()),
        sa.Column("run_dir", sa.String()),
        sa.Column("architecture", sa.String()),
        sa.Column("backbone", sa.String()),
        sa.Column("decoder", sa.String()),
        sa.Column("head", sa.String()),
        sa.Column("loss", sa.String()),
        sa.Column("epoch", sa.Integer()),
        sa.Column("global_step", sa.Integer()),
        sa.Column("training_phase", sa.String()),
        sa.Column("max_epochs", sa.Integer()),
        sa.Column("hmean", sa.Float()),
        sa.Column("precision", sa.Float()),
        sa.Column("recall", sa.Float()),
        sa.Column("validation_loss", sa.Float()),
        sa.Column("metrics_step", sa.Integer()),
        sa.Column("monitor", sa.String()),
        sa.Column("monitor_mode", sa.String()),
        sa.Column("dataset", sa.String()),
        sa.Column("split", sa.String()),
        sa.Column("num_parameters", sa.Integer()),
        sa.Column("saved_as", sa.String()),
        sa.Column("source", sa.String()),
        sa.Column("sidecar_state", sa.String()),
        sa.Column("has_sidecar", sa.Integer(), nullable=False),
        sa.Column("schema_version", sa.String()),
        sa.Column("read_state", sa.String(), nullable=False),
        sa.Column("presence", sa.String(), nullable=False),
        sa.Column("missing_since", sa.String()),
        sa.Column("alias_of", sa.Integer()),
        sa.Column("duplicate_of", sa.Integer()),
        sa.Column("wandb_run_id", sa.String()),
        sa.Column("config_path", sa.String()),
        sa.Column("notes", sa.String()),
        sa.Column("pinned", sa.Integer(), nullable=False),
        sa.Column("rankable", sa.Integer(), nullable=False),
        sa.Column("derivation", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", sa.String(), nullable=False),
        sa.Column("nested", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["directory_id"], ["directories.id"], name="fk_checkpoints_directory_id_directories"),
        sa.ForeignKeyConstraint(["root_id"], ["roots.id"], name="fk_checkpoints_root_id_roots"),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoints"),
    )
    op.create_index(
        "ix_checkpoints_alias_of", "checkpoints", ["alias_of"], sqlite_where=sa.text("alias_of IS NOT NULL")
    )
    op.create_index("ix_checkpoints_directory_id", "checkpoints", ["directory_id"])
    op.create_index(
        "ix_checkpoints_duplicate_of", "checkpoints", ["duplicate_of"], sqlite_where=sa.text("duplicate_of IS NOT NULL")
    )
    op.create_index("ix_checkpoints_experiment", "checkpoints", ["experiment"])
    op.create_index("ix_checkpoints_inode", "checkpoints", ["inode"])
    op.create_index(
        "ix_checkpoints_missing_since",
        "checkpoints",
        ["missing_since"],
        sqlite_where=sa.text("missing_since IS NOT NULL"),
    )
    op.create_index("ix_checkpoints_unranked", "checkpoints", ["presence"], sqlite_where=sa.text("rankable = 0"))
    op.create_index("ix_checkpoints_pending", "checkpoints", ["id"], sqlite_where=sa.text("read_state = 'pending'"))
    op.create_index("ix_checkpoints_seq", "checkpoints", ["seq"])
    op.create_index("uq_checkpoints_root_id_path_bytes", "checkpoints", ["root_id", "path_bytes"], unique=True)


def _make_ranking_indexes() -> None:
    for metric, order in PROMOTED:
        where = sa.text(f"rankable = 1 AND {metric} IS NOT NULL")
        value = sa.text(f"{metric} DESC") if order == "DESC" else metric
        op.create_index(f"ix_checkpoints_{metric}", "checkpoints", [value], sqlite_where=where)
        for group in GROUPS:
            op.create_index(f"ix_checkpoints_{group}_{metric}", "checkpoints", [group, value], sqlite_where=where)


def _make_children() -> None:
    op.create_table(
        "components",
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("name", sa.String()),
        sa.Column("params", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name="fk_components_checkpoint_id_checkpoints", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("checkpoint_id", "position", name="pk_components"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inputs",
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.BLOB(), nullable=False),
        sa.Column("size", sa.Integer()),
        sa.Column("mtime_ns", sa.Integer()),
        sa.Column("absent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name="fk_inputs_checkpoint_id_checkpoints", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("checkpoint_id", "path", name="pk_inputs"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_inputs_path", "inputs", ["path"])
    op.create_table(
        "metrics",
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("stale", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name="fk_metrics_checkpoint_id_checkpoints", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("checkpoint_id", "name", name="pk_metrics"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_metrics_name_value", "metrics", ["name", "value"])
    op.create_table(
        "params",
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("num", sa.Float()),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name="fk_params_checkpoint_id_checkpoints", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("checkpoint_id", "key", name="pk_params"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_params_key_num", "params", ["key", "num"])
    op.create_index("ix_params_key_text", "params", ["key", "text"])
    op.create_table(
        "problems",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("checkpoint_id", sa.Integer()),
        sa.Column("root_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("path_bytes", sa.BLOB(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("first_seen", sa.String(), nullable=False),
        sa.Column("last_seen", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name="fk_problems_checkpoint_id_checkpoints", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["root_id"], ["roots.id"], name="fk_problems_root_id_roots"),
        sa.PrimaryKeyConstraint("id", name="pk_problems"),
    )
    op.create_index("ix_problems_checkpoint_id", "problems", ["checkpoint_id"])
    op.create_index("uq_problems_root_id_path_bytes_kind", "problems", ["root_id", "path_bytes", "kind"], unique=True)
