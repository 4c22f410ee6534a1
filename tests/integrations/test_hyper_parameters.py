from __future__ import annotations

import argparse
import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from omegaconf import OmegaConf

from ckpt_indexer.integrations.hyper_parameters import plain_tree

if TYPE_CHECKING:
    import pytest


class Size(enum.Enum):
    SMALL = "s"


class Optimizer(str, enum.Enum):  # noqa: UP042  # as Transformers spells them; a StrEnum prints as its value
    ADAM = "adam"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Config:
    lr: float = 0.1
    size: Size = Size.SMALL


def test_every_kind_of_container_becomes_plain() -> None:
    given = {
        "space": argparse.Namespace(a=1),
        "config": Config(),
        "path": Path("data/x"),
        "numpy": np.float32(0.5),
        "tensor": torch.tensor(2),
        "list": (1, "a"),
        "module": torch.nn.Linear(1, 1),
        "function": len,
        "none": None,
        3: "not text",
    }
    assert plain_tree(given) == {
        "space": {"a": 1}, "config": {"lr": 0.1, "size": "s"}, "path": "data/x", "numpy": 0.5, "tensor": 2,
        "list": [1, "a"],
    }  # fmt: skip


def test_members_of_enumerations_are_their_values() -> None:
    tree = plain_tree({"size": Size.SMALL, "optimizer": Optimizer.ADAM, "level": Level.HIGH})
    assert tree == {"size": "s", "optimizer": "adam", "level": 3}
    assert [type(value) for value in tree.values()] == [str, str, int]


def test_references_are_resolved_and_the_environment_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "a secret of this machine")
    config = OmegaConf.create(
        {
            "model": {"width": 8, "again": "${model.width}", "far": "${model.again}"},
            "env": "${oc.env:MINE}",
            "missing": "???",
            "loop": "${loop}",
            "whole": "${model}",
            "list": [1, "${model.width}"],
        }
    )
    assert plain_tree(config) == {
        "model": {"width": 8, "again": 8, "far": 8}, "env": "${oc.env:MINE}", "missing": "???", "loop": "${loop}",
        "whole": "${model}", "list": [1, 8],
    }  # fmt: skip


def test_what_has_no_end_is_cut_off() -> None:
    endless: dict[str, object] = {"a": 1}
    endless["self"] = endless
    assert plain_tree(endless)["a"] == 1
    assert len(plain_tree({str(number): number for number in range(10_000)})) < 2_001
    assert plain_tree({"long": "x" * 2_000}) == {}


def test_what_is_no_mapping_is_empty() -> None:
    assert plain_tree(7) == plain_tree([1]) == plain_tree(None) == {}
