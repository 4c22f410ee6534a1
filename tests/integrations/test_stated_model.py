from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.integrations.stated_model import model_block

if TYPE_CHECKING:
    from ckpt_indexer.metadata.record import Problem


def block(model: object) -> dict[str, Any]:
    problems: list[Problem] = []
    found = model_block(model, problems)
    assert problems == []
    return found


def faults(model: object) -> list[str]:
    problems: list[Problem] = []
    model_block(model, problems)
    return [problem.message.partition(":")[0] for problem in problems]


class Weights:
    def __init__(self, count: int, whole: int | None = None) -> None:
        self._count = count
        if whole is not None:
            self.ds_numel = whole

    def numel(self) -> int:
        return self._count


class UninitializedParameter(Weights):
    pass


class Net:
    def __init__(self, *weights: Weights) -> None:
        self._weights = weights

    def parameters(self) -> tuple[Weights, ...]:
        return self._weights


class FullyShardedDataParallel:
    def __init__(self, module: object) -> None:
        self.module = module


def test_text_is_the_architecture() -> None:
    assert block("dbnet") == {"architecture": "dbnet"}
    assert block("unknown") == {}
    assert block(None) == {}


def test_a_class_is_known_by_its_name() -> None:
    assert block(Net) == {"architecture": "Net"}


@pytest.mark.parametrize("model", [3, 0.5, True, [1], lambda: 0, object()], ids=lambda model: type(model).__name__)
def test_what_is_no_model_is_no_architecture(model: object) -> None:
    assert faults(model) == ["model"]


def test_a_part_may_be_its_name_alone() -> None:
    said = {"backbone": "resnet18", "decoder": "fpn_decoder", "head": "db_head", "loss": "db_loss"}
    assert block(said) == {
        "encoder": {"model_name": "resnet18"},
        "decoder": {"name": "fpn_decoder"},
        "head": {"name": "db_head"},
        "loss": {"name": "db_loss"},
    }


def test_a_part_has_the_keys_of_the_document() -> None:
    said = {
        "encoder": {"name": "resnet18", "pretrained": True, "frozen": False},
        "decoder": {"name": "fpn", "in_channels": (64, 128), "inner_channels": 256.0, "params": {"bias": False}},
        "loss": {"name": "db", "params": {"alpha": 1}},
        "components": [{"role": "tokenizer", "name": "bpe", "vocabulary": 32000, "params": {"lower": True}}],
        "num_parameters": 10,
    }
    assert block(said) == {
        "encoder": {"model_name": "resnet18", "pretrained": True, "frozen": False},
        "decoder": {"name": "fpn", "in_channels": [64, 128], "inner_channels": 256, "params": {"bias": False}},
        "loss": {"name": "db", "params": {"alpha": 1.0}},
        "components": [{"role": "tokenizer", "name": "bpe", "params": {"vocabulary": 32000, "lower": True}}],
        "num_parameters": 10,
    }


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"neck": "fpn"}, "model.neck"),
        ({"encoder": {"depth": 3}}, "model.encoder.depth"),
        ({"encoder": {"frozen": "yes"}}, "model.encoder.frozen"),
        ({"decoder": {"in_channels": 3}}, "model.decoder.in_channels"),
        ({"loss": {"params": {"kind": "l1"}}}, "model.loss.params.kind"),
        ({"head": {"params": 3}}, "model.head.params"),
        ({"components": [{"name": "bpe"}]}, "model.components.0"),
        ({"components": "bpe"}, "model.components"),
        ({"num_parameters": -1}, "model.num_parameters"),
    ],
)
def test_what_has_no_place_is_named(said: dict[str, Any], where: str) -> None:
    assert faults(said) == [where]


def test_parameters_are_counted() -> None:
    assert block(Net(Weights(3), Weights(4)))["num_parameters"] == 7


def test_a_parameter_split_over_ranks_counts_whole() -> None:
    assert block(Net(Weights(0, whole=12)))["num_parameters"] == 12


def test_a_count_that_would_be_wrong_is_none() -> None:
    assert "num_parameters" not in block(Net(UninitializedParameter(0), Weights(3)))
    assert block(FullyShardedDataParallel(Net(Weights(3)))) == {"architecture": "Net"}


def test_keras_counts_itself() -> None:
    assert block(SimpleNamespace(count_params=lambda: 5))["num_parameters"] == 5


def test_a_wrapper_that_holds_itself_ends() -> None:
    loop = FullyShardedDataParallel(None)
    loop.module = loop
    assert block(loop)["architecture"] == "FullyShardedDataParallel"
