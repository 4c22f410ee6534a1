from __future__ import annotations

from typing import Any

import pytest

from ckpt_indexer.metadata.secrecy import is_secret
from ckpt_indexer.sources.wandb.config import config_facts, unwrapped, without_secrets


def test_values_are_unwrapped_and_w_and_bs_own_dropped() -> None:
    config = {
        "lr": {"desc": None, "value": 0.1},
        "model": {"value": {"a": 1}},
        "_wandb": {"value": {}},
        "plain": {"value": 1, "x": 2},
    }
    assert unwrapped(config) == {"lr": 0.1, "model": {"a": 1}, "plain": {"value": 1, "x": 2}}


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "apiKey",
        "WANDB_API_KEY",
        "token",
        "hf_token",
        "hub-token",
        "password",
        "db.password",
        "secret",
        "aws_secret_key",
        "access_key",
        "hubToken",
        "passwd",
        "Authorization",
    ],
)
def test_secrets_are_known_by_their_keys(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key", ["max_tokens", "tokenizer", "pad_token_id", "secretary", "keys", "num_heads", "tokens_per_batch"]
)
def test_other_keys_are_not(key: str) -> None:
    assert not is_secret(key)


def test_no_secret_reaches_facts_parts_or_parameters() -> None:
    config = {
        "exp_name": "night",
        "model": {"encoder": {"model_name": "resnet50", "api_key": "hush", "params": {"hub_token": "hush"}}},
        "tracker": {"password": "hush", "uri": "postgresql://user:hush@host/db"},
        "nodes": [{"token": "hush"}, "https://a:hush@b"],
    }
    found = config_facts(config)
    assert found.facts["experiment"] == "night"
    assert found.facts["backbone"] == "resnet50"
    assert "hush" not in repr(found)


def test_an_id_in_the_configuration_is_not_the_runs() -> None:
    assert "wandb_run_id" not in config_facts({"logger": {"wandb": {"id": "other123"}}}).facts


def test_copies_are_bounded() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"a": deep}
    wide = {str(number): [0] * 1_000 for number in range(1_000)}
    assert len(repr(without_secrets(deep))) < 1_000
    assert len(repr(without_secrets(wide))) < 500_000
