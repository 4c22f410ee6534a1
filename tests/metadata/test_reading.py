from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.errors import SidecarInvalid
from ckpt_indexer.metadata.reading import Reading, read_document
from ckpt_indexer.metadata.record import Component, Metric, SidecarState

if TYPE_CHECKING:
    from tests.metadata.conftest import Documents

GOLDEN = [
    "best.ckpt.metadata.yaml",
    *(f"example_{name}.metadata.yaml" for name in ("architecture", "modules", "callback", "converter")),
]
KST = timezone(timedelta(hours=9))


def read(raw: Any, zone: timezone = UTC) -> Reading:
    return read_document(raw, detail="best.metadata.yaml", zone=zone)


@pytest.mark.parametrize("name", GOLDEN)
def test_real_documents_are_valid(documents: Documents, name: str) -> None:
    reading = read(documents.golden(name))
    assert reading.finding.problems == []
    assert reading.valid
    assert reading.version == "1.0"
    assert reading.finding.sidecar_state is SidecarState.UNVERIFIED


def test_the_published_document_says_what_it_says(documents: Documents) -> None:
    reading = read(documents.golden("best.ckpt.metadata.yaml"), KST)
    name = "ocr_training-dbnet-pan_decoder-mobilenetv3_small_050_33"
    assert reading.checkpoint_path == f"{name}/checkpoints/best.ckpt"
    assert reading.finding.facts == {
        "schema_version": "1.0",
        "experiment": name,
        "created_at": "2025-10-19T04:36:50.323967Z",
        "epoch": 18,
        "global_step": 3895,
        "training_phase": "training",
        "max_epochs": 25,
        "architecture": "ocrmodel",
        "backbone": "mobilenetv3_small_050",
        "decoder": "unet",
        "monitor": "val/hmean",
        "monitor_mode": "max",
    }
    assert reading.finding.metrics == {
        "hmean": Metric(0.9524925344688172),
        "precision": Metric(0.9508013093641193),
        "recall": Metric(0.954919726043792),
    }
    assert reading.finding.components == [
        Component("encoder", "mobilenetv3_small_050", {"pretrained": True, "frozen": False}),
        Component("decoder", "unet", {}),
    ]
    assert reading.finding.defaults == {"components.encoder.pretrained", "components.encoder.frozen"}
    assert reading.finding.directions == {"val/hmean": "max"}
    assert reading.extra["hydra_config_path"] == f"{name}/.hydra/config.yaml"


def test_epoch_zero_is_an_epoch(documents: Documents) -> None:
    assert read(documents.golden("example_converter.metadata.yaml")).finding.facts["epoch"] == 0


def test_a_config_path_is_never_taken_from_a_document(documents: Documents) -> None:
    assert "config_path" not in read(documents.v1()).finding.facts


def test_a_document_of_0_is_read(documents: Documents) -> None:
    reading = read(documents.v0())
    assert reading.valid
    assert reading.version == "0"
    facts = reading.finding.facts
    assert (facts["backbone"], facts["decoder"], facts["head"]) == ("resnet18", "pan_decoder", "db_head")
    assert (facts["monitor"], facts["monitor_mode"], facts["epoch"]) == ("val/hmean", "max", 4)
    assert reading.finding.metrics == {"val/hmean": Metric(0.7), "val/loss": Metric(0.4)}


@pytest.mark.parametrize(("version", "valid"), [("1.0", False), ("2.0", True)])
def test_a_score_out_of_a_hundred_is_kept_and_valid_only_in_2(documents: Documents, version: str, valid: bool) -> None:
    raw = documents.v1() if version == "1.0" else documents.v2()
    reading = read(documents.changed(raw, "metrics.hmean", 84.3))
    assert reading.finding.metrics["hmean"] == Metric(84.3)
    assert reading.valid is valid


@pytest.mark.parametrize(
    ("path", "value", "fact"),
    [
        ("training.epoch", "ten", "epoch"),
        ("training.epoch", -1, "epoch"),
        ("training.epoch", True, "epoch"),
        ("training.epoch", "10", "epoch"),
        ("training.global_step", 2**63, "global_step"),
        ("training.training_phase", "resting", "training_phase"),
        ("training.max_epochs", -1, "max_epochs"),
        ("exp_name", 17, "experiment"),
        ("created_at", "yesterday", "created_at"),
        ("model.architecture", ["dbnet"], "architecture"),
        ("model.encoder", "resnet18", "backbone"),
        ("model.encoder.model_name", 18, "backbone"),
        ("checkpointing.mode", "auto", "monitor_mode"),
        ("checkpointing.monitor", 3, "monitor"),
        ("wandb_run_id", 1092, "wandb_run_id"),
    ],
)
def test_a_bad_field_is_a_problem_and_the_rest_is_used(documents: Documents, path: str, value: Any, fact: str) -> None:
    before = set(read(documents.v1()).finding.facts)
    reading = read(documents.changed(documents.v1(), path, value))
    assert not reading.valid
    assert reading.finding.sidecar_state is SidecarState.INVALID
    assert reading.finding.problems[0].kind == "field"
    assert reading.finding.problems[0].message.startswith(path)
    lost = {"monitor", "monitor_mode"} if fact == "monitor" else {fact}
    assert before - set(reading.finding.facts) == lost


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("checkpointing.save_top_k", -2),
        ("checkpointing.save_last", "link"),
        ("training", [1]),
        ("metrics", [1]),
        ("metrics.directions", "max"),
        ("hydra_config_path", 3),
        ("checkpoint_path", "a\0"),
    ],
)
def test_a_bad_field_without_a_fact_makes_the_document_invalid(documents: Documents, path: str, value: Any) -> None:
    reading = read(documents.changed(documents.v1(), path, value))
    assert not reading.valid
    assert reading.finding.problems[0].message.startswith(path)


