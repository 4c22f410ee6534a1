from __future__ import annotations

from typing import Any

import pytest

from ckpt_indexer.metadata.key_paths import find_facts

HYDRA: dict[str, Any] = {
    "exp_name": "decoder_benchmark",
    "model": {
        "_target_": "ocr.models.architecture.OCRModel",
        "architecture_name": "dbnet",
        "component_overrides": {
            "encoder": {"model_name": "resnet34", "frozen": True},
            "decoder": {"name": "pan_decoder", "params": {"inner_channels": 128, "dropout": 0.1}},
            "loss": {"negative_ratio": 3.0},
        },
        "encoder": {"_target_": "${encoder_path}.TimmBackbone", "model_name": "resnet18", "pretrained": True},
        "decoder": {"_target_": "${decoder_path}.UNet", "in_channels": [64, 128], "inner_channels": 256},
        "head": {"_target_": "${head_path}.DBHead", "in_channels": 256, "postprocess": {"thresh": 0.3}},
        "loss": {"_target_": "${loss_path}.DBLoss"},
    },
    "logger": {"wandb": False},
    "trainer": {"max_epochs": 25},
    "training": {"callbacks": {"model_checkpoint": {"monitor": "val/hmean", "mode": "max"}}},
}


def test_a_hydra_config_tells_run_and_model() -> None:
    assert find_facts(HYDRA).facts == {
        "experiment": "decoder_benchmark", "architecture": "dbnet", "backbone": "resnet18", "decoder": "unet",
        "head": "db_head", "loss": "db_loss", "max_epochs": 25, "monitor": "val/hmean", "monitor_mode": "max",
    }  # fmt: skip


def test_a_direct_component_wins_and_overrides_fill_its_gaps() -> None:
    found = {part.role: part for part in find_facts(HYDRA).components}
    assert found["encoder"].params == {"pretrained": True, "frozen": True}
    assert found["decoder"].name == "unet"
    assert found["decoder"].params == {"in_channels": [64, 128], "inner_channels": 256, "dropout": 0.1}
    assert found["head"].params == {"in_channels": 256, "postprocess.thresh": 0.3}
    assert found["loss"].params == {"negative_ratio": 3.0}


@pytest.mark.parametrize(
    ("config", "architecture"),
    [
        ({"model": {"architectures": "dbnet"}}, "dbnet"),
        ({"architectures": ["BertForMaskedLM"]}, "BertForMaskedLM"),
        ({"architectures": ["A", "B"]}, None),
        ({"model": {"architecture": "CRAFT"}}, "craft"),
        ({"model": {"architecture": {"_target_": "ocr.architectures.DBNetArchitecture"}}}, "dbnet"),
        ({"model": {"architecture": {"name": "parseq"}}}, "parseq"),
        ({"model": {"name": "dbnet"}}, "dbnet"),
        ({"model": {"_target_": "ocr.models.DBNet"}}, "dbnet"),
        ({"model": {"_target_": "ocr.models.OCRModel"}}, None),
        ({"model": {"class_path": "nets.Segmenter", "init_args": {"lr": 1}}}, "segmenter"),
        ({"model": {"type": "DBNet"}}, "dbnet"),
        ({"model": {"type": "recognition"}}, None),
        ({"model": {"type": "dbnet"}}, "dbnet"),
        ({"arch": "resnet50"}, "resnet50"),
        ({"model": "vit_tiny_patch16_224"}, "vit_tiny_patch16_224"),
        ({"model_name_or_path": "bert-base-uncased"}, "bert-base-uncased"),
        ({"model": 3}, None),
        ({}, None),
    ],
)
def test_the_architecture_is_found_where_configs_keep_it(config: dict[str, Any], architecture: str | None) -> None:
    assert find_facts(config).facts.get("architecture") == architecture


