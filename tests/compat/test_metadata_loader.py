from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ckpt_indexer import save_metadata as save_newest
from ckpt_indexer.compat import load_metadata, load_metadata_batch, save_metadata
from ckpt_indexer.errors import SchemaFromFuture
from tests.compat.catalog_files import described, metadata, place

GOLDEN = Path(__file__).parent.parent / "golden" / "sidecars"
V0: dict[str, Any] = {
    "training": {"epoch": 4, "global_step": 500, "training_phase": "training"},
    "model": {"architecture": "dbnet", "encoder": "resnet18"},
    "metrics": {"val/hmean": 0.7, "val/loss": 0.4},
    "config": {"monitor": "val/hmean", "mode": "max", "save_top_k": 3},
}


def write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    checkpoint = tmp_path / "test.ckpt"
    checkpoint.touch()
    written = metadata("/path/to/checkpoint.ckpt")
    path = save_metadata(written, checkpoint)
    assert path == tmp_path / "test.metadata.yaml"
    assert load_metadata(checkpoint) == written


def test_none_is_left_out_of_a_document(tmp_path: Path) -> None:
    path = save_metadata(metadata(precision=None, recall=None), tmp_path / "best.ckpt")
    block = yaml.safe_load(path.read_text(encoding="utf-8"))["metrics"]
    assert block == {"hmean": 0.85, "validation_loss": 0.15, "additional_metrics": {}}


def test_the_checkpoint_need_not_exist(tmp_path: Path) -> None:
    save_metadata(metadata(), tmp_path / "best.ckpt")
    assert load_metadata(str(tmp_path / "best.ckpt")) == metadata()


def test_absent_is_none(tmp_path: Path) -> None:
    assert load_metadata(tmp_path / "nonexistent.ckpt") is None
    assert load_metadata(Path("/nonexistent/place/best.ckpt")) is None


@pytest.mark.parametrize(
    "text", ["not a dict: [1, 2, 3]", "{ invalid yaml: [unclosed", "", "- a\n- b\n", "schema_version: '1.0'\n", "\0"]
)
def test_a_broken_document_is_none_and_logged(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "best.ckpt").touch()
    (tmp_path / "best.metadata.yaml").write_text(text, encoding="utf-8")
    assert load_metadata(tmp_path / "best.ckpt") is None
    assert "cannot be used" in caplog.text


def test_one_broken_document_hides_no_other(tmp_path: Path) -> None:
    good, bad, absent = (tmp_path / name for name in ("good.ckpt", "bad.ckpt", "absent.ckpt"))
    save_metadata(metadata("good.ckpt", epoch=1), good)
    (tmp_path / "bad.metadata.yaml").write_text("{", encoding="utf-8")
    found = load_metadata_batch([good, bad, absent])
    assert list(found) == [good, bad, absent]
    assert found[good] == metadata("good.ckpt", epoch=1)
    assert (found[bad], found[absent]) == (None, None)


def test_every_name_of_a_document_is_read(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "best.ckpt.metadata.yaml", tmp_path / "best.ckpt.metadata.yaml")
    found = load_metadata(tmp_path / "best.ckpt")
    assert found is not None
    assert found.exp_name == "ocr_training-dbnet-pan_decoder-mobilenetv3_small_050_33"
    assert found.metrics.hmean == 0.9524925344688172


def test_explicit_nulls_are_absent_values(tmp_path: Path) -> None:
    document = metadata("best.ckpt").model_dump()
    document["metrics"]["additional_metrics"] = None
    document["training"]["max_epochs"] = -1
    document["checkpointing"]["save_last"] = None
    write(tmp_path / "best.metadata.yaml", document)
    found = load_metadata(tmp_path / "best.ckpt")
    assert found is not None
    assert (found.metrics.additional_metrics, found.training.max_epochs) == ({}, None)
    assert found.checkpointing.save_last is True


def test_a_moment_without_quotes_is_text(tmp_path: Path) -> None:
    text = yaml.safe_dump(metadata("best.ckpt").model_dump()).replace("'2025-10-18T14:32:15'", "2025-10-18 14:32:15")
    (tmp_path / "best.metadata.yaml").write_text(text, encoding="utf-8")
    found = load_metadata(tmp_path / "best.ckpt")
    assert found is not None
    assert found.created_at.startswith("2025-10-18")


