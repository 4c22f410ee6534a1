from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.metadata.document import MetadataV2, to_document
from ckpt_indexer.metadata.downgrade import downgrade
from ckpt_indexer.metadata.reading import read_document

if TYPE_CHECKING:
    from tests.metadata.conftest import Documents

LEAST: dict[str, Any] = {
    "schema_version": "2.0",
    "file": {"name": "x.ckpt"},
    "created_at": "2025-10-18T14:32:15Z",
    "training": {"epoch": 0, "global_step": 0},
}


def old(**more: Any) -> dict[str, Any]:
    """Return the 1.0 document of the least 2.0 document and what is added to it."""
    return to_document(downgrade(MetadataV2.model_validate({**LEAST, **more})))


def test_what_1_can_say_stays(documents: Documents) -> None:
    written = to_document(downgrade(MetadataV2.model_validate(documents.v2())))
    assert written == {**documents.v1(), "created_at": "2025-10-18T14:32:15+00:00"}


def test_unknown_and_defaults_are_filled_in_and_read_as_absent() -> None:
    written = old()
    assert written["exp_name"] == "unknown"
    assert written["checkpoint_path"] == "x.ckpt"
    assert written["model"]["encoder"] == {"model_name": "unknown", "pretrained": True, "frozen": False}
    assert written["model"]["head"]["name"] == "unknown"
    assert written["checkpointing"] == {"monitor": "unknown", "mode": "max", "save_top_k": 1, "save_last": True}
    reading = read_document(written, detail="d")
    assert reading.valid
    assert set(reading.finding.facts) == {"schema_version", "created_at", "epoch", "global_step", "training_phase"}
    assert reading.finding.components == []


def test_a_checkpoint_without_an_hmean_gets_its_document() -> None:
    assert old(metrics={"additional_metrics": {"val/loss": 0.5, "gone": None}})["metrics"] == {
        "precision": None,
        "recall": None,
        "hmean": None,
        "validation_loss": None,
        "additional_metrics": {"val/loss": 0.5},
    }


def test_no_limit_on_epochs_is_dropped() -> None:
    assert old(training={**LEAST["training"], "max_epochs": -1})["training"]["max_epochs"] is None
    assert old(training={**LEAST["training"], "max_epochs": 5})["training"]["max_epochs"] == 5


def test_a_value_off_the_scale_of_1_is_an_additional_metric() -> None:
    metrics = old(metrics={"hmean": 84.3, "precision": -0.5, "recall": 1.0, "validation_loss": 250.0})["metrics"]
    assert metrics["additional_metrics"] == {"hmean": 84.3, "precision": -0.5}
    assert (metrics["hmean"], metrics["recall"], metrics["validation_loss"]) == (None, 1.0, 250.0)


@pytest.mark.parametrize(("step", "hmean"), [(0, 0.8), (7, None), (None, 0.8)])
def test_stale_metrics_are_left_out(step: int | None, hmean: float | None) -> None:
    assert old(metrics={"hmean": 0.8}, metrics_step=step)["metrics"]["hmean"] == hmean


def test_a_part_from_the_open_list_fills_its_block() -> None:
    parts = [{"role": "backbone", "name": "vit_b_16"}, {"role": "encoder", "name": "b"}, {"role": "neck", "name": "c"}]
    model = old(model={"components": [*parts, {"role": "head"}], "encoder": {"frozen": True}})["model"]
    assert model["encoder"] == {"model_name": "vit_b_16", "pretrained": True, "frozen": True}
    assert model["head"]["name"] == "unknown"


def test_a_name_in_its_block_wins_over_the_open_list() -> None:
    model = old(model={"components": [{"role": "head", "name": "a"}], "head": {"name": "b"}})["model"]
    assert model["head"]["name"] == "b"


def test_a_path_is_kept_before_the_name_of_the_file() -> None:
    assert old(checkpoint_path="a/x.ckpt")["checkpoint_path"] == "a/x.ckpt"


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"training": None}, "training.epoch, training.global_step"),
        ({"training": {"epoch": 3}}, "training.global_step"),
        ({"created_at": None}, "created_at"),
        ({"created_at": None, "training": {}}, "training.epoch, training.global_step, created_at"),
    ],
)
def test_what_has_no_word_for_unknown_must_be_known(missing: dict[str, Any], said: str) -> None:
    with pytest.raises(SidecarInvalid, match=f"^version 1.0 demands {said};"):
        old(**missing)
    with pytest.raises(SidecarInvalid):
        old(**missing, metrics_step=3)