@pytest.mark.parametrize(
    ("config", "backbone"),
    [
        ({"model": {"encoder": {"model_name": "resnet18"}}}, "resnet18"),
        ({"model": {"encoder": "resnet18"}}, "resnet18"),
        ({"model": {"component_overrides": {"encoder": {"model_name": "resnet18"}}}}, "resnet18"),
        ({"model": {"component_overrides": {"encoder": {
            "name": "timm_backbone", "params": {"model_name": "vit_small_patch16_224"}}}}}, "vit_small_patch16_224"),
        ({"model": {"architecture": {"backbone": {"_target_": "ocr.backbones.db_resnet18"}}}}, "resnet18"),
        ({"encoder": {"model_name": "mobilenetv3_small_050"}}, "mobilenetv3_small_050"),
        ({"models": {"encoder": {"model_name": "resnet18"}}}, "resnet18"),
        ({"encoder_name": "timm-efficientnet-b3"}, "timm-efficientnet-b3"),
        ({"model": {"backbone_name": "resnet50"}}, "resnet50"),
        ({"backbone": {"name": "resnet50"}}, "resnet50"),
        ({"model": {"backbone": {"type": "mmdet.ResNet", "depth": 50}}}, "resnet50"),
        ({"model": {"backbone": {"type": "CustomNet", "depth": 7}}}, "customnet"),
        ({"arch": "resnet26t"}, "resnet26t"),
        ({"model": {"model_name": "resnet50.a1_in1k"}}, "resnet50"),
        ({"model": "bert-base"}, None),
        ({"model": {"encoder": 5}}, None),
        ({"model": {"init_args": {"encoder": {"class_path": "torchvision.models.resnet34"}}}}, "resnet34"),
        ({"cfg": {"model": {"encoder": {"model_name": "resnet18"}}}}, "resnet18"),
        ({"model.encoder.model_name": "resnet18", "model.encoder.pretrained": True}, "resnet18"),
        ({"model/encoder/model_name": "resnet18", "model": {"encoder": {"pretrained": True}}}, "resnet18"),
        ({"model": "x", "model.encoder": "resnet18"}, None),
    ],
)  # fmt: skip
def test_the_encoder_is_found_where_configs_keep_it(config: dict[str, Any], backbone: str | None) -> None:
    assert find_facts(config).facts.get("backbone") == backbone


def test_too_many_flat_keys_are_not_unfolded() -> None:
    config = {f"model.encoder{n}.model_name": "x" for n in range(3_000)} | {"model.encoder": "resnet18"}
    assert "backbone" not in find_facts(config).facts


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [
        ({"trainer": {"max_epochs": 0}}, "max_epochs", None),
        ({"trainer": {"max_epochs": -1}}, "max_epochs", -1),
        ({"num_train_epochs": 3.0}, "max_epochs", 3),
        ({"epochs": 2.5}, "max_epochs", None),
        ({"epochs": True}, "max_epochs", None),
        ({"epochs": 2**63}, "max_epochs", None),
        ({"logger": {"wandb": {"id": "abc123"}}}, "wandb_run_id", "abc123"),
        ({"logger": {"wandb": {"id": "team/project/abc123"}}}, "wandb_run_id", "team/project/abc123"),
        ({"logger": {"wandb": {"id": "not an id"}}}, "wandb_run_id", None),
        ({"logger": {"wandb": True}, "wandb": True}, "wandb_run_id", None),
        ({"dataset": {"name": "icdar15"}}, "dataset", "icdar15"),
        ({"dataset": "icdar15"}, "dataset", "icdar15"),
        ({"data": "configs/coco8.yaml"}, "dataset", "coco8"),
        ({"data": "/data/images"}, "dataset", None),
        ({"data": {"_target_": "torchvision.Compose"}}, "dataset", None),
        ({"experiment": {"name": "ocr"}}, "experiment", "ocr"),
        ({"exp_name": "${name}", "experiment_name": "b"}, "experiment", "b"),
        ({"training_phase": "finetuning"}, "training_phase", "finetuning"),
        ({"training": {"phase": "phase 2"}}, "training_phase", None),
    ],
)
def test_scalars_are_what_they_claim_to_be(config: dict[str, Any], field: str, value: object) -> None:
    assert find_facts(config).facts.get(field) == value


def test_the_nearer_configuration_wins_over_a_nested_one() -> None:
    found = find_facts({"encoder": "resnet18", "cfg": {"encoder": "resnet34", "decoder": "unet", "exp_name": "e"}})
    assert found.facts == {"backbone": "resnet18", "decoder": "unet", "experiment": "e"}


def test_params_are_flat_without_place_holders_secrets_and_essays() -> None:
    config = {
        "lr": 0.1, "a": {"b": [1, 2]}, "missing": "???", "text": "x" * 5_000, "wandb": {"api_key": "s3cret"},
        "password": "p", "none": None, "token_size": 3,
    }  # fmt: skip
    assert find_facts(config).params == {"lr": 0.1, "a.b": [1, 2], "token_size": 3}


def test_a_part_without_name_or_params_is_no_part() -> None:
    assert find_facts(
        {"model": {"head": {}, "neck": {"type": "FPNC"}, "decoder": {"kwargs": {"name": "u"}}}}
    ).components == [
        ("neck", "fpnc", {}),
        ("decoder", "u", {}),
    ]


def test_nothing_in_a_configuration_is_an_error() -> None:
    strange = {1: {2: 3}, None: [], "model": [], "callbacks": [[]], ("a", "b"): "c", "encoder": [1, 2], "trainer": []}
    assert find_facts(strange).facts == {}


def test_paths_lead_through_mappings_only() -> None:
    assert find_facts({"trainer": "cpu", "training": {"trainer": 3, "epochs": 5}}).facts["max_epochs"] == 5
