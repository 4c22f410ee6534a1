from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, ValidationError

from ckpt_indexer.metadata import document as documents_of_2
from ckpt_indexer.metadata.document import File, MetadataV2, Metrics, Model, Part, to_document
from ckpt_indexer.metadata.schema import BLOCK_KEYS
from ckpt_indexer.metadata.versions import MetadataV1

if TYPE_CHECKING:
    from tests.metadata.conftest import Documents

REFUSED: list[tuple[str, Any]] = [
    ("schema_version", "1.0"),
    ("schema_version", 2.0),
    ("colour", "blue"),
    ("training.lr", 0.1),
    ("training.epoch", "10"),
    ("training.epoch", True),
    ("training.epoch", -1),
    ("training.epoch", 2**63),
    ("training.max_epochs", -2),
    ("metrics.hmean", "0.5"),
    ("metrics.hmean", math.nan),
    ("metrics.hmean", True),
    ("metrics.additional_metrics", {"a": math.inf}),
    ("metrics.additional_metrics", {"": 0.5}),
    ("metrics.directions", {"a": "up"}),
    ("params", {"a": {"b": 1}}),
    ("params", {"a": math.nan}),
    ("params", {"a": [[1]]}),
    ("params", {"a": None}),
    ("checkpoint_path", "/abs/best.ckpt"),
    ("checkpoint_path", "a/../../best.ckpt"),
    ("file.name", "a/b.ckpt"),
    ("exp_name", "unknown"),
    ("exp_name", ""),
    ("exp_name", "a\0"),
    ("exp_name", "\ud800"),
    ("created_at", "2025-10-18T14:32:15"),
    ("created_at", datetime(2025, 10, 18)),  # noqa: DTZ001  # a moment without a zone is the point
    ("created_at", "yesterday"),
    ("created_at", 17),
    ("saved_as", "top k"),
    ("tags", "paper"),
    ("environment", {"a": {"b": {"c": 1}}}),
    ("model.components", [{"name": "x"}]),
    ("model.components", [{"role": "x", "y": {}}]),
    ("model.encoder.pretrained", 1),
    ("file.size_bytes", 1.5),
]


def test_everything_2_can_say_comes_back_as_it_was(documents: Documents) -> None:
    raw = {**documents.v2(), "created_at": "2025-10-18T14:32:15.000000Z"}
    assert to_document(MetadataV2.model_validate(raw)) == raw


def test_nothing_is_demanded_but_the_version_and_a_name() -> None:
    by_path = MetadataV2(schema_version="2.0", checkpoint_path="a/x.ckpt")
    by_name = MetadataV2(schema_version="2.0", file=File(name="x.ckpt"))
    assert to_document(by_path) == {"schema_version": "2.0", "checkpoint_path": "a/x.ckpt"}
    assert to_document(by_name) == {"schema_version": "2.0", "file": {"name": "x.ckpt"}}


@pytest.mark.parametrize("raw", [{}, {"file": {}}, {"file": {"size_bytes": 3}}])
def test_a_document_without_a_name_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"checkpoint_path or file\.name"):
        MetadataV2.model_validate({"schema_version": "2.0", **raw})


def test_a_document_without_a_version_is_refused() -> None:
    with pytest.raises(ValidationError, match="schema_version"):
        MetadataV2.model_validate({"checkpoint_path": "x.ckpt"})


@pytest.mark.parametrize(("path", "value"), REFUSED)
def test_a_writer_cannot_say(documents: Documents, path: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        MetadataV2.model_validate(documents.changed(documents.v2(), path, value))


@pytest.mark.parametrize(
    "given",
    [
        "2025-10-18T14:32:15+09:00",
        "2025-10-18T05:32:15Z",
        datetime(2025, 10, 18, 14, 32, 15, tzinfo=timezone(timedelta(hours=9))),
        datetime(2025, 10, 18, 5, 32, 15, tzinfo=UTC),
    ],
)
def test_a_moment_is_written_in_utc(given: Any) -> None:
    model = MetadataV2(schema_version="2.0", checkpoint_path="x", created_at=given)
    assert to_document(model)["created_at"] == "2025-10-18T05:32:15.000000Z"


def test_empty_blocks_are_left_out_and_null_metrics_are_not() -> None:
    metrics = Metrics(additional_metrics={"val/hmean": None})
    model = MetadataV2(schema_version="2.0", checkpoint_path="x", model=Model(), metrics=metrics, tags=[])
    assert to_document(model) == {
        "schema_version": "2.0",
        "checkpoint_path": "x",
        "metrics": {"additional_metrics": {"val/hmean": None}},
    }


def test_zero_and_false_are_said() -> None:
    raw = {
        "schema_version": "2.0",
        "checkpoint_path": "x",
        "training": {"epoch": 0, "global_step": 0},
        "model": {"encoder": {"frozen": False}},
        "metrics": {"hmean": 0.0},
    }
    assert to_document(MetadataV2.model_validate(raw)) == raw


def test_a_part_may_be_described_by_any_key() -> None:
    part = Part.model_validate({"role": "tokenizer", "copy": "x", "vocabulary": 30_000, "stages": [1, 2]})
    assert to_document(part) == {"role": "tokenizer", "copy": "x", "vocabulary": 30_000, "stages": [1, 2]}


def test_a_document_never_changes(documents: Documents) -> None:
    model = MetadataV2.model_validate(documents.v2())
    with pytest.raises(ValidationError):
        model.notes = "other"  # type: ignore[misc]  # frozen is the point


def test_a_document_of_1_keeps_all_its_keys(documents: Documents) -> None:
    raw = documents.golden("best.ckpt.metadata.yaml")
    written = to_document(MetadataV1.model_validate(raw))
    assert written == {**raw, "wandb_run_id": None}


def test_the_writer_and_the_reader_know_the_same_keys() -> None:
    names = {"": "MetadataV2", **{path: path.rpartition(".")[2].title() for path in BLOCK_KEYS if path}}
    for path, name in names.items():
        model: type[BaseModel] = getattr(documents_of_2, name)
        assert set(model.model_fields) == BLOCK_KEYS[path]


def test_every_key_of_1_keeps_its_place() -> None:
    assert set(MetadataV1.model_fields) <= set(MetadataV2.model_fields)
    for block in ("training", "model", "metrics", "checkpointing"):
        old: Any = MetadataV1.model_fields[block].annotation  # a block type of 1.0
        assert set(old.model_fields) <= BLOCK_KEYS[block]
