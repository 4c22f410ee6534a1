from __future__ import annotations

from typing import Any

import pytest

from ckpt_indexer.metadata.model_block import model_block
from ckpt_indexer.metadata.record import Component, Record


def model(*parts: Component, **facts: Any) -> dict[str, Any]:
    return model_block(Record(facts=facts, components=list(parts)))


def test_nothing_known_is_no_model() -> None:
    assert model() == {}


def test_names_of_the_row_fill_the_four_parts() -> None:
    made = model(architecture="dbnet", backbone="resnet18", decoder="fpn", head="db", loss="bce", num_parameters=7)
    assert made == {
        "architecture": "dbnet",
        "encoder": {"model_name": "resnet18"},
        "decoder": {"name": "fpn"},
        "head": {"name": "db"},
        "loss": {"name": "bce"},
        "num_parameters": 7,
    }


def test_parameters_go_where_the_schema_has_a_place_for_them() -> None:
    made = model(
        Component("backbone", "resnet18", {"pretrained": True, "frozen": "no", "depth": 18}),
        Component("decoder", "fpn", {"in_channels": [64, 128], "inner_channels": 256, "smooth": True, "sizes": [1]}),
        Component("head", "db", {"in_channels": 64, "k": 50, "ratios": [1.5]}),
        Component("loss", "bce", {"alpha": 1, "beta": 2.5, "reduction": "mean", "on": True}),
    )
    assert made == {
        "encoder": {"model_name": "resnet18", "pretrained": True},
        "decoder": {"name": "fpn", "in_channels": [64, 128], "inner_channels": 256, "params": {"smooth": True}},
        "head": {"name": "db", "in_channels": 64, "params": {"k": 50}},
        "loss": {"name": "bce", "params": {"alpha": 1.0, "beta": 2.5}},
        "components": [
            {"role": "encoder", "name": "resnet18", "params": {"frozen": "no", "depth": 18}},
            {"role": "decoder", "name": "fpn", "params": {"sizes": [1]}},
            {"role": "head", "name": "db", "params": {"ratios": [1.5]}},
            {"role": "loss", "name": "bce", "params": {"reduction": "mean", "on": True}},
        ],
    }


@pytest.mark.parametrize(
    "part",
    [
        Component("decoder", "fpn", {"in_channels": [64, "x"]}),
        Component("decoder", "fpn", {"in_channels": 3}),
        Component("decoder", "fpn", {"inner_channels": 0}),
        Component("head", "fpn", {"in_channels": [1]}),
    ],
)
def test_channels_of_another_shape_are_kept_in_the_open_list(part: Component) -> None:
    (entry,) = model(part)["components"]
    assert entry == {"role": part.role, "name": "fpn", "params": part.params}


def test_a_part_without_a_name_keeps_its_parameters() -> None:
    assert model(Component("head", None, {"k": 50}), head="db")["head"] == {"name": "db", "params": {"k": 50}}
    assert model(Component("head", None, {"k": 50}))["head"] == {"params": {"k": 50}}


def test_parameters_of_another_part_are_not_those_of_the_one_that_counts() -> None:
    assert model(Component("decoder", "unet", {"depth": 5}), decoder="fpn") == {"decoder": {"name": "fpn"}}


def test_flags_that_a_writer_filled_in_are_no_facts() -> None:
    record = Record(
        components=[Component("encoder", "resnet18", {"pretrained": True, "frozen": True})],
        provenance={"components.encoder.pretrained": "default", "components": "sidecar"},
    )
    assert model_block(record)["encoder"] == {"model_name": "resnet18", "frozen": True}


def test_other_roles_are_listed_and_a_nameless_role_is_not() -> None:
    made = model(Component("tokenizer", "bpe", {"size": {"vocabulary": 32000}}), Component("unknown", "x", {}))
    assert made == {"components": [{"role": "tokenizer", "name": "bpe", "params": {"size.vocabulary": 32000}}]}
