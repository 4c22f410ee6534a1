from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.readers.conftest import kinds

if TYPE_CHECKING:
    from tests.readers.conftest import Reader

METADATA = {"keras_version": "3.15.0", "date_saved": "2026-03-01@12:00:00"}
CONFIG: dict[str, Any] = {
    "module": "keras",
    "class_name": "Functional",
    "config": {"name": "resnet50", "layers": []},
    "compile_config": {
        "optimizer": {"class_name": "Adam", "config": {"name": "adam", "learning_rate": 0.001, "weight_decay": None}},
        "loss": "binary_crossentropy",
    },
}


def keras(config: Any = CONFIG, metadata: Any = METADATA, *, weights: bool = True) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, value in (("metadata.json", metadata), ("config.json", config)):
            archive.writestr(name, value if isinstance(value, str) else json.dumps(value))
        if weights:
            archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(100))
    return buffer.getvalue()


def test_both_documents_are_read(read: Reader) -> None:
    header = read.of(keras(), "x.keras")
    assert (header.format, header.complete, header.problems) == ("keras", True, [])
    assert header.metadata == METADATA
    assert header.facts["architecture"] == "resnet50"
    assert {"role": "loss", "name": "binary_crossentropy", "params": {}} in header.components
    assert header.params["optimizer.name"] == "adam"
    assert header.params["optimizer.learning_rate"] == 0.001
    assert header.content_id is not None


@pytest.mark.parametrize("name", ["functional", "functional_12", "sequential_1", "model_3"])
def test_a_name_that_keras_made_up_is_no_architecture(read: Reader, name: str) -> None:
    header = read.of(keras({**CONFIG, "config": {"name": name}}), "x.keras")
    assert "architecture" not in header.facts


def test_a_class_of_ones_own_is_the_architecture(read: Reader) -> None:
    config = {"module": "mine.models", "class_name": "Detector", "config": {"name": "model"}}
    assert read.of(keras(config), "x.keras").facts["architecture"] == "Detector"


def test_an_archive_without_weights_is_incomplete(read: Reader) -> None:
    assert read.of(keras(weights=False), "x.keras").complete is False


@pytest.mark.parametrize(
    "config",
    [5, "no json", "[" * 100_000, [], {}, {"config": 5}, {"compile_config": 5}, {"class_name": 5, "module": 7},
     {"compile_config": {"loss": [1], "optimizer": 5}}, {"compile_config": {"loss": {}, "optimizer": {"config": 1}}},
     {"compile_config": {"optimizer": "adam", "loss": None}}],
)  # fmt: skip
def test_odd_documents_give_what_they_give(read: Reader, config: Any) -> None:
    header = read.of(keras(config), "x.keras")
    assert header.format == "keras"
    assert kinds(header) <= {"corrupt"}


def test_a_cut_off_archive_is_told_by_its_suffix(read: Reader) -> None:
    header = read.of(keras()[:-40], "x.keras")
    assert (header.format, header.complete, kinds(header)) == ("keras", False, {"truncated"})