@pytest.mark.parametrize("path", ["exp_name", "training", "training.epoch", "model.head", "model.head.name", "metrics"])
@pytest.mark.parametrize("null", [True, False])
def test_version_1_demands_its_keys_and_2_does_not(documents: Documents, path: str, null: bool) -> None:
    for document, valid in ((documents.v1(), False), (documents.v2(), True)):
        *blocks, last = path.split(".")
        here = document
        for key in blocks:
            here = here[key]
        here[last] = None
        if not null:
            del here[last]
        reading = read(document)
        assert reading.valid is valid
        if not valid:
            assert reading.finding.problems[0].message == f"{path}: missing, version 1.0 demands it"


def test_words_for_unknown_are_absent_in_old_documents(documents: Documents) -> None:
    raw = documents.v1()
    for path in ("exp_name", "model.architecture", "model.encoder.model_name", "checkpointing.monitor", "wandb_run_id"):
        documents.changed(raw, path, "Unknown")
    reading = read(documents.changed(raw, "hydra_config_path", ""))
    assert reading.valid
    gone = {"experiment", "architecture", "backbone", "monitor", "monitor_mode", "wandb_run_id"}
    assert not gone & set(reading.finding.facts)
    assert "hydra_config_path" not in reading.extra
    assert reading.finding.directions == {}


def test_a_moment_that_yaml_made_is_as_good_as_text(documents: Documents) -> None:
    raw = documents.changed(documents.v1(), "created_at", datetime(2025, 10, 18, 14, 32, 15))  # noqa: DTZ001  # as YAML
    reading = read(raw, KST)
    assert reading.valid
    assert reading.finding.facts["created_at"] == "2025-10-18T05:32:15.000000Z"


@pytest.mark.parametrize("base", ["v1", "v2"])
def test_unknown_keys_are_kept_and_no_problem(documents: Documents, base: str) -> None:
    raw = getattr(documents, base)()
    for path, value in (("colour", "blue"), ("training.lr", [1]), ("model.head.more", {}), ("metrics.who", "me")):
        documents.changed(raw, path, value)
    raw[3] = "three"
    reading = read(raw)
    assert reading.valid
    assert {"colour": "blue", "training.lr": [1], "model.head.more": {}, "metrics.who": "me", "3": "three"}.items() <= (
        reading.extra.items()
    )


def test_a_number_beside_the_metrics_is_a_metric_and_not_left_over(documents: Documents) -> None:
    reading = read(documents.changed(documents.v1(), "metrics.val/f1", 0.5))
    assert reading.finding.metrics["val/f1"] == Metric(0.5)
    assert "metrics.val/f1" not in reading.extra


def test_two_values_for_one_metric_are_a_problem_of_a_valid_document(documents: Documents) -> None:
    reading = read(documents.changed(documents.v1(), "metrics.additional_metrics.hmean", 0.1))
    assert [problem.kind for problem in reading.finding.problems] == ["conflict"]
    assert reading.valid


def test_infinity_makes_a_document_invalid(documents: Documents) -> None:
    reading = read(documents.changed(documents.v1(), "metrics.additional_metrics.val/loss", math.inf))
    assert reading.finding.metrics["val/loss"] == Metric(None)
    assert not reading.valid


@pytest.mark.parametrize(("named", "version"), [("abc", "1.0"), (1.5, "1.0"), (True, "1.0"), ("0.9", "0")])
def test_a_version_that_never_was_is_a_problem_and_the_rest_is_read(
    documents: Documents, named: object, version: str
) -> None:
    reading = read({**documents.v1(), "schema_version": named})
    assert not reading.valid
    assert reading.version == version
    assert reading.finding.facts["epoch"] == 10
    assert reading.finding.problems[0].message.startswith("schema_version: ")


def test_a_document_of_1_need_not_name_its_version(documents: Documents) -> None:
    raw = documents.v1()
    del raw["schema_version"]
    assert read(raw).valid


@pytest.mark.parametrize("raw", [None, [], "text", 3, {}, {"colour": "blue"}, [{"schema_version": "1.0"}]])
def test_what_is_no_document_is_refused_by_name(raw: object) -> None:
    with pytest.raises(SidecarInvalid, match=r"^best\.metadata\.yaml: "):
        read(raw)


def test_the_document_is_not_changed(documents: Documents) -> None:
    for raw in (documents.v0(), documents.v1(), documents.v2()):
        before = repr(raw)
        read(raw)
        assert repr(raw) == before
