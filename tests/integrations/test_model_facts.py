from __future__ import annotations

import functools
from typing import Any

import pytest
from torch import nn
from torch.nn import functional

from ckpt_indexer.integrations.guard import Guard
from ckpt_indexer.integrations.model_facts import (
    count_parameters,
    encoder_parameters,
    is_frozen,
    model_block,
    networks,
)
from ckpt_indexer.metadata.document import Model


def block_of(module: Any, **hyper_parameters: Any) -> dict[str, Any]:
    guard = Guard()
    block = model_block(module, hyper_parameters, guard)
    Model.model_validate(block)
    assert guard.failures == 0
    return block


class PANDecoder(nn.Module):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    def __init__(self) -> None:
        super().__init__()
        self.in_channels = [64, 128]
        self.inner_channels = 256
        self.out_channels = 128


class DBHead(nn.Module):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    in_channels = 128


class DBLoss(nn.Module):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    def __init__(self) -> None:
        super().__init__()
        self.alpha, self.beta, self.reduction, self.eps = 5, 10.0, "mean", float("nan")


class ResNet(nn.Module):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    """A class that is any ResNet."""


class OCRModel(nn.Module):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    def __init__(self) -> None:
        super().__init__()
        self.architecture_name = "DBNet"
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 1))
        self.encoder.model_name = "resnet50"
        self.decoder = PANDecoder()
        self.head = DBHead()
        self.loss = DBLoss()


class Training(nn.Module):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


def test_the_parts_of_a_wrapped_network_are_named_as_the_catalog_names_them() -> None:
    assert block_of(Training(OCRModel())) == {
        "architecture": "dbnet",
        "encoder": {"model_name": "resnet50"},
        "decoder": {"name": "pan_decoder", "in_channels": [64, 128], "inner_channels": 256, "output_channels": 128},
        "head": {"name": "db_head", "in_channels": 128},
        "loss": {"name": "db_loss", "params": {"alpha": 5.0, "beta": 10.0}},
    }


def test_a_class_that_is_any_backbone_names_none() -> None:
    module = nn.Module()
    module.encoder = ResNet()
    assert block_of(module) == {}


def test_hyper_parameters_fill_what_the_module_does_not_say() -> None:
    block = block_of(nn.Module(), encoder={"model_name": "resnet34", "pretrained": True}, architecture="craft")
    assert block == {"architecture": "craft", "encoder": {"model_name": "resnet34", "pretrained": True}}


def test_the_module_outranks_its_hyper_parameters() -> None:
    block = block_of(Training(OCRModel()), encoder={"model_name": "resnet34", "pretrained": True})
    assert block["encoder"] == {"model_name": "resnet50", "pretrained": True}


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (functional.cross_entropy, {"name": "cross_entropy"}),
        (functools.partial(functional.cross_entropy, label_smoothing=0.1),
         {"name": "cross_entropy", "params": {"label_smoothing": 0.1}}),
        (nn.BCEWithLogitsLoss(), {"name": "bce_with_logits_loss"}),
        (nn.Sequential(), None),
        ("dice", {"name": "dice"}),
    ],
)  # fmt: skip
def test_a_loss_is_a_module_a_function_or_a_name(loss: Any, expected: dict[str, Any] | None) -> None:
    module = nn.Module()
    module.criterion = loss
    assert block_of(module).get("loss") == expected


class HasMethods(nn.Module):  # type: ignore[misc]  # torch is skipped by mypy, so its classes are Any
    def loss(self) -> float:
        return 0.0

    def head(self) -> float:
        return 0.0


def test_a_method_is_no_part_of_the_model() -> None:
    assert block_of(HasMethods()) == {}


def test_other_parts_go_to_the_open_list() -> None:
    module = nn.Module()
    module.generator, module.classifier = PANDecoder(), nn.Linear(2, 2)
    assert block_of(module)["components"] == [
        {"role": "classifier", "name": "linear"}, {"role": "generator", "name": "pan_decoder"},
    ]  # fmt: skip


def test_a_timm_model_names_itself() -> None:
    module = nn.Module()
    module.encoder = nn.Module()
    module.encoder.model = nn.Module()
    module.encoder.model.default_cfg = {"architecture": "mobilenetv3_large_100"}
    assert block_of(module)["encoder"] == {"model_name": "mobilenetv3_large_100"}


def test_parameters_are_counted_once_each_and_unmade_ones_not_at_all() -> None:
    guard = Guard()
    shared = nn.Linear(2, 3)
    assert count_parameters(nn.Sequential(shared, shared), guard) == 9
    assert count_parameters(nn.Sequential(), guard) is None
    assert count_parameters(nn.LazyLinear(3), guard) is None
    assert guard.failures == 0


def test_an_encoder_is_frozen_when_none_of_it_is_trained() -> None:
    module = Training(OCRModel())
    flags = encoder_parameters(module)
    assert is_frozen(flags) is False
    for parameter in flags:
        parameter.requires_grad = False
    assert is_frozen(flags) is True
    assert is_frozen(()) is None


def test_networks_that_contain_each_other_end() -> None:
    outer, inner = nn.Module(), nn.Module()
    object.__setattr__(outer, "model", inner)
    object.__setattr__(inner, "model", outer)
    assert networks(outer) == (outer, inner)
