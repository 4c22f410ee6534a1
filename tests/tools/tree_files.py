"""A tree of checkpoints and documents, and a describe function that knows what it is told."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from ckpt_indexer.discovery.options import Options
from ckpt_indexer.errors import CkptIndexerError, SourceUnavailable
from ckpt_indexer.metadata.record import Metric, Record
from ckpt_indexer.sidecar.loading import parse_anything
from ckpt_indexer.tools.selection import Found, Wanted, find, targets_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckpt_indexer.candidate import Candidate

V1: dict[str, Any] = {
    "schema_version": "1.0",
    "checkpoint_path": "exp/checkpoints/best.ckpt",
    "exp_name": "exp",
    "created_at": "2025-10-18T14:32:15",
    "training": {"epoch": 10, "global_step": 5420, "training_phase": "training", "max_epochs": 50},
    "model": {
        "architecture": "dbnet",
        "encoder": {"model_name": "resnet50", "pretrained": True, "frozen": False},
        "decoder": {"name": "pan_decoder", "in_channels": [256, 512], "inner_channels": 256, "params": {}},
        "head": {"name": "unknown", "in_channels": None},
        "loss": {"name": "db_loss", "params": {"alpha": 1.0}},
    },
    "metrics": {"precision": 0.85, "recall": 0.83, "hmean": 0.84, "additional_metrics": {"val/iou": 0.72}},
    "checkpointing": {"monitor": "val/hmean", "mode": "max", "save_top_k": 3, "save_last": True},
    "team": {"owner": "me", "ticket": 7},
}
V0: dict[str, Any] = {
    "training": {"epoch": 4, "global_step": 500, "training_phase": "training"},
    "model": {"architecture": "dbnet", "encoder": "resnet18"},
    "metrics": {"val/hmean": 0.7, "val/loss": 0.4},
    "config": {"monitor": "val/hmean", "mode": "max", "save_top_k": 3},
}


def no_rules(_root: bytes) -> Options:
    return Options()


def found(*paths: Path, **places: Any) -> Found:
    wanted = Wanted(tuple(os.fsencode(path) for path in paths), **places)
    return find(targets_of(wanted, (), no_rules), no_rules)


def write(path: Path, document: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def checkpoint(path: Path, content: bytes = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(path: Path) -> Any:
    return parse_anything(path.read_bytes())


def files(root: Path) -> dict[str, bytes]:
    """Return every file below a directory with its content; links with where they lead."""
    return {
        str(path.relative_to(root)): os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@dataclass
class Teller:
    """Describes candidates: by name what was said about them, else a record as a header gives."""

    said: dict[bytes, Record | CkptIndexerError | Callable[[], Record]] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)

    def __call__(self, candidate: Candidate) -> Record:
        self.asked.append(candidate.name)
        answer = self.said.get(candidate.name)
        if isinstance(answer, CkptIndexerError):
            raise answer
        if callable(answer):
            return answer()
        return answer or known()

    def about(self, name: str, answer: Record | CkptIndexerError | Callable[[], Record]) -> Teller:
        self.said[name.encode()] = answer
        return self


def known(**facts: Any) -> Record:
    """Return what a header says."""
    facts = {"epoch": 3, "global_step": 100, "experiment": "exp", **facts}
    provenance = dict.fromkeys(facts, "header") | {"experiment": "names", "metrics": "header"}
    return Record(
        facts=facts, metrics={"val/hmean": Metric(0.9)}, headline={"hmean": 0.9}, provenance=provenance,
        details={"header": "data.pkl"}, header={},
    )  # fmt: skip


def changed_meanwhile() -> CkptIndexerError:
    return SourceUnavailable("it changed while it was read")
