"""Trees of checkpoints, built fast: real torch-zip archives of a kilobyte, documents as their writers emit them."""

from __future__ import annotations

import io
import os
import pickle
import re
import zipfile
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BACKBONES = (
    "resnet18", "resnet34", "resnet50", "resnet101", "mobilenetv3_small_050", "mobilenetv3_large_100",
    "efficientnet_b0", "efficientnet_b3", "convnext_tiny", "swin_tiny",
)  # fmt: skip
EPOCHS = 20
"""Checkpoints per run."""
STEPS = 517
"""Optimizer steps per epoch."""


class Saved(NamedTuple):
    """One checkpoint of the tree: everything that varies between documents."""

    run: int
    epoch: int

    @property
    def experiment(self) -> str:
        """Name of the run's directory."""
        return f"ocr_training-dbnet-pan_decoder-{self.backbone}-receipts_{self.run:05d}"

    @property
    def backbone(self) -> str:
        """Name of the encoder."""
        return BACKBONES[self.run % len(BACKBONES)]

    @property
    def step(self) -> int:
        """Global step at the end of the epoch."""
        return (self.epoch + 1) * STEPS

    @property
    def score(self) -> float:
        """A value in (0.3, 1) that no other checkpoint of a tree below ten million has, with all its digits."""
        return 0.3 + ((self.run * EPOCHS + self.epoch) * 2654435761 % 4294967296) / 4294967296 * 0.7

    @property
    def mtime_ns(self) -> int:
        """When the file was last written: an hour of training per epoch, some time in March 2026."""
        return (1_772_000_000 + self.run * 60 + self.epoch * 3600) * 10**9

    @property
    def stem(self) -> str:
        """File name without suffix, as Lightning's default template gives it."""
        return f"epoch={self.epoch}-step={self.step}"


def saves(count: int) -> Iterator[Saved]:
    """Yield the checkpoints of a tree of this size, run by run."""
    for number in range(count):
        yield Saved(*divmod(number, EPOCHS))


def build(outputs: Path, count: int, *, document: str | None = "1.0") -> None:
    """Write `count` checkpoints below `outputs`, each with a document of this version (None: without one)."""
    for saved in saves(count):
        directory = outputs / saved.experiment / "checkpoints"
        if saved.epoch == 0:
            directory.mkdir(parents=True)
        path = directory / f"{saved.stem}.ckpt"
        path.write_bytes(checkpoint(saved.epoch, saved.step))
        os.utime(path, ns=(saved.mtime_ns, saved.mtime_ns))
        if document is not None:
            (directory / f"{saved.stem}.metadata.yaml").write_text(sidecar(saved, document), encoding="utf-8")


@cache
def checkpoint(epoch: int, step: int) -> bytes:
    """Return a Lightning checkpoint without weights: the archive torch.save writes, stored, its pickle first."""
    state = {
        "epoch": epoch,
        "global_step": step,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {},
        "loops": {},
        "callbacks": {},
        "optimizer_states": [],
        "lr_schedulers": [],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (
            ("data.pkl", pickle.dumps(state, protocol=2)),
            (".format_version", b"1"),
            ("byteorder", b"little"),
            ("version", b"3\n"),
        ):
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), content)
    return buffer.getvalue()


def document(saved: Saved, version: str) -> dict[str, Any]:  # Any: JSON values
    """Return the document of a checkpoint with twelve metrics: 1.0 as the replaced writer fills it, or 2.0."""
    return _document(varying(saved), version)


def varying(saved: Saved) -> dict[str, str | int | float]:
    """Return every value in which the documents of a tree differ, under a flat name."""
    score = saved.score
    return {
        "path": f"{saved.experiment}/checkpoints/{saved.stem}.ckpt",
        "config": f"{saved.experiment}/.hydra/config.yaml",
        "experiment": saved.experiment,
        "created": f"2026-03-{1 + saved.run % 28:02d}T{saved.epoch:02d}:32:15.{saved.run % 1000000:06d}",
        "wandb": f"r{saved.run:07x}",
        "epoch": saved.epoch,
        "step": saved.step,
        "file": f"{saved.stem}.ckpt",
        "size": len(checkpoint(saved.epoch, saved.step)),
        "mtime": saved.mtime_ns,
        "backbone": saved.backbone,
        "precision": score * 0.99,
        "recall": score * 0.98,
        "hmean": score,
        "loss": 1.7 - score,
        "cprecision": score * 0.97,
        "crecall": score * 0.94,
        "chmean": score * 0.955,
        "iou": score * 0.83,
    }


