from __future__ import annotations

from typing import Any

import pytest

from ckpt_indexer.catalog.labels import label

FULL = {
    "name": "epoch=10.ckpt", "architecture": "dbnet", "backbone": "resnet50", "experiment": "exp", "epoch": 10,
    "hmean": 0.8432, "precision": 0.8541, "recall": 0.8318, "created_at": "2025-10-18T14:32:07.123Z",
}  # fmt: skip
NOTHING = dict.fromkeys(FULL) | {"name": "x.ckpt"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (FULL, "dbnet · resnet50 · exp (ep10 • hmean 0.843 • prec 0.854 • rec 0.832 • 20251018_1432)"),
        (NOTHING, "x.ckpt"),
        (NOTHING | {"epoch": 0}, "x.ckpt (ep0)"),
        (NOTHING | {"backbone": "resnet18", "hmean": 0.0}, "resnet18 (hmean 0.000)"),
        (NOTHING | {"architecture": "dbnet", "experiment": "dbnet"}, "dbnet"),
        (NOTHING | {"experiment": "a" * 23}, "a" * 23),
        (NOTHING | {"experiment": "a" * 24}, "a" * 20 + "..."),
    ],
)
def test_a_label_has_the_parts_that_are_known(given: dict[str, Any], expected: str) -> None:
    assert label(given) == expected
