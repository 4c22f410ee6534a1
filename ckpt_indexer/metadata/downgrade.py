"""A 2.0 document for readers that know only 1.0. Pure.

Only here are `unknown` and defaults filled in again: 1.0 demands them. Its readers know nothing of staleness, so values
measured at another step are left out; a headline beyond the range that 1.0 allows goes to `additional_metrics`. What
has no place in 1.0 (file, run, dataset, params, ...) is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.metadata.components import ROW_FIELDS
from ckpt_indexer.metadata.document import Model, to_document
from ckpt_indexer.metadata.schema import HEADLINE_NAMES, NAME_KEYS, REQUIRED_BY_1
from ckpt_indexer.metadata.versions import MetadataV1

if TYPE_CHECKING:
    from ckpt_indexer.metadata.document import MetadataV2

UNKNOWN = "unknown"
_KEPT = ("checkpoint_path", "exp_name", "hydra_config_path", "wandb_run_id")


def downgrade(document: MetadataV2) -> MetadataV1:
    """Return the document as version 1.0.

    Raises:
        SidecarInvalid: it lacks the epoch, the global step or the time, for which 1.0 has no word for unknown.
    """
    training, created_at = _training(document), document.created_at
    missing = [f"training.{key}" for key in REQUIRED_BY_1["training"] if key not in training]
    if created_at is None:
        missing.append("created_at")
    if missing or created_at is None:
        raise SidecarInvalid(f"version 1.0 demands {', '.join(missing)}; write version 2.0, or say what they are")
    checkpointing = to_document(document.checkpointing) if document.checkpointing is not None else {}
    old: dict[str, Any] = {  # the blocks of a 1.0 document
        "created_at": created_at.isoformat(),
        "training": training,
        "model": _model(document.model or Model()),
        "metrics": _metrics(document),
        "checkpointing": {"monitor": UNKNOWN, "mode": "max", **checkpointing},
        **{key: getattr(document, key) for key in _KEPT},
    }
    if old["checkpoint_path"] is None and document.file is not None:
        old["checkpoint_path"] = document.file.name
    if old["exp_name"] is None:
        old["exp_name"] = UNKNOWN
    return MetadataV1.model_validate(old)


def _training(document: MetadataV2) -> dict[str, Any]:  # a block of a 1.0 document
    """Return the progress; 1.0 has no way to say "no limit"."""
    training = to_document(document.training) if document.training is not None else {}
    if training.get("max_epochs", 1) < 1:
        del training["max_epochs"]
    return training


def _model(model: Model) -> dict[str, Any]:  # a block of a 1.0 document
    """Return the four parts; one without a block of its own is looked for in the open list."""
    listed = {ROW_FIELDS.get(part.role): part.name for part in reversed(model.components or []) if part.name}
    old: dict[str, Any] = {"architecture": model.architecture or UNKNOWN}  # a block of a 1.0 document
    for role, key in NAME_KEYS.items():
        block = getattr(model, role)
        said = to_document(block) if block is not None else {}
        old[role] = {key: listed.get(ROW_FIELDS[role], UNKNOWN), **said}
    return old


def _metrics(document: MetadataV2) -> dict[str, Any]:  # a block of a 1.0 document
    """Return the checkpoint's own numbers."""
    metrics = document.metrics
    if metrics is None or _is_stale(document):
        return {}
    more = {name: value for name, value in (metrics.additional_metrics or {}).items() if value is not None}
    old: dict[str, Any] = {}  # headline metrics
    for name in HEADLINE_NAMES:
        value = getattr(metrics, name)
        if value is None:
            continue
        if value >= 0 and (value <= 1 or name == "validation_loss"):
            old[name] = value
        else:
            more[name] = value
    return {**old, "additional_metrics": more}


def _is_stale(document: MetadataV2) -> bool:
    """Tell whether the metrics were measured at another step than the checkpoint's."""
    step = document.training.global_step if document.training is not None else None
    return None not in {step, document.metrics_step} and step != document.metrics_step
