"""Catalogs of several kinds of models, as rows for `tests.client.catalog_database`."""

from __future__ import annotations

from typing import Any

HOSTILE = '<img src=x onerror="alert(1)">\u202e\x1b[31m\x00&amp;`${1}</script>'.replace("\x00", "")
"""A name that is markup, a template literal, a terminal sequence, and turns the reading order round."""


def detectors() -> list[dict[str, Any]]:
    """Two runs of text detection: hmean, precision and recall."""
    return [
        {
            "path": f"{experiment}/epoch={epoch}.ckpt", "experiment": experiment, "backbone": backbone, "epoch": epoch,
            "architecture": "dbnet", "decoder": ("fpn", "pan")[epoch % 2], "global_step": epoch * 100,
            "hmean": round(0.5 + epoch / 100 + place / 10, 4), "precision": 0.8 + epoch / 100, "recall": 0.7,
            "metrics": {"hmean": round(0.5 + epoch / 100 + place / 10, 4), "val/iou": 0.25 + epoch / 100},
            "params": {"lr": 0.001}, "source": "sidecar", "size_bytes": 1_000_000 + epoch, "format": "torch_zip",
            "dataset": "icdar15", "run_dir": experiment, "created_at": f"2026-06-{epoch + 1:02}T10:00:00Z",
        }
        for place, (experiment, backbone) in enumerate((("dbnet-r18", "resnet18"), ("dbnet-r50", "resnet50")))
        for epoch in range(12)
    ]  # fmt: skip


def classifiers() -> list[dict[str, Any]]:
    """Two runs judged by an accuracy that is no headline metric."""
    return [
        {
            "path": f"{experiment}/epoch={epoch}.ckpt", "experiment": experiment, "epoch": epoch, "architecture": "vit",
            "backbone": "vit_b", "global_step": epoch * 10, "monitor": "val/acc", "monitor_mode": "max",
            "metrics": {"val/acc": 0.5 + epoch / 100 + place / 10, "val/loss": 1 - epoch / 100, "train/loss": 0.1},
            "validation_loss": 1 - epoch / 100, "run_dir": experiment, "format": "torch_zip",
        }
        for place, experiment in enumerate(("cls-a", "cls-b"))
        for epoch in range(5)
    ]  # fmt: skip


def language_models() -> list[dict[str, Any]]:
    """Two runs counted in steps, judged by a loss, without epochs and backbones."""
    return [
        {
            "path": f"{experiment}/checkpoint-{step}", "experiment": experiment, "architecture": "LlamaForCausalLM",
            "global_step": step, "monitor": "eval_loss", "monitor_mode": "min", "format": "hf_trainer",
            "metrics": {"eval_loss": 3 - step / 1000 - place, "perplexity": 20 - step / 100},
            "validation_loss": 3 - step / 1000 - place, "run_dir": experiment, "kind": "directory",
        }
        for place, experiment in enumerate(("lm-a", "lm-b"))
        for step in (500, 1000, 1500)
    ]  # fmt: skip


def hostile() -> list[dict[str, Any]]:
    """One row that says the worst in every text."""
    said = HOSTILE
    texts = dict.fromkeys(
        ("experiment", "architecture", "backbone", "decoder", "head", "loss", "dataset", "split", "notes", "run_id",
         "saved_as", "monitor", "training_phase", "run_dir", "wandb_run_id", "config_path"), said,
    )  # fmt: skip
    return [
        texts
        | {
            "path": f"{said.replace('/', '')}/{place}{said.replace('/', '')}.ckpt", "epoch": place,
            "hmean": 0.5 + place,
            "metrics": {said: 0.25, "hmean": 0.5 + place}, "params": {said: said}, "tags": [said],
            "components": [{"role": said, "name": said, "params": {said: said}}],
            "problems": [{"kind": said, "message": said}], "format": "torch_zip", "precision": 0.5, "recall": 0.5,
            "conflicts": [{"field": said, "kept": said, "other": said, "kept_source": said, "other_source": said}],
            "provenance": {"metrics": said}, "details": {said: said}, "read_state": "degraded",
        }
        for place in range(2)
    ]  # fmt: skip
