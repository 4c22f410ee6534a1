from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckpt_indexer.metadata.components import Parts, default_flags, read_list, read_part
from ckpt_indexer.metadata.record import Component

if TYPE_CHECKING:
    from ckpt_indexer.metadata.record import Problem


def test_what_a_block_knows_is_merged_into_its_params() -> None:
    block = {"name": "pan", "in_channels": [1, 2], "inner_channels": 3, "params": {"inner_channels": 9, "k": "v"}}
    part = read_part("decoder", block, [], legacy=False)
    assert part == Component("decoder", "pan", {"in_channels": [1, 2], "inner_channels": 3, "k": "v"})


def test_a_block_that_knows_nothing_is_no_component() -> None:
    block: dict[str, Any] = {"name": "unknown", "in_channels": [], "inner_channels": None, "params": {}}
    assert read_part("decoder", block, [], legacy=True) is None


def test_a_nameless_block_with_parameters_is_a_component() -> None:
    assert read_part("head", {"in_channels": 128}, [], legacy=True) == Component("head", None, {"in_channels": 128})


def test_flags_alone_describe_an_encoder_only_when_nobody_filled_them_in() -> None:
    block = {"pretrained": True, "frozen": None}
    assert read_part("encoder", block, [], legacy=True) is None
    assert read_part("encoder", block, [], legacy=False) == Component("encoder", None, {"pretrained": True})


def test_flags_of_an_old_encoder_are_named_as_defaults() -> None:
    part = Component("encoder", "resnet18", {"pretrained": True, "frozen": False})
    assert default_flags(part) == {"components.encoder.pretrained", "components.encoder.frozen"}
    assert default_flags(Component("encoder", "resnet18", {})) == frozenset()


def test_the_params_of_a_loss_are_numbers() -> None:
    problems: list[Problem] = []
    block = {"name": "db", "params": {"alpha": 1, "beta": "1e-3", "gamma": "big", "delta": float("nan"), "eps": None}}
    assert read_part("loss", block, problems, legacy=False) == Component("loss", "db", {"alpha": 1.0, "beta": 0.001})
    assert [problem.kind for problem in problems] == ["field", "not_finite"]


@pytest.mark.parametrize(
    ("role", "block"),
    [
        ("encoder", {"pretrained": "yes"}),
        ("decoder", {"in_channels": "256"}),
        ("decoder", {"in_channels": [True]}),
        ("decoder", {"in_channels": [2**63]}),
        ("decoder", {"inner_channels": 0}),
        ("head", {"in_channels": -1}),
        ("head", {"params": [1]}),
        ("loss", {"params": {"alpha": True}}),
        ("loss", {"name": 3}),
    ],
)
def test_a_bad_field_of_a_block_is_one_problem(role: str, block: dict[str, Any]) -> None:
    problems: list[Problem] = []
    read_part(role, block, problems, legacy=False)
    assert len(problems) == 1
    assert problems[0].message.startswith(f"model.{role}.")


def test_entries_of_the_open_list_are_components() -> None:
    problems: list[Problem] = []
    entries = [
        {"role": "neck", "name": "fpn", "params": {"levels": 4}, "stride": 8},
        {"role": "backbone", "name": "unknown"},
        {"role": "tokenizer", "params": {}},
    ]
    assert read_list(entries, problems, legacy=True) == [
        Component("neck", "fpn", {"stride": 8, "levels": 4}),
        Component("backbone", None, {}),
        Component("tokenizer", None, {}),
    ]
    assert problems == []


@pytest.mark.parametrize(
    "value", [{}, "x", ["x"], [{}], [{"role": ""}], [{"role": "unknown"}], [{"role": "a", "x": {}}]]
)
def test_a_bad_open_list_is_one_problem(value: object) -> None:
    problems: list[Problem] = []
    read_list(value, problems, legacy=False)
    assert len(problems) == 1
    assert problems[0].message.startswith("model.components")


def test_a_role_of_the_wrong_type_is_a_problem() -> None:
    problems: list[Problem] = []
    assert read_list([{"role": 3}], problems, legacy=False) == []
    assert all(problem.kind == "field" for problem in problems)


def test_a_block_given_again_says_what_it_said_and_what_is_wrong_with_it() -> None:
    read, block = Parts(), {"name": "pan", "in_channels": "many", "params": {"k": 1}}
    expected: list[Problem] = []
    part = read_part("decoder", block, expected, legacy=False)
    found: list[Problem] = []
    first = read("decoder", block, found, legacy=False)
    assert first == part
    assert read("decoder", block, found, legacy=False) is first
    assert found == expected * 2 != []


def test_blocks_are_told_apart_by_role_and_age_of_their_document() -> None:
    read, block = Parts(), {"name": "x", "model_name": "x", "pretrained": True}
    told = [read(role, block, [], legacy=legacy) for role in ("encoder", "head") for legacy in (True, False)]
    assert told == [
        read_part(role, block, [], legacy=legacy) for role in ("encoder", "head") for legacy in (True, False)
    ]


def test_many_blocks_are_never_mixed_up() -> None:
    read = Parts()
    for number in range(1_000):
        assert read("head", {"name": f"head{number}"}, [], legacy=False) == Component("head", f"head{number}", {})
