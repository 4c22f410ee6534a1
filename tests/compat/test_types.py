from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ckpt_indexer.compat.types import CheckpointCatalog, CheckpointCatalogEntry, CheckpointMetadataV1, TrainingInfo
from tests.compat.catalog_files import metadata

DOCUMENTS = Path(__file__).parent.parent / "golden" / "documents"


def entry(**values: Any) -> CheckpointCatalogEntry:
    known: dict[str, Any] = {
        "checkpoint_path": Path("outputs/exp_name/checkpoints/best.ckpt"),
        "display_name": "best",
        "architecture": "dbnet",
        "backbone": "resnet50",
        "exp_name": "exp_name",
        "epochs": 10,
        "created_timestamp": "20251018_1432",
        "hmean": 0.843,
        "precision": 0.8542,
        "recall": 0.8321,
    }
    return CheckpointCatalogEntry(**{**known, **values})


def test_an_entry_is_shown_in_one_line() -> None:
    expected = "dbnet · resnet50 · exp_name (ep10 • hmean 0.843 • prec 0.854 • rec 0.832 • 20251018_1432)"
    assert entry().to_display_option() == expected


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"epochs": 0, "hmean": 0.0}, "(ep0 • hmean 0.000 • prec"),
        ({"epochs": None}, "exp_name (hmean 0.843"),
        ({"precision": None, "recall": None}, "(ep10 • hmean 0.843 • 20251018_1432)"),
        ({"created_timestamp": ""}, "rec 0.832)"),
        ({"backbone": "unknown"}, "dbnet · exp_name ("),
        ({"architecture": "unknown", "backbone": "unknown"}, "exp_name (ep10"),
        ({"exp_name": "dbnet"}, "dbnet · resnet50 (ep10"),
        ({"exp_name": "a" * 23}, f"· {'a' * 23} ("),
        ({"exp_name": "a" * 24}, f"· {'a' * 20}... ("),
    ],
)
def test_only_known_parts_are_shown(values: dict[str, Any], shown: str) -> None:
    assert shown in entry(**values).to_display_option()


def test_an_entry_nobody_knows_anything_of_goes_by_its_name() -> None:
    nothing = {"hmean": None, "precision": None, "recall": None, "epochs": None, "created_timestamp": ""}
    bare = entry(architecture="unknown", backbone="unknown", exp_name="unknown", **nothing)
    assert bare.to_display_option() == "best"


def test_metadata_can_be_changed_and_is_checked_then() -> None:
    changed = metadata()
    changed.training.epoch = 3
    assert changed.training.epoch == 3
    with pytest.raises(ValidationError):
        changed.training.epoch = -1


@pytest.mark.parametrize(
    ("block", "values"),
    [
        ("training", {"epoch": -1, "global_step": 0}),
        ("training", {"epoch": 0, "global_step": -1}),
        ("training", {"epoch": 0, "global_step": 0, "training_phase": "sleeping"}),
        ("training", {"epoch": 0, "global_step": 0, "max_epochs": 0}),
        ("metrics", {"hmean": 1.1}),
        ("metrics", {"precision": -0.1}),
        ("metrics", {"validation_loss": -1.0}),
        ("checkpointing", {"monitor": "val/hmean", "mode": "best"}),
        ("checkpointing", {"monitor": "val/hmean", "mode": "max", "save_top_k": -2}),
    ],
)
def test_constraints_are_those_of_version_1(block: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CheckpointMetadataV1.model_validate({**metadata().model_dump(), block: values})


def test_a_negative_epoch_is_named() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        TrainingInfo(epoch=-1, global_step=1000)


def test_created_at_is_iso_8601() -> None:
    with pytest.raises(ValidationError, match="Invalid ISO 8601 timestamp"):
        CheckpointMetadataV1.model_validate({**metadata().model_dump(), "created_at": "yesterday"})


@pytest.mark.parametrize("name", ["example_architecture", "example_callback", "example_converter", "example_modules"])
def test_published_documents_are_metadata(name: str) -> None:
    document = yaml.safe_load((DOCUMENTS / f"{name}.metadata.yaml").read_text(encoding="utf-8"))
    assert CheckpointMetadataV1.model_validate(document).schema_version == "1.0"


def test_coverage_is_a_percentage() -> None:
    assert CheckpointCatalog(outputs_dir=Path("o")).metadata_coverage_percent == 0.0
    half = CheckpointCatalog(outputs_dir=Path("o"), total_count=4, metadata_available_count=2)
    assert half.metadata_coverage_percent == 50.0
