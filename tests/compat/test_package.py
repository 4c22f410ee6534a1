"""The names of the replaced package are there, in its modules, and importing them is cheap and safe."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from ckpt_indexer import compat

MODULES = {
    "types": [
        "CheckpointMetadataV1", "TrainingInfo", "ModelInfo", "EncoderInfo", "DecoderInfo", "HeadInfo", "LossInfo",
        "MetricsInfo", "CheckpointingConfig", "CheckpointCatalogEntry", "CheckpointCatalog",
    ],
    "metadata_loader": ["load_metadata", "load_metadata_batch", "save_metadata"],
    "config_resolver": ["resolve_config_path", "load_config"],
    "validator": ["MetadataValidator", "ValidationResult", "ValidationReport"],
    "wandb_client": ["WandbClient", "get_wandb_client", "extract_run_id_from_checkpoint"],
    "inference_engine": [
        "load_checkpoint", "infer_encoder_from_state", "infer_decoder_signature", "infer_head_signature",
        "infer_architecture_from_path", "infer_encoder_from_path",
    ],
    "cache": ["CatalogCache", "get_global_cache", "clear_global_cache"],
    "catalog": ["build_catalog", "CheckpointCatalogBuilder"],
}  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_names(module: str) -> None:
    loaded = importlib.import_module(f"ckpt_indexer.compat.{module}")
    assert [name for name in MODULES[module] if not hasattr(loaded, name)] == []
    assert [name for name in MODULES[module] if getattr(compat, name) is not getattr(loaded, name)] == []


def test_all_is_what_the_modules_have() -> None:
    assert sorted(compat.__all__) == sorted(name for names in MODULES.values() for name in names)


def test_a_star_import_gives_everything() -> None:
    space: dict[str, object] = {}
    exec("from ckpt_indexer.compat import *", space)
    assert set(compat.__all__) <= set(space)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = compat.nothing


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys, ckpt_indexer.compat; print([m for m in ('pydantic', 'sqlalchemy', 'yaml') if m in sys.modules])"
    )
    assert run(program) == "[]"


def test_the_whole_package_needs_neither_torch_nor_wandb_nor_a_database() -> None:
    heavy = "('torch', 'wandb', 'lightning', 'sqlalchemy', 'sqlmodel', 'fastapi')"
    program = f"import sys; from ckpt_indexer.compat import *; print([m for m in {heavy} if m in sys.modules])"
    assert run(program) == "[]"
