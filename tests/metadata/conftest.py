"""Documents to start from: the real ones, and one of each version that says everything."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

GOLDEN = Path(__file__).parent.parent / "golden" / "documents"

V0: dict[str, Any] = {
    "created_at": "2025-06-01T10:00:00",
    "training": {"epoch": 4, "global_step": 500, "training_phase": "training"},
    "model": {
        "architecture": "dbnet",
        "encoder": "resnet18",
        "components": {"decoder": "pan_decoder", "head": {"name": "db_head", "k": 50}},
    },
    "metrics": {"val/hmean": 0.7, "val/loss": 0.4},
    "config": {"monitor": "val/hmean", "mode": "max", "save_top_k": 3},
}
V1: dict[str, Any] = {
    "schema_version": "1.0",
    "checkpoint_path": "outputs/dbnet/checkpoints/epoch=10.ckpt",
    "exp_name": "dbnet",
    "created_at": "2025-10-18T14:32:15",
    "training": {"epoch": 10, "global_step": 5420, "training_phase": "training", "max_epochs": 50},
    "model": {
        "architecture": "dbnet",
        "encoder": {"model_name": "resnet50", "pretrained": True, "frozen": False},
        "decoder": {
            "name": "pan_decoder",
            "in_channels": [256, 512],
            "inner_channels": 256,
            "output_channels": 128,
            "params": {"smooth": True},
        },
        "head": {"name": "db_head", "in_channels": 128, "params": {"thresh": 0.3}},
        "loss": {"name": "db_loss", "params": {"alpha": 1.0}},
    },
    "metrics": {
        "precision": 0.85,
        "recall": 0.83,
        "hmean": 0.84,
        "validation_loss": 0.02,
        "additional_metrics": {"val/iou": 0.72},
    },
    "checkpointing": {"monitor": "val/hmean", "mode": "max", "save_top_k": 3, "save_last": True},
    "hydra_config_path": "outputs/dbnet/.hydra/config.yaml",
    "wandb_run_id": "abc123",
}
V2: dict[str, Any] = {
    **V1,
    "schema_version": "2.0",
    "created_at": "2025-10-18T14:32:15Z",
    "file": {"name": "epoch=10.ckpt", "size_bytes": 1000, "mtime_ns": 17},
    "metrics_step": 5420,
    "metrics": {**V1["metrics"], "directions": {"val/iou": "max"}},
    "model": {
        **V1["model"],
        "components": [{"role": "neck", "name": "fpn", "params": {"levels": 4}, "stride": 8}],
        "num_parameters": 25_000_000,
    },
    "run": {"id": "r1", "dir": "outputs/dbnet", "name": "first"},
    "dataset": {"name": "icdar15", "version": "2", "split": "val"},
    "lineage": {"resumed_from": "outputs/dbnet/checkpoints/last.ckpt"},
    "params": {"optimizer.lr": 0.001, "seed": 1, "sizes": [1, 2]},
    "environment": {"program": "train.py", "versions": {"torch": "2.13.0"}},
    "saved_as": "top_k",
    "tags": ["paper", "keep"],
    "notes": "after the fix",
}


class Documents:
    """Fresh documents, to be changed at will."""

    def golden(self, name: str) -> dict[str, Any]:
        """Return a real document by its file name."""
        loaded: dict[str, Any] = yaml.load((GOLDEN / name).read_text("utf-8"), yaml.SafeLoader)  # safe: SafeLoader
        return loaded

    def v0(self) -> dict[str, Any]:
        return copy.deepcopy(V0)

    def v1(self) -> dict[str, Any]:
        return copy.deepcopy(V1)

    def v2(self) -> dict[str, Any]:
        return copy.deepcopy(V2)

    def changed(self, document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
        """Return the document with the value at a dotted path replaced; the path is made when it is not there."""
        *blocks, last = path.split(".")
        here = document
        for key in blocks:
            here = here.setdefault(key, {})
        here[last] = value
        return document


@pytest.fixture(scope="session")
def documents() -> Documents:
    return Documents()