def sidecar(saved: Saved, version: str) -> str:
    """Return the text that `yaml.safe_dump(document, sort_keys=False)` gives, filled into a template dumped once."""
    return _template(version).format_map(varying(saved))


@cache
def _template(version: str) -> str:
    """Return the dumped document with a replacement field for every varying value."""
    marks = _document({name: f"zz{name}zz" for name in varying(Saved(0, 0))}, version)
    dumped = yaml.safe_dump(marks, sort_keys=False)
    template = re.sub("zz([a-z]+)zz", r"{\1}", dumped.replace("{", "{{").replace("}", "}}"))
    template = re.sub(r"(\{created\}\S*)", r"'\1'", template)  # a time is text, so the dumper quotes it
    example = Saved(1234, 7)
    if template.format_map(varying(example)) != yaml.safe_dump(document(example, version), sort_keys=False):
        raise AssertionError("the template no longer gives what the writer gives")
    return template


def _document(v: Mapping[str, str | int | float], version: str) -> dict[str, Any]:  # Any: JSON values
    extra = {
        "cleval/precision": v["cprecision"], "cleval/recall": v["crecall"], "cleval/hmean": v["chmean"],
        "val/precision": v["precision"], "val/recall": v["recall"], "val/hmean": v["hmean"], "val/loss": v["loss"],
        "val/iou": v["iou"],
    }  # fmt: skip
    old: dict[str, Any] = {  # Any: JSON values
        "schema_version": "1.0",
        "checkpoint_path": v["path"],
        "exp_name": v["experiment"],
        "created_at": v["created"],
        "training": {
            "epoch": v["epoch"], "global_step": v["step"], "training_phase": "training", "max_epochs": EPOCHS,
        },
        "model": _model(v["backbone"]),
        "metrics": {
            "precision": v["precision"], "recall": v["recall"], "hmean": v["hmean"], "validation_loss": v["loss"],
            "additional_metrics": extra,
        },
        "checkpointing": {"monitor": "val/hmean", "mode": "max", "save_top_k": 3, "save_last": True},
        "hydra_config_path": v["config"],
        "wandb_run_id": v["wandb"],
    }  # fmt: skip
    if version == "1.0":
        return old
    directions = {name: "min" if name.endswith("loss") else "max" for name in extra}
    return old | {
        "schema_version": "2.0",
        "created_at": f"{v['created']}+00:00",
        "file": {"name": v["file"], "size_bytes": v["size"], "mtime_ns": v["mtime"]},
        "metrics": old["metrics"] | {"directions": directions},
        "metrics_step": v["step"],
        "dataset": {"name": "receipts", "version": "3", "split": "val"},
        "params": {"lr": 0.001, "batch_size": 16, "optimizer": "adamw"},
        "saved_as": "top_k",
    }


def _model(backbone: str | float) -> dict[str, Any]:  # Any: JSON values
    """Return the model part, as full as real documents are: two kilobytes in all."""
    return {
        "architecture": "dbnet",
        "encoder": {"model_name": backbone, "pretrained": True, "frozen": False},
        "decoder": {
            "name": "pan_decoder", "in_channels": [256, 512, 1024, 2048], "inner_channels": 256,
            "output_channels": 128,
            "params": {
                "smooth": True, "num_fuse_layers": 4, "use_depthwise": False, "norm": "batch_norm_2d", "dropout": 0.1,
                "activation": "relu", "upsample": "nearest", "align_corners": False, "init": "kaiming_normal",
                "weight_norm": False,
            },
        },
        "head": {
            "name": "db_head", "in_channels": 128,
            "params": {
                "box_thresh": 0.3, "max_candidates": 300, "thresh": 0.2, "use_polygon": True, "k": 50,
                "unclip_ratio": 1.5, "min_size": 3, "smooth": False, "bias": False, "adaptive": True,
                "serial": False, "inner_channels": 64,
            },
        },
        "loss": {
            "name": "db_loss",
            "params": {"alpha": 1.0, "beta": 10.0, "ohem_ratio": 3.0, "negative_ratio": 3.0, "eps": 1.0e-06},
        },
    }  # fmt: skip
