"""The one-line label of a checkpoint in a dropdown, in the format people know from the replaced catalog. Pure.

dbnet · resnet50 · exp (ep10 • hmean 0.843 • prec 0.854 • rec 0.832 • 20251018_1432)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPERIMENT_MAX = 23


def label(row: Mapping[str, Any]) -> str:
    """Return the label: the parts that are known. A row that knows nothing of its model goes by its file name."""
    parts = [str(row[key]) for key in ("architecture", "backbone") if row[key] is not None]
    experiment = row["experiment"]
    if experiment is not None and experiment not in parts:
        parts.append(experiment[:20] + "..." if len(experiment) > _EXPERIMENT_MAX else experiment)
    model = " · ".join(parts) or str(row["name"])
    notes = _notes(row)
    return f"{model} ({' • '.join(notes)})" if notes else model


def _notes(row: Mapping[str, Any]) -> list[str]:
    notes = [] if row["epoch"] is None else [f"ep{row['epoch']}"]
    for key, word in (("hmean", "hmean"), ("precision", "prec"), ("recall", "rec")):
        if row[key] is not None:
            notes.append(f"{word} {row[key]:.3f}")
    created = row["created_at"]
    if created is not None and len(created) >= 16:
        notes.append(f"{created[:10].replace('-', '')}_{created[11:13]}{created[14:16]}")
    return notes
