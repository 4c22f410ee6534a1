from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.metadata.provenance import FIELDS
from ckpt_indexer.metadata.reading import FileBlock, Reading, read_document
from ckpt_indexer.metadata.record import Component, Metric, SidecarState

if TYPE_CHECKING:
    from tests.metadata.conftest import Documents

KST = timezone(timedelta(hours=9))


def read(raw: Any, zone: timezone = UTC) -> Reading:
    return read_document(raw, detail="best.metadata.yaml", zone=zone)


def test_a_document_of_2_says_all_it_can(documents: Documents) -> None:
    reading = read(documents.v2())
    assert reading.finding.problems == []
    assert reading.valid
    assert set(reading.finding.facts) == set(FIELDS) - {"config_path", "format", "content_id", "weights_id"}
    assert reading.file == FileBlock("epoch=10.ckpt", 1000, 17)
    assert reading.finding.params == {"optimizer.lr": 0.001, "seed": 1, "sizes": [1, 2]}
    assert reading.finding.tags == ["paper", "keep"]
    assert reading.finding.directions == {"val/hmean": "max", "val/iou": "max"}
    assert reading.finding.components[-1] == Component("neck", "fpn", {"stride": 8, "levels": 4})
    assert reading.finding.defaults == frozenset()
    assert reading.extra == {
        "hydra_config_path": "outputs/dbnet/.hydra/config.yaml",
        "checkpointing.save_top_k": 3,
        "checkpointing.save_last": True,
        "run.name": "first",
        "dataset.version": "2",
        "lineage": {"resumed_from": "outputs/dbnet/checkpoints/last.ckpt"},
        "environment": {"program": "train.py", "versions": {"torch": "2.13.0"}},
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("checkpoint_path", "/abs/best.ckpt"),
        ("run.dir", "../other"),
        ("run", "r1"),
        ("run.id", "unknown"),
        ("dataset", "icdar15"),
        ("file.name", "a/b.ckpt"),
        ("file.size_bytes", -1),
        ("metrics_step", 1.5),
        ("saved_as", "top k"),
        ("tags", "paper"),
        ("tags", ["a", 3]),
        ("tags", [" "]),
        ("notes", 3),
        ("params", [1]),
        ("params.x", [{}]),
        ("lineage", "last.ckpt"),
        ("environment", "here"),
        ("model.num_parameters", "many"),
        ("model.components", {}),
        ("exp_name", ""),
        ("created_at", "2025-10-18T14:32:15"),
    ],
)
def test_a_bad_field_of_2_makes_the_document_invalid(documents: Documents, path: str, value: Any) -> None:
    reading = read(documents.changed(documents.v2(), path, value))
    assert not reading.valid
    assert reading.finding.problems[0].message.startswith(path)


def test_a_mode_without_a_monitor_counts_in_2_only() -> None:
    raw = {"schema_version": "2.0", "checkpoint_path": "x.ckpt", "checkpointing": {"mode": "max"}}
    assert read(raw).finding.facts["monitor_mode"] == "max"
    assert "monitor_mode" not in read({**raw, "schema_version": "1.0"}).finding.facts


def test_no_limit_on_epochs_is_legal_in_2(documents: Documents) -> None:
    reading = read(documents.changed(documents.v2(), "training.max_epochs", -1))
    assert reading.valid
    assert reading.finding.facts["max_epochs"] == -1


@pytest.mark.parametrize(("step", "stale"), [(5420, False), (5000, True), (None, False)])
def test_metrics_of_another_step_are_stale(documents: Documents, step: int | None, stale: bool) -> None:
    reading = read(documents.changed(documents.v2(), "metrics_step", step))
    assert {metric.stale for metric in reading.finding.metrics.values()} == {stale}


def test_metrics_of_an_unknown_step_are_not_called_stale(documents: Documents) -> None:
    raw = documents.v2()
    del raw["training"]["global_step"]
    assert not any(metric.stale for metric in read(raw).finding.metrics.values())


def test_a_moment_of_2_without_a_zone_is_used_and_a_problem(documents: Documents) -> None:
    reading = read(documents.changed(documents.v2(), "created_at", "2025-10-18T14:32:15"), KST)
    assert reading.finding.facts["created_at"] == "2025-10-18T05:32:15.000000Z"
    assert not reading.valid


def test_a_declared_direction_beats_the_mode_of_the_monitor(documents: Documents) -> None:
    reading = read(documents.changed(documents.v2(), "metrics.directions.val/hmean", "min"))
    assert reading.finding.directions["val/hmean"] == "min"


def test_the_first_part_that_names_a_field_of_the_row_wins() -> None:
    parts = [
        {"role": "backbone", "name": "vit_b_16"},
        {"role": "encoder", "name": "resnet18"},
        {"role": "neck", "name": "x"},
    ]
    raw = {"schema_version": "2.0", "file": {"name": "x.pt"}, "model": {"components": parts}}
    reading = read(raw)
    assert reading.finding.facts["backbone"] == "vit_b_16"
    assert len(reading.finding.components) == 3


def test_tags_are_trimmed_and_counted_once(documents: Documents) -> None:
    assert read(documents.changed(documents.v2(), "tags", [" a", "b", "a"])).finding.tags == ["a", "b"]


@pytest.mark.parametrize("file", [None, {}, {"name": None}, "x.ckpt"])
def test_version_2_demands_a_name_for_the_file(file: object) -> None:
    reading = read({"schema_version": "2.0", "file": file, "exp_name": "a"})
    assert not reading.valid
    assert "version 2.0 demands one" in reading.finding.problems[-1].message


def test_an_empty_model_says_nothing() -> None:
    raw = {"schema_version": "2.0", "checkpoint_path": "x.ckpt", "model": {}, "metrics": {}, "upgraded_from": {}}
    assert read(raw).finding.facts == {"schema_version": "2.0"}


def test_a_document_from_the_future_is_searchable_and_kept(documents: Documents) -> None:
    raw = {**documents.v2(), "schema_version": "9.9", "training": {"epoch": 3, "global_step": "many"}, "wheels": 4}
    reading = read(raw)
    assert reading.from_future
    assert not reading.valid
    assert reading.version == "9.9"
    assert reading.finding.sidecar_state is SidecarState.FROM_FUTURE
    assert reading.finding.facts["epoch"] == 3
    assert reading.finding.facts["schema_version"] == "9.9"
    assert reading.finding.metrics["hmean"] == Metric(0.84)
    assert [problem.kind for problem in reading.finding.problems] == ["from_future"]
    assert reading.extra == raw


def test_a_document_of_2_must_name_its_version(documents: Documents) -> None:
    raw = documents.v2()
    del raw["schema_version"]
    reading = read(raw)
    assert reading.version == "2.0"
    assert [problem.message for problem in reading.finding.problems] == ["schema_version is missing"]
