"""What headers tell, and what lies around checkpoints: content identity, header state, surroundings, W&B answers.

The tables are spelled out as they are in this revision, whatever `store.tables` says later. Never edited once released.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CATALOG = """
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
  c.pinned, c.seq, c.content_id, c.weights_id, json_extract(c.nested, '$.header') AS header
FROM checkpoints AS c JOIN roots AS r ON r.id = c.root_id
"""

DUPLICATES = """
CREATE VIEW duplicates AS
SELECT d.id, d.root, d.path, d.size_bytes, d.duplicate_of, o.root AS original_root, o.path AS original_path
FROM checkpoints AS d JOIN checkpoints AS o ON o.id = d.duplicate_of
"""


def upgrade() -> None:
    """Add columns and indexes, the cache of W&B answers, and a view of files with equal content."""
    op.add_column("checkpoints", sa.Column("content_id", sa.String()))
    op.add_column("checkpoints", sa.Column("weights_id", sa.String()))
    op.add_column("checkpoints", sa.Column("header_read", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("checkpoints", sa.Column("surroundings", sa.BLOB()))
    op.add_column("inputs", sa.Column("source", sa.String(), nullable=False, server_default=sa.text("'sidecar'")))
    _index("content_id", ["content_id"], "content_id IS NOT NULL")
    _index("unread", ["id"], "header_read = 0 AND presence = 'present' AND read_state <> 'pending'")
    _index("surroundings", ["root_id", "directory_id", "surroundings"], "surroundings IS NOT NULL")
    op.create_table(
        "wandb_cache",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("fetched_at", sa.Float(), nullable=False),
        sa.Column("final", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_wandb_cache"),
        sqlite_with_rowid=False,
    )
    op.execute("DROP VIEW catalog")
    op.execute(CATALOG)
    op.execute(DUPLICATES)
    op.execute("PRAGMA user_version = 2")


def downgrade() -> None:
    """There is no way back: a catalog is rebuilt by a scan."""
    raise NotImplementedError("run `ckpt-indexer db rebuild` with the older release instead")


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(f"ix_checkpoints_{name}", "checkpoints", columns, sqlite_where=sa.text(where))
