from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckpt_indexer.metadata.record import Component
from ckpt_indexer.sources.config.documents import parse_config
from ckpt_indexer.sources.config.facts import MAX_PARAMS, ConfigAnswer, describe_config, fill_gaps

GOLDEN = Path(__file__).parents[2] / "golden" / "configs"


def real(name: str) -> Any:
    return parse_config((GOLDEN / f"hydra_{name}.yaml").read_bytes())


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (
            "single",
            {"experiment": "decoder_benchmark", "architecture": "dbnet", "backbone": "resnet18", "max_epochs": 1},
        ),
        ("multirun", {"experiment": "ocr_training_gpu", "architecture": "dbnet", "backbone": "resnet18"}),
        ("kie", {"experiment": "ocr_training_b", "architecture": "parseq", "monitor": "val/hmean"}),
    ],
)
def test_real_configs_tell_run_and_model(name: str, facts: dict[str, Any]) -> None:
    said = describe_config(real(f"{name}_config"), hydra=real(f"{name}_hydra")["hydra"])
    assert facts.items() <= said.facts.items()
    assert said.params["seed"] == 42
    assert said.params["model.optimizer.lr" if name != "multirun" else "models.optimizer.lr"] == 0.001


def test_a_logger_that_is_only_switched_on_names_no_run() -> None:
    for config in (real("single_config"), {"logger": {"wandb": True}}, {"wandb": True}, {"logger": {"wandb": False}}):
        assert "wandb_run_id" not in describe_config(config).facts
    assert describe_config({"logger": {"wandb": {"id": "abc123"}}}).facts["wandb_run_id"] == "abc123"


def test_references_are_resolved_before_anything_is_looked_for() -> None:
    config = {
        "name": "resnet50",
        "model": {"encoder": "${parts.encoder}"},
        "parts": {"encoder": {"model_name": "${name}"}},
    }
    assert describe_config(config).facts["backbone"] == "resnet50"


def test_hydra_s_own_block_and_secrets_are_left_out() -> None:
    config = {
        "hydra": {"job": {"name": "x"}},
        "lr": 0.1,
        "logger": {"api_key": "abcdef", "where": "${logger.api_key}", "whole": "${logger2}"},
        "logger2": {"token": "abcdef"},
        "model": {"encoder": {"model_name": "resnet50", "hub_token": "abcdef"}},
    }
    said = describe_config(config, overrides={"password": "abcdef"})
    assert "abcdef" not in str(said)
    assert not any(key.startswith("hydra") for key in said.params)
    assert said.params["lr"] == 0.1


def test_an_override_adds_only_what_the_config_does_not_hold() -> None:
    said = describe_config({"lr": 0.1, "name": "${lr}"}, overrides={"lr": "0.1", "name": "${lr}", "trainer": "debug"})
    assert said.params == {"lr": 0.1, "name": 0.1, "trainer": "debug"}


def test_of_too_many_parameters_the_varied_and_the_least_nested_stay() -> None:
    config = {
        "many": {"deep": {f"k{n}": n for n in range(900)}},
        "seed": 1,
        "optimizer": {"lr": 0.1},
    }
    said = describe_config(config, overrides={"many.deep.k880": 880})
    assert len(said.params) == MAX_PARAMS
    assert said.dropped == 902 - MAX_PARAMS
    assert {"seed", "optimizer.lr", "many.deep.k880"} <= said.params.keys()


def test_texts_and_tables_are_no_parameters() -> None:
    config = {"notes": "x" * 5_000, "classes": list(range(1_000)), "betas": [0.9, 0.999], "name": "x" * 100}
    assert set(describe_config(config).params) == {"betas", "name"}


def test_the_first_configuration_wins_and_the_next_fills_its_gaps() -> None:
    first = ConfigAnswer({"backbone": "a"}, [Component("encoder", "a", {})], {"lr": 1}, 0)
    second = ConfigAnswer(
        {"backbone": "b", "loss": "c"},
        [Component("encoder", "b", {}), Component("loss", "c", {})],
        {"lr": 2, "seed": 3},
        0,
    )
    both = fill_gaps([first, second])
    assert both.facts == {"backbone": "a", "loss": "c"}
    assert [component.name for component in both.components] == ["a", "c"]
    assert both.params == {"lr": 1, "seed": 3}


def test_an_answer_survives_its_way_through_json() -> None:
    answer = ConfigAnswer({"a": 1}, [Component("encoder", "x", {"k": 1})], {"b": [1]}, 2)
    assert ConfigAnswer.from_json(answer.to_json()) == answer
