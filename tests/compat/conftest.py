"""No settings, catalog, W&B account or cache of this machine takes part in these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckpt_indexer.compat.cache import clear_global_cache
from ckpt_indexer.compat.wandb_client import get_wandb_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("WANDB_API_KEY", "WANDB_ENTITY", "WANDB_PROJECT", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CKPT_INDEXER_DB", str(tmp_path / "catalog.db"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    clear_global_cache()
    get_wandb_client.cache_clear()
    yield
    clear_global_cache()
    get_wandb_client.cache_clear()


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    path = tmp_path / "outputs"
    path.mkdir()
    return path
