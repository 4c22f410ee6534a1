"""The indexes of `checkpoints`: rankings, the writer's questions, and the few rows that wait for something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Index, text

from ckpt_indexer.store.fields import GROUPS, PROMOTED

if TYPE_CHECKING:
    from sqlalchemy import Table

PLAIN = ("directory_id", "inode", "seq", "experiment")
WHERE_KNOWN = ("alias_of", "duplicate_of", "missing_since", "content_id")
"""Columns that are NULL in most rows: only the others are indexed."""
WAITING = {
    "unranked": ("presence", "rankable = 0"),
    "pending": ("id", "read_state = 'pending'"),
    "unread": ("id", "header_read = 0 AND presence = 'present' AND read_state <> 'pending'"),
}
"""Name -> (column, condition) of indexes over few rows."""


def declare_indexes(checkpoints: Table) -> None:
    """Declare every index of the table; each name says what it is for."""
    columns = checkpoints.c
    _declare_rankings(checkpoints)
    Index("uq_checkpoints_root_id_path_bytes", columns["root_id"], columns["path_bytes"], unique=True)
    for name in PLAIN:
        Index(f"ix_checkpoints_{name}", columns[name])
    for name in WHERE_KNOWN:
        Index(f"ix_checkpoints_{name}", columns[name], sqlite_where=text(f"{name} IS NOT NULL"))
    for name, (column, condition) in WAITING.items():
        Index(f"ix_checkpoints_{name}", columns[column], sqlite_where=text(condition))
    Index(
        "ix_checkpoints_surroundings",
        columns["root_id"],
        columns["directory_id"],
        columns["surroundings"],
        sqlite_where=text("surroundings IS NOT NULL"),
    )


def _declare_rankings(checkpoints: Table) -> None:
    """Declare the partial indexes that answer best-per-group and top-N, one per (group, promoted metric)."""
    columns = checkpoints.c
    for metric, mode in PROMOTED:
        value = columns[metric].desc() if mode == "max" else columns[metric]
        only = text(f"rankable = 1 AND {metric} IS NOT NULL")
        Index(f"ix_checkpoints_{metric}", value, sqlite_where=only)
        for group in GROUPS:
            Index(f"ix_checkpoints_{group}_{metric}", columns[group], value, sqlite_where=only)
