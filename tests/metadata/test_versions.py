from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from ckpt_indexer.metadata.reading import read_document
from ckpt_indexer.metadata.schema import BLOCK_KEYS, REQUIRED_BY_1, V1_KEYS
from ckpt_indexer.metadata.versions import (
    CheckpointingConfig,
    DecoderInfo,
    EncoderInfo,
    HeadInfo,
    LossInfo,
    MetadataV0,
    MetadataV1,
    MetricsInfo,
    ModelInfo,
    Shape,
    TrainingInfo,
)

if TYPE_CHECKING:
    from tests.metadata.conftest import Documents

BLOCKS: dict[str, type[Shape]] = {
    "training": TrainingInfo,
    "model": ModelInfo,
    "model.encoder": EncoderInfo,
    "model.decoder": DecoderInfo,
    "model.head": HeadInfo,
    "model.loss": LossInfo,
    "metrics": MetricsInfo,
    "checkpointing": CheckpointingConfig,
}
GOLDEN = [
    "best.ckpt.metadata.yaml",
    *(f"example_{name}.metadata.yaml" for name in ("architecture", "modules", "callback", "converter")),
]
BROKEN: list[tuple[str, Any]] = [
    ("schema_version", "1.1"),
    ("created_at", "yesterday"),
    ("checkpoint_path", None),
    ("exp_name", 17),
    ("training.epoch", -1),
    ("training.epoch", "ten"),
    ("training.epoch", 3.5),
    ("training.epoch", None),
    ("training.global_step", -1),
    ("training.training_phase", "resting"),
    ("training.max_epochs", 0),
    ("training.max_epochs", -1),
    ("model.encoder", None),
    ("model.encoder.model_name", None),
    ("model.encoder.frozen", "perhaps"),
    ("model.decoder.in_channels", ["many"]),
    ("model.decoder.inner_channels", 0),
    ("model.decoder.params", {"a": [1]}),
    ("model.head.in_channels", 0),
    ("model.loss.params", {"a": "big"}),
    ("metrics.precision", 1.5),
    ("metrics.recall", -0.5),
    ("metrics.hmean", math.nan),
    ("metrics.hmean", 84.3),
    ("metrics.validation_loss", -1.0),
    ("metrics.additional_metrics", {"a": "high"}),
    ("metrics.additional_metrics", {"a": math.inf}),
    ("checkpointing.monitor", None),
    ("checkpointing.mode", "auto"),
    ("checkpointing.save_top_k", -2),
    ("checkpointing.save_last", "perhaps"),
]


@pytest.mark.parametrize("name", GOLDEN)
def test_real_documents_have_the_shape_of_1(documents: Documents, name: str) -> None:
    assert MetadataV1.model_validate(documents.golden(name)).schema_version == "1.0"


@pytest.mark.parametrize(("path", "value"), BROKEN)
def test_the_shape_and_the_reader_agree_on_what_is_invalid(documents: Documents, path: str, value: Any) -> None:
    raw = documents.changed(documents.v1(), path, value)
    with pytest.raises(ValidationError):
        MetadataV1.model_validate(raw)
    if path == "model.decoder.params":
        return  # a list among the params is refused by 1.0 alone: 2.0 allows it, and nothing is lost by reading it
    assert not read_document(raw, detail="d").valid


def test_the_shape_and_the_reader_know_the_same_keys() -> None:
    assert set(MetadataV1.model_fields) == V1_KEYS
    for path, shape in BLOCKS.items():
        assert set(shape.model_fields) <= BLOCK_KEYS[path]


def test_the_shape_and_the_reader_demand_the_same_keys() -> None:
    every: dict[str, type[Shape]] = {"": MetadataV1, **BLOCKS}
    for path, shape in every.items():
        demanded = {name for name, field in shape.model_fields.items() if field.is_required()}
        assert demanded == set(REQUIRED_BY_1.get(path, ()))


def test_defaults_are_those_of_the_replaced_system(documents: Documents) -> None:
    shape = MetadataV1.model_validate(documents.golden("example_modules.metadata.yaml"))
    assert shape.model.encoder.frozen is False
    assert (shape.checkpointing.save_top_k, shape.checkpointing.save_last) == (3, True)
    assert CheckpointingConfig(monitor="a", mode="min").save_top_k == 1
    assert shape.metrics.additional_metrics == {}


def test_text_loses_the_blanks_around_it() -> None:
    assert EncoderInfo(model_name=" resnet18 ").model_name == "resnet18"


def test_a_shape_never_changes(documents: Documents) -> None:
    shape = MetadataV1.model_validate(documents.v1())
    with pytest.raises(ValidationError):
        shape.exp_name = "other"  # type: ignore[misc]  # frozen is the point


def test_an_unknown_key_is_refused(documents: Documents) -> None:
    with pytest.raises(ValidationError):
        MetadataV1.model_validate({**documents.v1(), "colour": "blue"})


def test_version_0_has_a_shape_and_keeps_the_rest(documents: Documents) -> None:
    shape = MetadataV0.model_validate(documents.v0())
    assert shape.training is not None
    assert shape.training.epoch == 4
    assert shape.metrics == {"val/hmean": 0.7, "val/loss": 0.4}
    assert shape.model_extra == {"created_at": "2025-06-01T10:00:00"}
