"""What an entry of the catalog needs to know of one checkpoint, and where it can come from. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ckpt_indexer.compat.types import UNKNOWN, CheckpointCatalogEntry
from ckpt_indexer.metadata.record import SidecarState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from ckpt_indexer.compat.types import CheckpointMetadataV1
    from ckpt_indexer.metadata.record import Record

BELIEVABLE = frozenset({SidecarState.VERIFIED, SidecarState.UNVERIFIED})
"""States of a document nothing speaks against."""
_VALID = BELIEVABLE | {SidecarState.CONTRADICTED, SidecarState.FROM_FUTURE}
"""States of a document whose form is not broken."""
_METRICS = ("hmean", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of one checkpoint; None for what is not."""

    architecture: str | None = None
    backbone: str | None = None
    experiment: str | None = None
    epoch: int | None = None
    created_at: str | None = None
    """ISO 8601; without a zone it is local time."""
    hmean: float | None = None
    precision: float | None = None
    recall: float | None = None
    monitor: str | None = None
    monitor_mode: Literal["min", "max"] | None = None
    config_path: bytes | None = None
    """Absolute."""
    wandb_run_id: str | None = None
    has_metadata: bool = False

    @property
    def is_complete(self) -> bool:
        """Tell whether everything is known that a list is sorted and ranked by."""
        named = None not in {self.architecture, self.backbone, self.experiment}
        return named and self.epoch is not None and self.is_measured

    @property
    def is_measured(self) -> bool:
        """Tell whether a headline metric is known."""
        return any(getattr(self, name) is not None for name in _METRICS)

    def filled(self, other: Told) -> Told:
        """Return it with gaps filled from another source; metadata of either counts. Metrics come from one source."""
        gaps = {
            one.name: getattr(other, one.name)
            for one in fields(self)
            if getattr(self, one.name) is None and not (self.is_measured and one.name in _METRICS)
        }
        return replace(self, **gaps, has_metadata=self.has_metadata or other.has_metadata)


def from_record(record: Record, root: bytes) -> Told:
    """Return what the merged sources say of a checkpoint below a root."""
    values = {**record.facts, **record.headline, "sidecar_state": record.sidecar_state}
    return from_row(values, root)


def from_row(row: Mapping[str, Any], root: bytes) -> Told:  # JSON values
    """Return what a row of the catalog says, or any mapping with some of its keys."""
    config = row.get("config_path")
    return Told(
        architecture=row.get("architecture"),
        backbone=row.get("backbone"),
        experiment=row.get("experiment"),
        epoch=row.get("epoch"),
        created_at=row.get("created_at"),
        hmean=row.get("hmean"),
        precision=row.get("precision"),
        recall=row.get("recall"),
        monitor=row.get("monitor"),
        monitor_mode=row.get("monitor_mode"),
        config_path=None if config is None else os.path.join(root, os.fsencode(config)),  # bytes
        wandb_run_id=row.get("wandb_run_id"),
        has_metadata=row.get("sidecar_state") in _VALID,
    )


def from_metadata(metadata: CheckpointMetadataV1) -> Told:
    """Return what metadata of version 1.0 says; there `unknown` is not known."""
    return Told(
        architecture=_known(metadata.model.architecture),
        backbone=_known(metadata.model.encoder.model_name),
        experiment=_known(metadata.exp_name),
        epoch=metadata.training.epoch,
        created_at=metadata.created_at,
        hmean=metadata.metrics.hmean,
        precision=metadata.metrics.precision,
        recall=metadata.metrics.recall,
        monitor=_known(metadata.checkpointing.monitor),
        monitor_mode=metadata.checkpointing.mode,
        has_metadata=True,
    )


def entry_of(path: Path, told: Told, config_path: Path | None, *, zone: tzinfo | None = None) -> CheckpointCatalogEntry:
    """Return the entry of a checkpoint. `zone` is what `created_timestamp` is told in; None: this machine's."""
    if config_path is None and told.config_path is not None:
        config_path = Path(os.fsdecode(told.config_path))
    return CheckpointCatalogEntry(
        checkpoint_path=path,
        config_path=config_path,
        display_name=path.stem,
        architecture=told.architecture or UNKNOWN,
        backbone=told.backbone or UNKNOWN,
        exp_name=told.experiment or UNKNOWN,
        epochs=told.epoch,
        created_timestamp=_stamp(told.created_at, zone),
        hmean=told.hmean,
        precision=told.precision,
        recall=told.recall,
        monitor=told.monitor,
        monitor_mode=told.monitor_mode,
        has_metadata=told.has_metadata,
    )


def _stamp(created_at: str | None, zone: tzinfo | None) -> str:
    if created_at is None:
        return ""
    moment = datetime.fromisoformat(created_at)
    local = moment if moment.tzinfo is None else moment.astimezone(zone)
    return local.strftime("%Y%m%d_%H%M")


def _known(name: str) -> str | None:
    return None if name.strip().lower() in {"", UNKNOWN} else name
