from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.compat import MetadataValidator
from ckpt_indexer.compat.validator import ValidationReport
from tests.compat.catalog_files import described, metadata, place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def validator() -> MetadataValidator:
    return MetadataValidator(schema_version="1.0")


def test_valid_metadata_is_given_back(validator: MetadataValidator) -> None:
    given = metadata()
    assert validator.validate_metadata(given) is given


def test_hmean_is_required(validator: MetadataValidator) -> None:
    with pytest.raises(ValueError, match="hmean metric is required"):
        validator.validate_metadata(metadata(hmean=None))


def test_an_hmean_of_zero_is_one(validator: MetadataValidator) -> None:
    assert validator.validate_metadata(metadata(hmean=0.0)).metrics.hmean == 0.0


@pytest.mark.parametrize("name", ["precision", "recall"])
def test_missing_precision_and_recall_are_warnings(
    validator: MetadataValidator, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = metadata()
    setattr(given.metrics, name, None)
    assert validator.validate_metadata(given) is given
    assert f"{name} metric missing (recommended)" in caplog.text


def test_another_version_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert MetadataValidator("1.1").validate_metadata(metadata()) is not None
    assert "schema version 1.0, not 1.1" in caplog.text


def test_a_batch_isolates_errors(validator: MetadataValidator) -> None:
    first, bad, last = metadata(epoch=1), metadata(hmean=None), metadata(epoch=2)
    assert validator.validate_batch([first, bad, last]) == [first, last]


def test_a_checkpoint_without_a_document_is_missing(validator: MetadataValidator, tmp_path: Path) -> None:
    (tmp_path / "test.ckpt").touch()
    result = validator.validate_checkpoint_file(tmp_path / "test.ckpt")
    assert (result.is_valid, result.error_type, result.metadata) == (False, "missing", None)
    assert result.checkpoint_path == tmp_path / "test.ckpt"


@pytest.mark.parametrize("text", ["{", "schema_version: '1.0'\n", "schema_version: '9.0'\n"])
def test_a_broken_document_is_invalid_not_missing(validator: MetadataValidator, tmp_path: Path, text: str) -> None:
    (tmp_path / "test.metadata.yaml").write_text(text, encoding="utf-8")
    result = validator.validate_checkpoint_file(str(tmp_path / "test.ckpt"))
    assert (result.is_valid, result.error_type) == (False, "schema_validation")
    assert result.error


def test_a_document_without_hmean_breaks_a_rule(validator: MetadataValidator, tmp_path: Path) -> None:
    described(tmp_path / "test.ckpt", hmean=None)
    result = validator.validate_checkpoint_file(tmp_path / "test.ckpt")
    assert (result.is_valid, result.error_type) == (False, "business_rule")
    assert result.metadata is not None


def test_a_directory_is_judged_whole(validator: MetadataValidator, outputs: Path) -> None:
    described(place(outputs, "a.ckpt"))
    described(place(outputs, "b.ckpt", "other"), hmean=None)
    place(outputs, "c.ckpt").touch()
    (outputs / "top.ckpt").touch()
    place(outputs, "no_checkpoint.txt").touch()
    report = validator.validate_directory(outputs)
    assert (report.total, report.valid, report.invalid, report.missing) == (4, 1, 1, 2)
    assert report.errors_by_type == {"business_rule": 1, "missing": 2}
    assert report.success_rate() == 25.0
    flat = validator.validate_directory(outputs, recursive=False)
    assert [result.checkpoint_path for result in flat.results] == [outputs / "top.ckpt"]


def test_an_absent_directory_has_no_checkpoints(validator: MetadataValidator, tmp_path: Path) -> None:
    report = validator.validate_directory(tmp_path / "none")
    assert (report.total, report.success_rate()) == (0, 0.0)


def test_a_list_is_judged_in_its_order(
    validator: MetadataValidator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [tmp_path / "b.ckpt", described(tmp_path / "a.ckpt")]
    with caplog.at_level("INFO"):
        report = validator.validate_checkpoint_list(paths, verbose=True)
    assert [result.checkpoint_path for result in report.results] == paths
    assert f"missing: {paths[0]}" in caplog.text
    assert f"valid: {paths[1]}" in caplog.text


def test_a_summary_is_for_people(validator: MetadataValidator, outputs: Path) -> None:
    described(outputs / "a.ckpt")
    (outputs / "b.ckpt").touch()
    summary = validator.validate_directory(outputs).summary()
    assert "Total checkpoints: 2\nValid:             1 (50.0%)\nInvalid:           0\nMissing metadata:  1\n" in summary
    assert "Errors by type:\n  missing: 1\n" in summary
    assert "Errors by type" not in ValidationReport().summary()