def test_version_0_becomes_1(tmp_path: Path) -> None:
    checkpoint = place(tmp_path, "best.ckpt", "exp7")
    checkpoint.touch()
    checkpoint.with_name("best.metadata.json").write_text(json.dumps(V0), encoding="utf-8")
    found = load_metadata(checkpoint)
    assert found is not None
    assert (found.training.epoch, found.metrics.hmean, found.metrics.validation_loss) == (4, 0.7, 0.4)
    assert (found.model.encoder.model_name, found.model.head.name) == ("resnet18", "unknown")
    assert (found.exp_name, found.checkpointing.monitor) == ("exp7", "val/hmean")


def test_version_2_becomes_1(tmp_path: Path) -> None:
    checkpoint = tmp_path / "last.ckpt"
    checkpoint.touch()
    training = {"epoch": 0, "global_step": 160}
    save_newest({"checkpoint_path": "last.ckpt", "training": training, "metrics": {"hmean": 0.9}}, checkpoint)
    found = load_metadata(checkpoint)
    assert found is not None
    assert (found.schema_version, found.training.epoch, found.metrics.hmean) == ("1.0", 0, 0.9)


def test_version_2_without_an_epoch_says_too_little(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = tmp_path / "last.ckpt"
    checkpoint.touch()
    save_newest({"checkpoint_path": "last.ckpt", "metrics": {"hmean": 0.9}}, checkpoint)
    assert load_metadata(checkpoint) is None
    assert "training.epoch" in caplog.text


def test_headline_metrics_are_found_under_their_logged_names(tmp_path: Path) -> None:
    document = metadata("best.ckpt", hmean=None, precision=None, recall=None).model_dump()
    document["metrics"]["additional_metrics"] = {"val/hmean": 0.5, "cleval/precision": 0.6, "train/recall": 0.7}
    write(tmp_path / "best.metadata.yaml", document)
    found = load_metadata(tmp_path / "best.ckpt")
    assert found is not None
    assert (found.metrics.hmean, found.metrics.precision, found.metrics.recall) == (0.5, 0.6, None)


def test_a_document_of_the_file_beside_it_is_not_taken(tmp_path: Path) -> None:
    described(tmp_path / "best.ckpt")
    (tmp_path / "best.safetensors").touch()
    assert load_metadata(tmp_path / "best.safetensors") is None
    assert load_metadata(tmp_path / "best.ckpt") is not None


def test_a_renamed_checkpoint_keeps_its_document(tmp_path: Path) -> None:
    described(tmp_path / "old.ckpt")
    for path in tmp_path.iterdir():
        path.rename(path.with_name(path.name.replace("old", "new")))
    assert load_metadata(tmp_path / "new.ckpt") is not None


def test_a_link_has_the_document_of_what_it_leads_to(tmp_path: Path) -> None:
    described(tmp_path / "best.ckpt")
    (tmp_path / "last.ckpt").symlink_to("best.ckpt")
    assert load_metadata(tmp_path / "last.ckpt") == load_metadata(tmp_path / "best.ckpt")
    (tmp_path / "loop.ckpt").symlink_to("loop.ckpt")
    assert load_metadata(tmp_path / "loop.ckpt") is None


def test_a_hard_document_is_read_in_a_child(tmp_path: Path) -> None:
    text = yaml.safe_dump(metadata("best.ckpt").model_dump()) + "more: [{a: 'x & y'}, [1]]\n"
    (tmp_path / "best.metadata.yaml").write_text(text, encoding="utf-8")
    assert load_metadata(tmp_path / "best.ckpt") == metadata("best.ckpt")


def test_a_document_from_the_future_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "best.metadata.yaml"
    path.write_text("schema_version: '3.0'\ncheckpoint_path: best.ckpt\n", encoding="utf-8")
    assert load_metadata(tmp_path / "best.ckpt") is None
    with pytest.raises(SchemaFromFuture):
        save_metadata(metadata(), tmp_path / "best.ckpt")
    assert "3.0" in path.read_text(encoding="utf-8")


def test_a_name_with_dots_keeps_them(tmp_path: Path) -> None:
    path = save_metadata(metadata(), tmp_path / "epoch=3-loss=0.25.ckpt")
    assert path.name == "epoch=3-loss=0.25.metadata.yaml"
    assert load_metadata(tmp_path / "epoch=3-loss=0.25.ckpt") is not None
