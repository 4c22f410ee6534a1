"""A catalog of a few checkpoints, and the interface over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.interface import interface
from tests.client.catalog_database import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.interface import Interface

ROWS = [
    {
        "path": f"{experiment}/epoch={epoch}.ckpt", "experiment": experiment, "backbone": backbone, "epoch": epoch,
        "architecture": "dbnet", "hmean": round(0.5 + epoch / 100 + place / 10, 4), "global_step": epoch * 100,
        "metrics": {"hmean": round(0.5 + epoch / 100 + place / 10, 4), "val/iou": 0.25 + epoch / 100},
        "params": {"lr": 0.001}, "source": "sidecar", "size_bytes": 1000 + epoch, "format": "torch_zip",
    }
    for place, (experiment, backbone) in enumerate((("dbnet-r18", "resnet18"), ("dbnet-r50", "resnet50")))
    for epoch in range(12)
]  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("api") / "catalog.db", ROWS)


@pytest.fixture(scope="module")
def http(database: Path) -> Iterator[Interface]:
    with interface(database) as running:
        yield running
