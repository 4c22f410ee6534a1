"""The public interface of the catalog this package replaces: the same names, in modules of the same names.

    from ckpt_indexer.compat import build_catalog
    for entry in build_catalog("outputs").entries:
        print(entry.to_display_option())

Answered from the index as far as it still holds, the rest by looking at the files; no daemon is needed and nothing is
written below the outputs directory. Names load on first use. What answers otherwise than the replaced package is listed
in docs/compat.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ckpt_indexer.compat.cache import CatalogCache, clear_global_cache, get_global_cache
    from ckpt_indexer.compat.catalog import CheckpointCatalogBuilder, build_catalog
    from ckpt_indexer.compat.config_resolver import load_config, resolve_config_path
    from ckpt_indexer.compat.inference_engine import (
        infer_architecture_from_path,
        infer_decoder_signature,
        infer_encoder_from_path,
        infer_encoder_from_state,
        infer_head_signature,
        load_checkpoint,
    )
    from ckpt_indexer.compat.metadata_loader import load_metadata, load_metadata_batch, save_metadata
    from ckpt_indexer.compat.types import (
        CheckpointCatalog,
        CheckpointCatalogEntry,
        CheckpointingConfig,
        CheckpointMetadataV1,
        DecoderInfo,
        EncoderInfo,
        HeadInfo,
        LossInfo,
        MetricsInfo,
        ModelInfo,
        TrainingInfo,
    )
    from ckpt_indexer.compat.validator import MetadataValidator, ValidationReport, ValidationResult
    from ckpt_indexer.compat.wandb_client import WandbClient, extract_run_id_from_checkpoint, get_wandb_client

_HOMES = {
    "cache": ("CatalogCache", "clear_global_cache", "get_global_cache"),
    "catalog": ("CheckpointCatalogBuilder", "build_catalog"),
    "config_resolver": ("load_config", "resolve_config_path"),
    "inference_engine": (
        "infer_architecture_from_path", "infer_decoder_signature", "infer_encoder_from_path",
        "infer_encoder_from_state", "infer_head_signature", "load_checkpoint",
    ),
    "metadata_loader": ("load_metadata", "load_metadata_batch", "save_metadata"),
    "types": (
        "CheckpointCatalog", "CheckpointCatalogEntry", "CheckpointMetadataV1", "CheckpointingConfig", "DecoderInfo",
        "EncoderInfo", "HeadInfo", "LossInfo", "MetricsInfo", "ModelInfo", "TrainingInfo",
    ),
    "validator": ("MetadataValidator", "ValidationReport", "ValidationResult"),
    "wandb_client": ("WandbClient", "extract_run_id_from_checkpoint", "get_wandb_client"),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = [  # noqa: RUF022  # grouped by module, as the table above
    "CatalogCache",
    "clear_global_cache",
    "get_global_cache",
    "CheckpointCatalogBuilder",
    "build_catalog",
    "load_config",
    "resolve_config_path",
    "infer_architecture_from_path",
    "infer_decoder_signature",
    "infer_encoder_from_path",
    "infer_encoder_from_state",
    "infer_head_signature",
    "load_checkpoint",
    "load_metadata",
    "load_metadata_batch",
    "save_metadata",
    "CheckpointCatalog",
    "CheckpointCatalogEntry",
    "CheckpointMetadataV1",
    "CheckpointingConfig",
    "DecoderInfo",
    "EncoderInfo",
    "HeadInfo",
    "LossInfo",
    "MetricsInfo",
    "ModelInfo",
    "TrainingInfo",
    "MetadataValidator",
    "ValidationReport",
    "ValidationResult",
    "WandbClient",
    "extract_run_id_from_checkpoint",
    "get_wandb_client",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # the public names have different types
    """Load a public name on first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
