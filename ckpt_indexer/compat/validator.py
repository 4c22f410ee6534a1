"""Validation of metadata: its form by the models, the rules of the replaced catalog here, one bad one never hiding
others."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ckpt_indexer.compat.below import list_checkpoints
from ckpt_indexer.compat.metadata_loader import read_beside

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckpt_indexer.compat.types import CheckpointMetadataV1

LOGGER = logging.getLogger(__name__)
MISSING = "missing"
SCHEMA = "schema_validation"
RULE = "business_rule"
_RECOMMENDED = ("precision", "recall")
_LINE = "=" * 60


@dataclass
class ValidationResult:
    """What came out for one checkpoint."""

    checkpoint_path: Path
    is_valid: bool
    metadata: CheckpointMetadataV1 | None = None
    error: str | None = None
    error_type: str | None = None
    """`missing`: there is no document. `schema_validation`: it cannot be read as metadata. `business_rule`: it lacks
    what the catalog needs."""


@dataclass
class ValidationReport:
    """What came out for many checkpoints."""

    total: int = 0
    valid: int = 0
    invalid: int = 0
    missing: int = 0
    results: list[ValidationResult] = field(default_factory=list)
    errors_by_type: dict[str, int] = field(default_factory=dict)

    def add(self, result: ValidationResult) -> None:
        """Count a result in."""
        self.results.append(result)
        self.total += 1
        if result.is_valid:
            self.valid += 1
            return
        kind = result.error_type or "unknown"
        self.errors_by_type[kind] = self.errors_by_type.get(kind, 0) + 1
        if kind == MISSING:
            self.missing += 1
        else:
            self.invalid += 1

    def success_rate(self) -> float:
        """Return how many of a hundred checkpoints have valid metadata; 0.0 when there are none."""
        return self.valid / self.total * 100 if self.total else 0.0

    def summary(self) -> str:
        """Return the counts as a few lines of text."""
        lines = [
            _LINE,
            "Validation Report",
            _LINE,
            f"Total checkpoints: {self.total}",
            f"Valid:             {self.valid} ({self.success_rate():.1f}%)",
            f"Invalid:           {self.invalid}",
            f"Missing metadata:  {self.missing}",
            _LINE,
        ]
        if self.errors_by_type:
            lines += ["Errors by type:", *(f"  {kind}: {count}" for kind, count in self.errors_by_type.items()), _LINE]
        return "\n".join(lines)


class MetadataValidator:
    """Judges metadata by the rules of the replaced catalog. What it refuses is listed by ours all the same."""

    def __init__(self, schema_version: str = "1.0") -> None:
        self.schema_version = schema_version

    def validate_metadata(self, metadata: CheckpointMetadataV1) -> CheckpointMetadataV1:
        """Return the metadata; missing precision or recall and another version are logged as warnings.

        Raises:
            ValueError: there is no hmean, or the epoch is negative.
        """
        if metadata.metrics.hmean is None:
            raise ValueError("hmean metric is required for catalog entry")
        if metadata.training.epoch < 0:
            raise ValueError("Epoch cannot be negative")
        for name in _RECOMMENDED:
            if getattr(metadata.metrics, name) is None:
                LOGGER.warning("%s metric missing (recommended): %s", name, metadata.checkpoint_path)
        if metadata.schema_version != self.schema_version:
            LOGGER.warning("schema version %s, not %s", metadata.schema_version, self.schema_version)
        return metadata

    def validate_batch(self, metadata_list: Iterable[CheckpointMetadataV1]) -> list[CheckpointMetadataV1]:
        """Return those that are valid; why others are not is logged."""
        valid: list[CheckpointMetadataV1] = []
        for metadata in metadata_list:
            try:
                valid.append(self.validate_metadata(metadata))
            except ValueError as error:
                LOGGER.warning("invalid metadata of %s: %s", metadata.checkpoint_path, error)
        return valid

    def validate_checkpoint_file(self, checkpoint_path: str | os.PathLike[str]) -> ValidationResult:
        """Return whether a checkpoint has a valid document. Never raises for what the document holds."""
        path = Path(checkpoint_path)
        loaded = read_beside(os.fsencode(path))
        if loaded.error is not None and loaded.metadata is None:
            return ValidationResult(path, is_valid=False, error=loaded.error.message, error_type=SCHEMA)
        if loaded.metadata is None:
            return ValidationResult(path, is_valid=False, error="no metadata document was found", error_type=MISSING)
        try:
            return ValidationResult(path, is_valid=True, metadata=self.validate_metadata(loaded.metadata))
        except ValueError as error:
            return ValidationResult(path, is_valid=False, metadata=loaded.metadata, error=str(error), error_type=RULE)

    def validate_directory(
        self,
        directory: str | os.PathLike[str],
        recursive: bool = True,  # noqa: FBT001, FBT002  # the replaced signature
        verbose: bool = False,  # noqa: FBT001, FBT002  # the replaced signature
    ) -> ValidationReport:
        """Return the verdict on every checkpoint (`*.ckpt`) below a directory, or directly in it."""
        paths = [Path(os.fsdecode(path)) for path in list_checkpoints(directory, recursive=recursive)]
        return self.validate_checkpoint_list(paths, verbose=verbose)

    def validate_checkpoint_list(
        self,
        checkpoint_paths: Iterable[Path],
        verbose: bool = False,  # noqa: FBT001, FBT002  # the replaced signature
    ) -> ValidationReport:
        """Return the verdict on each checkpoint; with `verbose` each is logged as well."""
        report = ValidationReport()
        for path in checkpoint_paths:
            result = self.validate_checkpoint_file(path)
            report.add(result)
            if verbose and result.is_valid:
                LOGGER.info("valid: %s", path)
            elif verbose:
                LOGGER.warning("%s: %s: %s", result.error_type, path, result.error)
        return report
