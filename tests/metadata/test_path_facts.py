from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckpt_indexer.metadata.path_facts import KNOWN_NAMES, find_path_facts, model_names
from ckpt_indexer.metadata.record import Component, Metric


def facts_of(path: str) -> dict[str, Any]:
    found = find_path_facts(path.encode())
    return {} if found is None else found.facts


def metrics_of(path: str) -> dict[str, Metric]:
    found = find_path_facts(path.encode())
    return {} if found is None else found.metrics


@pytest.mark.parametrize(
    ("path", "epoch"),
    [
        ("run/checkpoints/epoch=0.ckpt", 0),
        ("run/checkpoints/epoch=10-step=5420.ckpt", 10),
        ("run/checkpoints/epoch-10_step-005420.ckpt", 10),
        ("run/checkpoints/epoch_07.ckpt", 7),
        ("run/checkpoints/Epoch=7.ckpt", 7),
        ("run/checkpoints/epoch=3-v1.ckpt", 3),
        ("run/checkpoints/epoch=3.pth.tar", 3),
        ("run/checkpoints/epoch_epoch_00_step_step_000103_20251018.ckpt", 0),
        ("run/checkpoints/best_hmean_epoch_12.pth", 12),
        ("run/checkpoints/epoch=1-epoch=2.ckpt", 2),
        ("run/checkpoints/epoch=3-val/loss=0.25.ckpt", 3),
        ("run/epoch_5/model.pt", 5),
        ("run/checkpoints/best.ckpt", None),
        ("run/checkpoints/last.ckpt", None),
        ("run_epoch_100/checkpoints/best.ckpt", None),
        ("run/checkpoints/max_epoch=50.ckpt", None),
        ("run/checkpoints/subepoch=5.ckpt", None),
        ("run/checkpoints/epoch=3.5.ckpt", None),
        ("run/checkpoints/epoch=12345678901.ckpt", None),
        ("run/checkpoints/epochs.ckpt", None),
    ],
)
def test_the_epoch_is_the_last_one_in_the_name(path: str, epoch: int | None) -> None:
    assert facts_of(path).get("epoch") == epoch


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ("run/checkpoints/epoch=10-step=5420.ckpt", 5420),
        ("run/checkpoints/epoch-10_step-005420.ckpt", 5420),
        ("run/checkpoints/epoch_epoch_00_step_step_000103_20251018.ckpt", 103),
        ("run/iter_1000.pth", 1000),
        ("run/global_step=77.pt", 77),
        ("run/global_step1000/mp_rank_00_model_states.pt", 1000),
        ("run/checkpoint-500", 500),
        ("run/checkpoint-500/model.safetensors", 500),
        ("run/checkpoint-12.pth.tar", None),
        ("run/checkpoints/checkpoint_3/model.safetensors", None),
        ("run/max_step=10.pt", None),
        ("run/best.ckpt", None),
    ],
)
def test_the_step_is_read_where_it_is_sure(path: str, step: int | None) -> None:
    assert facts_of(path).get("global_step") == step


