"""Which keys each block of a document may have, and which ones version 1.0 demands. Constants only."""

from __future__ import annotations

LATEST = "2.0"
HEADLINE_NAMES = ("hmean", "precision", "recall", "validation_loss")
"""Metrics that have a key of their own at the top of `metrics`; the first three are between 0 and 1 in version 1.0."""
PHASES = ("training", "validation", "finetuning")
MODES = ("min", "max")
V1_KEYS = frozenset(
    {
        "schema_version", "checkpoint_path", "exp_name", "created_at", "training", "model", "metrics",
        "checkpointing", "hydra_config_path", "wandb_run_id",
    }
)  # fmt: skip
V2_ONLY_KEYS = frozenset(
    {
        "file", "metrics_step", "run", "dataset", "lineage", "params", "environment", "saved_as", "tags", "notes",
        "upgraded_from",
    }
)  # fmt: skip
NAME_KEYS = {"encoder": "model_name", "decoder": "name", "head": "name", "loss": "name"}
"""Block of the model -> the key that names the part."""
BLOCK_KEYS = {
    "": V1_KEYS | V2_ONLY_KEYS,
    "training": frozenset({"epoch", "global_step", "training_phase", "max_epochs"}),
    "model": frozenset({"architecture", "components", "num_parameters", *NAME_KEYS}),
    "model.encoder": frozenset({"model_name", "pretrained", "frozen"}),
    "model.decoder": frozenset({"name", "in_channels", "inner_channels", "output_channels", "params"}),
    "model.head": frozenset({"name", "in_channels", "params"}),
    "model.loss": frozenset({"name", "params"}),
    "metrics": frozenset({*HEADLINE_NAMES, "additional_metrics", "directions"}),
    "checkpointing": frozenset({"monitor", "mode", "save_top_k", "save_last"}),
    "file": frozenset({"name", "size_bytes", "mtime_ns"}),
    "run": frozenset({"id", "dir", "name"}),
    "dataset": frozenset({"name", "version", "split"}),
    "lineage": frozenset({"resumed_from", "finetuned_from"}),
}
"""Key path of a block -> keys known in it, in any version; '' is the document itself. A block that is not listed is
open: its keys are the user's own."""
REQUIRED_BY_1 = {
    "": ("checkpoint_path", "exp_name", "created_at", "training", "model", "metrics", "checkpointing"),
    "training": ("epoch", "global_step"),
    "model": ("architecture", *NAME_KEYS),
    **{f"model.{role}": (key,) for role, key in NAME_KEYS.items()},
    "checkpointing": ("monitor", "mode"),
}
"""Key path of a block -> keys that a 1.0 document must have in it. Version 2.0 demands a name for the file, no more."""
