from __future__ import annotations

import pytest

from ckpt_indexer.metadata.model_names import encoder_in_text, known_name, name_in_text, name_of_class, plain_text


@pytest.mark.parametrize(
    ("field", "text", "name"),
    [
        ("backbone", "resnet50", "resnet50"),
        ("backbone", "ResNet50", "resnet50"),
        ("backbone", " resnet50 ", "resnet50"),
        ("backbone", "resnet50.a1_in1k", "resnet50"),
        ("backbone", "timm/resnet50.a1_in1k", "resnet50"),
        ("backbone", "hf_hub:timm/resnet18.a1_in1k", "resnet18"),
        ("backbone", "torchvision.models.resnet50", "resnet50"),
        ("backbone", "/home/me/weights/resnet50.pth", "resnet50"),
        ("backbone", "~/models/special", "special"),
        ("backbone", "my_own_backbone_v7", "my_own_backbone_v7"),
        ("architecture", "DBNet", "dbnet"),
        ("architecture", "DBNet++", "dbnetpp"),
        ("architecture", "yolov8n.yaml", "yolov8n"),
        ("architecture", "meta-llama/Llama-2-7b", "meta-llama/Llama-2-7b"),
        ("decoder", "PANDecoder", "pan_decoder"),
        ("decoder", "parseq_decoder", "parseq_decoder"),
        ("loss", "cross_entropy", "cross_entropy"),
    ],
)
def test_text_gives_a_comparable_name(field: str, text: str, name: str) -> None:
    assert name_in_text(field, text) == name


@pytest.mark.parametrize(
    "text",
    [
        None, 3, ["resnet50"], "", "  ", "unknown", "None", "???", "${model.name}", "timm_backbone", "TimmBackbone",
        "encoder", "auto", "a\0b", "x" * 201,
    ],
)  # fmt: skip
def test_text_that_names_nothing_gives_no_name(text: object) -> None:
    assert name_in_text("backbone", text) is None


@pytest.mark.parametrize(
    ("field", "path", "name"),
    [
        ("decoder", "ocr.models.decoder.UNet", "unet"),
        ("decoder", "ocr.models.decoder.pan_decoder.PANDecoder", "pan_decoder"),
        ("decoder", "${decoder_path}.FPNDecoder", "fpn_decoder"),
        ("head", "ocr.models.head.DBHead", "db_head"),
        ("head", "ocr.models.head.CraftHead", "craft_head"),
        ("loss", "ocr.models.loss.DBLoss", "db_loss"),
        ("loss", "torch.nn.CrossEntropyLoss", "cross_entropy_loss"),
        ("loss", "losses:focal_loss", "focal_loss"),
        ("backbone", "ocr.models.backbones.db_resnet18", "resnet18"),
        ("backbone", "torchvision.models.efficientnet_b0", "efficientnet_b0"),
        ("backbone", "nets.TinyNet", "tinynet"),
        ("architecture", "ocr.models.architectures.DBNetArchitecture", "dbnet"),
        ("architecture", "ocr.models.DBNet", "dbnet"),
        ("architecture", "ocr.models.parseq_model", "parseq"),
        ("architecture", "nets.SegFormerModel", "seg_former_model"),
    ],
)
def test_the_path_of_a_class_gives_a_name(field: str, path: str, name: str) -> None:
    assert name_of_class(field, path) == name


@pytest.mark.parametrize(
    "path", ["ocr.core.models.architecture.OCRModel", "a.b.TimmBackbone", "timm.create_model", "${a.b}", "", None, 7,
             "x" * 201, "a.b.c d"]
)  # fmt: skip
def test_a_class_that_wraps_any_model_names_none(path: object) -> None:
    assert name_of_class("architecture", path) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("resnet50", "resnet50"),
        ("resnet26t", "resnet26t"),
        ("timm/vit_base_patch32_384", "vit_base_patch32_384"),
        ("tf_efficientnetv2_b3", "tf_efficientnetv2_b3"),
        ("yolov8n", None),
        ("bert-base-uncased", None),
        (None, None),
    ],
)
def test_a_whole_model_is_an_encoder_only_when_it_is_known_to_be(text: object, name: str | None) -> None:
    assert encoder_in_text(text) == name


def test_plain_text_keeps_words_that_name_wrappers() -> None:
    assert plain_text(" ocr ") == "ocr"
    assert plain_text("loss") == "loss"
    assert plain_text("${exp}") is None


def test_a_name_is_known_for_its_own_field_only() -> None:
    assert known_name("backbone", "RESNET-18") == "resnet18"
    assert known_name("decoder", "resnet18") is None
    assert known_name("loss", "anything") is None