@pytest.mark.parametrize(
    ("path", "metrics"),
    [
        ("run/checkpoints/epoch=3-val_hmean=0.8123.ckpt", {"val_hmean": 0.8123}),
        ("run/checkpoints/epoch=3-val/loss=0.25.ckpt", {"val/loss": 0.25}),
        ("run/checkpoints/epoch=3-val/loss=0.25-val/hmean=0.8.ckpt", {"val/loss": 0.25, "val/hmean": 0.8}),
        ("run/checkpoints/val/loss=0.3.ckpt", {"val/loss": 0.3}),
        ("run/checkpoints/epoch=02_val_loss=0.31.ckpt", {"val_loss": 0.31}),
        ("run/checkpoints/val_loss=0.30-v1.ckpt", {"val_loss": 0.3}),
        ("run/checkpoints/val_loss=0.30_best.ckpt", {"val_loss": 0.3}),
        ("run/checkpoints/best-val_f1=1.ckpt", {"val_f1": 1.0}),
        ("run/checkpoints/val_loss=-0.5.ckpt", {"val_loss": -0.5}),
        ("run/checkpoints/val_loss=1.5e-5.ckpt", {"val_loss": 1.5e-5}),
        ("run/checkpoints/val_acc=84.30.ckpt", {"val_acc": 84.3}),
        ("run/best_model_3_val_acc=0.75.pt", {"val_acc": 0.75}),
        ("run/checkpoint_12_top_5_acc=0.75.pt", {"top_5_acc": 0.75}),
        ("run/top_5_acc=0.75.pt", {"top_5_acc": 0.75}),
        ("run/checkpoints/val_loss=0.1-val_loss=0.2.ckpt", {}),
        ("run/checkpoints/lr=0.001.ckpt", {}),
        ("run/checkpoints/val_loss=nan.ckpt", {}),
        ("run-val_loss=0.5/checkpoints/best.ckpt", {}),
    ],
)
def test_values_of_a_name_template_are_metrics(path: str, metrics: dict[str, float]) -> None:
    assert metrics_of(path) == {name: Metric(value) for name, value in metrics.items()}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("dbnet-resnet18", {"architecture": "dbnet", "backbone": "resnet18"}),
        ("DBNet_ResNet50", {"architecture": "dbnet", "backbone": "resnet50"}),
        ("x/pan_decoder/y", {"decoder": "pan_decoder"}),
        ("pan-resnet50", {"architecture": "pan", "backbone": "resnet50"}),
        ("dbnet-resnet50-pan-20251018", {"architecture": "dbnet", "backbone": "resnet50"}),
        ("dbnetpp", {"architecture": "dbnetpp"}),
        ("dbnet++_r18", {"architecture": "dbnetpp"}),
        ("craft_decoder-craft_head", {"decoder": "craft_decoder", "head": "craft_head"}),
        (
            "ocr_training-dbnet-pan_decoder-mobilenetv3_small_050_33",
            {"architecture": "dbnet", "decoder": "pan_decoder", "backbone": "mobilenetv3_small_050"},
        ),
        ("wide_resnet50_2", {"backbone": "wide_resnet50_2"}),
        ("swin_tiny_patch4_window7_224", {"backbone": "swin_tiny_patch4_window7_224"}),
        ("resnet18_vs_resnet50", {}),
        ("seresnet50", {}),
        ("resnet18d", {}),
        ("company", {}),
        ("resnet", {}),
    ],
)
def test_known_names_count_as_whole_tokens(text: str, names: dict[str, str]) -> None:
    assert model_names(text) == names


@pytest.mark.parametrize(("field", "name"), [(field, name) for field, names in KNOWN_NAMES.items() for name in names])
def test_every_known_name_is_found(field: str, name: str) -> None:
    assert model_names(f"exp-{name}-1") == {field: "dbnetpp" if name == "dbnet++" else name}


@pytest.mark.parametrize(
    ("name", "saved_as"),
    [
        ("last.ckpt", "last"),
        ("last-v1.ckpt", "last"),
        ("best.ckpt", None),
        ("lastly.ckpt", None),
        ("best_last.pt", None),
    ],
)
def test_last_is_a_reason_for_saving_and_best_is_none(name: str, saved_as: str | None) -> None:
    assert facts_of(f"run/checkpoints/{name}").get("saved_as") == saved_as


def test_names_make_one_finding_with_components() -> None:
    found = find_path_facts(b"dbnet-resnet18-pan_decoder-db_head/checkpoints/epoch=0.ckpt")
    assert found is not None
    assert (found.source, found.detail) == ("names", "dbnet-resnet18-pan_decoder-db_head/checkpoints/epoch=0.ckpt")
    assert found.components == [
        Component("encoder", "resnet18", {}),
        Component("decoder", "pan_decoder", {}),
        Component("head", "db_head", {}),
    ]


def test_a_path_that_says_nothing_is_no_finding() -> None:
    assert find_path_facts(b"run/checkpoints/best.ckpt") is None


@settings(deadline=None, max_examples=200)
@given(st.binary(min_size=1, max_size=80))
def test_any_name_is_taken(path: bytes) -> None:
    found = find_path_facts(path)
    assert found is None or found.source == "names"
